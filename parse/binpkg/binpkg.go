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
// Portage finds members by name, in any order, and takes the first match
// (gpkg.py:2193). PREFIX is by convention PF or PF-BUILD_ID, and need not equal the
// name of the file. The Manifest is a list of lines (gpkg.py:1521, 1575):
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
// The first bytes of the image alone identify its compressor
// (util/compression_probe.py:62). An xpak holds no checksums; only the Packages
// index records its MD5 and SHA1.
//
// # Metadata
//
// Both formats hold the VDB entry of the package, with one file for each key. A
// package from a build has neither CONTENTS nor COUNTER. A package from quickpkg is
// a copy of the whole VDB entry and has at least COUNTER. Portage requires
// CATEGORY, PF and SLOT (bintree.py:1193). This package notes environment.bz2 but
// never unpacks it, because that costs a hundred times as much as everything else.
//
// # What is tolerated
//
// Damage becomes [parse.Diagnostic] values, whose codes are the Problem constants
// of this package. Everything that can still be read is read. One table gives the
// effect of each problem on the verdict, see [Integrity]. Portage accepts members
// in another order, unknown members, two metadata members, other prefixes, missing
// end blocks and data after the end; this package reports them. It refuses a header
// that Python's tarfile and archive/tar read differently, because it cannot know
// which reading is meant.
//
// A [Reader] never opens, creates or executes anything. It never uses a name from a
// package as a path. All limits are constants in limits.go.
package binpkg

import (
	"slices"
	"strings"

	"emaudit/parse"
	"emaudit/parse/binpkg/codec"
)

// Format is the kind of container.
type Format string

// The formats.
const (
	FormatUnknown Format = "unknown" // neither format, or too damaged to recognise
	FormatGpkg    Format = "gpkg"    // GLEP 78
	FormatXpak    Format = "xpak"
)

// FormatOfName returns the format that Portage expects in a file of that name
// (const.py:299). It returns [FormatUnknown] if the suffix is not one of a package.
func FormatOfName(name string) Format {
	switch {
	case strings.HasSuffix(name, ".gpkg.tar"):
		return FormatGpkg
	case strings.HasSuffix(name, ".tbz2"), strings.HasSuffix(name, ".xpak"):
		return FormatXpak
	}
	return FormatUnknown
}

// Origin says how a package was made, according to its metadata.
type Origin string

// The origins.
const (
	OriginUnknown  Origin = "unknown"  // the metadata could not be read
	OriginBuild    Origin = "build"    // packaged from a build's image
	OriginQuickpkg Origin = "quickpkg" // packaged from the live system: CONTENTS or COUNTER inside
)

// Member is one member of a gpkg's outer tar.
type Member struct {
	// Name is the full name in the tar, PREFIX/NAME. It may be hostile.
	Name string
	// Offset is the position of the member's data, Size its length, both in bytes.
	// Offset+Size is at most the size of the file.
	Offset, Size int64
}

// Base returns the name without the folder, as in the Manifest.
func (m Member) Base() string { return m.Name[strings.LastIndexByte(m.Name, '/')+1:] }

// Package is the content of one package file. Read fills it without reading the
// image, so Integrity is at best [Unchecked].
type Package struct {
	Format Format
	// Compressor is the compressor of the image, or "" if it is unknown.
	Compressor codec.Compressor
	// Prefix is the folder inside a gpkg, by convention PF or PF-BUILD_ID. It is ""
	// for an xpak, and if the members are in different folders.
	Prefix string
	// Members are the members of a gpkg in the order of the file. An xpak has none.
	Members []Member
	// ImageOffset and ImageSize locate the packed image in the file, in bytes. Both
	// are 0 if there is no image.
	ImageOffset, ImageSize int64
	// Signed reports that the package has a .sig member or a clear-signed Manifest.
	// Read does not verify the signatures.
	Signed bool
	Origin Origin
	// Integrity is [Unchecked] if the structure is sound. Otherwise it follows from
	// the diagnostics.
	Integrity Integrity

	Metadata
	// MetadataSum is the CRC-32C of the packed metadata of a gpkg. It is 0 if they
	// have a problem.
	MetadataSum uint32

	// Diagnostics are in the order of discovery. Their offsets count bytes in the
	// file, or in the unpacked metadata.tar.
	Diagnostics []parse.Diagnostic
}

// CPV returns CATEGORY/PF from the metadata, or "" if either is missing.
func (p *Package) CPV() string {
	if p.Category == "" || p.PF == "" {
		return ""
	}
	return p.Category + "/" + p.PF
}

// diagnose adds a diagnostic. At the limit it still adds the first one of each
// code, so that each verdict keeps its reason.
func (p *Package) diagnose(offset int64, code, format string, args ...any) {
	known := func(d parse.Diagnostic) bool { return d.Code == code }
	if len(p.Diagnostics) < maxDiagnostics || !slices.ContainsFunc(p.Diagnostics, known) {
		p.Diagnostics = append(p.Diagnostics, parse.Diagnosef(offset, code, format, args...))
	}
	p.Integrity = worst(p.Integrity, effect(code))
}
