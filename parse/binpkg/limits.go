package binpkg

// Every size that a package claims is checked against one of these before it
// is believed. The packages in PKGDIR may come from a binhost, so each limit is
// chosen to let through everything that Portage can build and to keep one file
// from costing more than a few dozen megabytes or about a second.
const (
	// maxMembers bounds the members of a gpkg. GLEP 78 knows six; Portage
	// tolerates others when the Manifest lists them.
	maxMembers = 64

	// maxMetadataSize bounds metadata.tar and the xpak segment, packed and
	// unpacked. The largest real part of it is the CONTENTS that quickpkg
	// includes, 10 MB for a kernel source tree. Portage has no limit here and
	// needed 8 GB and 40 s for a bomb of 137 KB; for remote packages it refuses
	// more than 10 MB (gpkg.py:925).
	maxMetadataSize = 32 << 20

	// maxMetadataEntries bounds the keys of a package; real ones have about 40.
	maxMetadataEntries = 4096

	// maxKeyName is NAME_MAX: each key is a file name in the VDB.
	maxKeyName = 255

	// maxKeyValue bounds one value that is kept. The longest real one is the
	// REQUIRES of a large desktop package, some 20 kB.
	maxKeyValue = 256 << 10

	// maxManifestSize bounds Manifest and each signature: maxMembers lines of
	// 300 bytes and a signature of a few kB need a tenth of it.
	maxManifestSize = 256 << 10

	// maxSignatures bounds the signatures of one member, each of which costs a
	// pass over it. Two are made while a key gives way to its successor.
	maxSignatures = 16

	// maxTrailing is how much may follow the end of the archive and still be
	// read. tar pads to records of 10240 bytes, other writers to more; a sparse
	// hole of gigabytes is no padding, and reading it would take minutes.
	maxTrailing = 16 << 20

	// maxDiagnostics bounds what one package can make the caller store, but for
	// the first diagnostic of each code.
	maxDiagnostics = 64

	// retainedBuffer is how large a scratch buffer may stay between packages,
	// so that one large package does not pin memory in every worker.
	retainedBuffer = 1 << 20
)
