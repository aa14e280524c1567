package vdb

import "emaudit/parse/atom"

// Package is one installed package.
//
// Each value is the value of the key of the same name, with runs of blanks
// collapsed. If the package lacks the key, it is "" or 0.
type Package struct {
	CPV atom.CPV

	// Slot is the slot without the sub-slot. It is 0, as in Portage, if the package
	// has no valid SLOT.
	Slot string
	// SubSlot is the sub-slot. It equals Slot if SLOT names none.
	SubSlot string
	// Repo is the name of the ebuild repository, or "" if unknown.
	Repo string
	// EAPI is "0" if the package has none.
	EAPI string

	// BuildTime is the time of the build in unix seconds, not the time of the
	// installation. It is 0 if it is missing and -1 if it is not a number.
	BuildTime int64
	// BuildID is the build id of the binary package that was created by the build
	// or installed. It is 0 or -1 as for BuildTime.
	BuildID int64
	// Counter increases with each merge on the host: of two installed packages, the
	// one with the higher counter was merged later. It is 0, as in Portage, if it
	// is not a number.
	Counter int64
	// BinpkgMD5 is the MD5, in lower-case hexadecimal, of the binary package that
	// the package was installed from, or that its build created. It is "" if there
	// was none, as after a build without buildpkg.
	BinpkgMD5 string

	USE           string
	IUSE          string
	IUSEEffective string // needs WantIUSEEffective
	Keywords      string
	License       string
	Properties    string
	Restrict      string
	CHOST         string
	DefinedPhases string
	Description   string

	// The dependencies of the installed package, with USE conditionals evaluated
	// and the slots of := operators filled in.
	Depend  string
	BDepend string
	RDepend string
	PDepend string
	IDepend string

	// Requires and Provides are lists of sonames by multilib category.
	Requires string
	Provides string

	// Size is the total size of the installed files in bytes, or -1 if it is not a
	// number. It needs WantSize.
	Size int64

	// BuildEnv needs WantBuildEnv.
	BuildEnv BuildEnv

	// Metadata is the state of the file metadata.
	Metadata MetadataState
	// StaleValues reports that the values come from an outdated metadata file,
	// because there are no others. Portage sees none of them.
	StaleValues bool
	// Unread lists the files that exist but could not be read. Their keys are
	// unknown, not empty.
	Unread []string
	// DirMTimeNS is the mtime of the directory in unix nanoseconds, usually the end
	// of the installation.
	DirMTimeNS int64
}

// BuildEnv is the environment in which a package was built.
type BuildEnv struct {
	CBUILD   string
	CFLAGS   string
	CXXFLAGS string
	LDFLAGS  string
	Features string
	// InstallMask is INSTALL_MASK, or PKG_INSTALL_MASK if that is absent.
	InstallMask string
}

// MetadataState is the state of the file metadata of a package.
type MetadataState string

const (
	// MetadataAbsent: there is no such file, as before Portage 3.0.82.
	MetadataAbsent MetadataState = "absent"
	// MetadataFresh: the file is valid, and the files of single keys do not count.
	MetadataFresh MetadataState = "fresh"
	// MetadataStale: the directory has changed since the file was written.
	MetadataStale MetadataState = "stale"
	// MetadataUnusable: the file cannot be read, is incomplete, or has an unknown
	// format.
	MetadataUnusable MetadataState = "unusable"
	// MetadataSole: the file is valid, and the only one. After emaint vdb
	// --delete-individual-files it is, and quickpkg cannot read it.
	MetadataSole MetadataState = "sole"
)

// Want selects keys that [ReadPackage] reads in addition to BINPKGMD5 and the keys
// in the file metadata. Each costs reading one more file.
type Want uint8

const (
	// WantIUSEEffective reads IUSE_EFFECTIVE.
	WantIUSEEffective Want = 1 << iota
	// WantSize reads SIZE.
	WantSize
	// WantBuildEnv reads the keys of [BuildEnv].
	WantBuildEnv
	// WantIdentity reads CATEGORY and PF and compares them with the names of the
	// directories.
	WantIdentity
)
