// Package binpkg reads and verifies Gentoo's binary packages: gpkg containers
// (GLEP 78) and the older xpak ones, named *.gpkg.tar, *.xpak and *.tbz2.
//
// # The gpkg container
//
// An uncompressed tar (ustar; GNU or pax extensions for long names) whose
// members are regular files in one common folder:
//
//	container = marker metadata image manifest { signature }   in any order
//	marker    = PREFIX "/gpkg-1"                      empty; format and version
//	metadata  = PREFIX "/metadata.tar" [ext]          entries metadata/KEY
//	image     = PREFIX "/image.tar" [ext]             entries image/...
//	manifest  = PREFIX "/Manifest"                    may be clear-signed
//	signature = PREFIX "/" MEMBER ".sig"              detached OpenPGP signature
//	ext       = ".gz" | ".bz2" | ".lz4" | ".lz" | ".lzo" | ".xz" | ".zst"
//
// Members are found by name: the order is a convention (Portage's reader takes
// the first that fits, gpkg.py:2193), and so is PREFIX, which is PF or
// PF-BUILD_ID and need not equal the file's name. The Manifest is a list of
// lines (gpkg.py:1521, 1575):
//
//	entry = "DATA" SP name SP size { SP hash SP hex } LF
//
// with one entry for every member but itself. Portage writes BLAKE2B and SHA512.
//
// # The xpak container
//
// A compressed tar followed by a segment and its length (xpak(5), xpak.py:127,
// 395). Integers are 32 bits, big endian:
//
//	file    = image segment len(segment) "STOP"
//	segment = "XPAKPACK" len(index) len(data) index data "XPAKSTOP"
//	index   = { len(name) name offset len }           offset is within data
//
// The compressor of the image is told from its first bytes alone
// (util/compression_probe.py:62). Nothing in an xpak is covered by a checksum;
// only the Packages index knows its MD5 and SHA1.
//
// # Metadata
//
// Both carry the package's VDB entry: one file a key, the value as text. A
// package that a build made has neither CONTENTS nor COUNTER; one that quickpkg
// made is a copy of the whole VDB entry and has at least COUNTER. CATEGORY, PF
// and SLOT are what Portage cannot do without (bintree.py:1193).
// environment.bz2, a hundred times the work of all the rest, is noted but
// never unpacked.
//
// # What is tolerated
//
// Damage is reported as [parse.Diagnostic] values whose codes are the Problem
// constants of this package, and everything that can still be read is read.
// What each problem means for the verdict is in one table, see [Integrity].
// Members in another order, unknown members, two metadata members, other
// prefixes, missing end blocks and data behind the end are accepted by Portage
// and reported here. A header that Python's tarfile and archive/tar read
// differently is refused rather than guessed at.
//
// A [Reader] never opens, creates or executes anything, and no name found in a
// package is used as a path. All limits are constants in limits.go.
package binpkg

import (
	"slices"
	"strings"

	"emaudit/parse"
)

// Format is the kind of container.
type Format string

// The formats. The set is closed.
const (
	FormatUnknown Format = "unknown" // neither, or too damaged to tell
	FormatGpkg    Format = "gpkg"    // GLEP 78
	FormatXpak    Format = "xpak"
)

// FormatOfName returns the format that Portage expects of a file with that name
// (const.py:299), or [FormatUnknown] when the suffix is not one of a package.
func FormatOfName(name string) Format {
	switch {
	case strings.HasSuffix(name, ".gpkg.tar"):
		return FormatGpkg
	case strings.HasSuffix(name, ".tbz2"), strings.HasSuffix(name, ".xpak"):
		return FormatXpak
	}
	return FormatUnknown
}

// Origin tells how a package came to be, as far as its metadata shows.
type Origin string

// The origins. The set is closed.
const (
	OriginUnknown  Origin = "unknown"  // the metadata could not be read
	OriginBuild    Origin = "build"    // packaged from a build's image
	OriginQuickpkg Origin = "quickpkg" // packaged from the live system: CONTENTS or COUNTER inside
)

// Member is one member of a gpkg's outer tar.
type Member struct {
	// Name is the whole name as found, PREFIX/NAME. It may be hostile.
	Name string
	// Offset is where the member's data begins, Size its length, in bytes.
	// Offset+Size never exceeds the size of the file.
	Offset, Size int64
}

// Base returns the name without the folder, as the Manifest lists it.
func (m Member) Base() string { return m.Name[strings.LastIndexByte(m.Name, '/')+1:] }

// Package is what one file says about itself. Read fills it without looking at
// the payload: Integrity is at best [Unchecked].
type Package struct {
	Format Format
	// Compressor is that of the image; empty when it could not be told.
	Compressor Compressor
	// Prefix is the folder inside a gpkg, PF or PF-BUILD_ID by convention;
	// empty for an xpak and where members disagree.
	Prefix string
	// Members are the members of a gpkg in the order of the file; an xpak has
	// none.
	Members []Member
	// ImageOffset and ImageSize are where the packed image lies, in bytes;
	// both 0 when there is none.
	ImageOffset, ImageSize int64
	// Signed reports that the package claims to be signed: it has a .sig
	// member or a clear-signed Manifest. Nothing was checked for it.
	Signed bool
	Origin Origin
	// Integrity is [Unchecked] for a sound structure, since no payload was
	// read, else what the diagnostics make of it.
	Integrity Integrity

	Metadata
	// MetadataSum is the CRC-32C of the packed metadata of a gpkg, 0 where
	// something is wrong with them.
	MetadataSum uint32

	// Diagnostics are in the order in which they were met, offsets within the
	// file (or, for metadata, within the unpacked metadata.tar).
	Diagnostics []parse.Diagnostic
}

// CPV returns CATEGORY/PF as the metadata have it, or "" when either is missing.
func (p *Package) CPV() string {
	if p.Category == "" || p.PF == "" {
		return ""
	}
	return p.Category + "/" + p.PF
}

// Problems returns the codes of the diagnostics, each once, in order of
// appearance; never nil.
func (p *Package) Problems() []string { return problemsOf(p.Diagnostics) }

// diagnose adds a diagnostic. Beyond the limit only the first of each code is
// kept, so that no verdict is left without its reason.
func (p *Package) diagnose(offset int64, code, format string, args ...any) {
	known := func(d parse.Diagnostic) bool { return d.Code == code }
	if len(p.Diagnostics) < maxDiagnostics || !slices.ContainsFunc(p.Diagnostics, known) {
		p.Diagnostics = append(p.Diagnostics, parse.Diagnosef(offset, code, format, args...))
	}
	p.Integrity = worst(p.Integrity, effects[code])
}
