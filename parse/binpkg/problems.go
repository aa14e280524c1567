package binpkg

import (
	"slices"

	"emaudit/parse"
)

// Integrity is the verdict on the bytes of a package.
type Integrity string

// The verdicts. The set is closed.
const (
	// Whole: every byte was read and agrees with every checksum there is, and
	// Portage would not refuse the file.
	Whole Integrity = "whole"
	// Damaged: something is wrong for which Portage refuses the file, or
	// should.
	Damaged Integrity = "damaged"
	// Unchecked: nothing is known to be wrong, but no checksum was compared,
	// either because only the structure was read or because there is none.
	Unchecked Integrity = "unchecked"
	// Unknown: it cannot be told, because a limit or an unsupported compressor
	// kept part of the package from being read.
	Unknown Integrity = "unknown"
)

// The problems: codes of diagnostics. The comment says what was found; effects
// says what it does to the verdict.
const (
	// Of the file and its outer structure.
	ProblemEmptyFile        = "empty-file"             // no bytes: a name that Portage reserved for a build, or what a failed one left
	ProblemNotABinpkg       = "not-a-binpkg"           // neither the magic of a tar nor the tail of an xpak
	ProblemFormatMismatch   = "format-mismatch"        // an xpak named .gpkg.tar, or the reverse
	ProblemTruncated        = "truncated"              // a member, or the xpak segment, runs beyond the end of the file
	ProblemHeaderInvalid    = "header-invalid"         // a tar header with a wrong checksum or an impossible field
	ProblemMarkerMissing    = "marker-missing"         // no gpkg-1 member: no gpkg, or a later version of the format
	ProblemMemberPath       = "member-path"            // a member that is not named FOLDER/NAME
	ProblemMemberType       = "member-type"            // a member that is not a regular file
	ProblemMemberDuplicate  = "member-duplicate"       // two members of the same name
	ProblemMemberUnknown    = "member-unknown"         // a member that GLEP 78 does not know; Portage tolerates it when the Manifest lists it
	ProblemMemberAmbiguous  = "member-ambiguous"       // a second metadata or image member; Portage takes the first
	ProblemPrefixMixed      = "prefix-mixed"           // members in different folders
	ProblemTooManyMembers   = "too-many-members"       // more members than are read
	ProblemMetadataMissing  = "metadata-missing"       // no metadata member
	ProblemImageMissing     = "image-missing"          // no image member, or nothing in front of the xpak segment
	ProblemTrailingData     = "trailing-data"          // data behind the end of the archive; Portage does not look there
	ProblemTrailingTooLarge = "trailing-too-large"     // more behind the end than is read: no padding, and not looked at
	ProblemCompressor       = "unsupported-compressor" // a compressor that this program cannot unpack

	ProblemMemberName   = "member-name"  // a member in a folder . or .., which Portage tolerates: it finds members by the last part of their names
	ProblemOtherPacker  = "other-packer" // packed by another compressor than the name says, which that of the name may unpack: zstd reads gzip, xz and lz4, where it was built to
	ProblemUncompressed = "uncompressed" // metadata.tar or image.tar without a compressor: only a Portage with BINPKG_COMPRESS=none can read it

	// Of the Manifest.
	ProblemManifestMissing   = "manifest-missing"      // no Manifest member
	ProblemManifestTooLarge  = "manifest-too-large"    // a Manifest or a signature larger than is read
	ProblemManifestInvalid   = "manifest-invalid"      // a line that is not DATA NAME SIZE { HASH HEX }, or bytes that are no text
	ProblemManifestDuplicate = "manifest-duplicate"    // two entries of the same name
	ProblemManifestUnlisted  = "manifest-unlisted"     // a member without an entry
	ProblemManifestAbsent    = "manifest-absent"       // an entry without a member
	ProblemManifestSize      = "manifest-size"         // a member of another size than its entry says
	ProblemManifestHash      = "manifest-hash"         // a member whose bytes do not have the hash of its entry
	ProblemManifestHashes    = "manifest-hash-missing" // an entry without SHA512 or without BLAKE2B, both of which Portage takes for granted
	ProblemManifestUnsigned  = "manifest-unsigned"     // members are signed but the Manifest is not, or not all of it

	// Of signatures.
	ProblemSignatureInvalid     = "signature-invalid"     // not made over these bytes, or not readable
	ProblemSignatureMissing     = "signature-missing"     // no signature for a member, while others have one
	ProblemSignatureUnknownKey  = "signature-unknown-key" // made by a key that is not in the keyring
	ProblemSignatureKey         = "signature-key"         // made over these bytes, but by a key that is expired, revoked or too weak
	ProblemSignatureUnsupported = "signature-unsupported" // of a kind that this program cannot check
	ProblemKeyUnreadable        = "key-unreadable"        // a key of a keyring that cannot be used; never of a package

	// Of the image.
	ProblemImageDamaged   = "image-damaged"   // cannot be unpacked, or is no tar
	ProblemImageTrailing  = "image-trailing"  // more behind the end of its tar than a pipe holds: Portage never ends
	ProblemImageTooLarge  = "image-too-large" // unpacks to more than is read
	ProblemImagePath      = "image-path"      // an absolute name, or one with ..
	ProblemImageOutside   = "image-outside"   // an entry that is not below image/: Portage extracts and drops it
	ProblemImageDevice    = "image-device"    // a device node or a FIFO: Portage packs but does not extract it
	ProblemImageHardlink  = "image-hardlink"  // a hard link to what was not before it
	ProblemImageDuplicate = "image-duplicate" // two entries of the same name
	ProblemImageLossy     = "image-lossy"     // made by quickpkg of an installation that lacked files of its CONTENTS
	ProblemImageAltered   = "image-altered"   // made by quickpkg of an installation whose files are not those of its CONTENTS
	ProblemConfigStub     = "config-stub"     // made by quickpkg without the protected configuration files

	// Of the metadata.
	ProblemMetadataDamaged   = "metadata-damaged"       // cannot be unpacked, or is no tar
	ProblemMetadataTooLarge  = "metadata-too-large"     // more than is read, packed or unpacked, in bytes or in keys
	ProblemMetadataPath      = "metadata-path"          // a key outside metadata/, absolute or with ..
	ProblemMetadataType      = "metadata-type"          // a key that is not a regular file
	ProblemMetadataDuplicate = "metadata-duplicate-key" // a key twice; Portage takes the last
	ProblemMetadataNested    = "metadata-nested-key"    // a key in a folder below metadata/
	ProblemMetadataKeys      = "metadata-incomplete"    // CATEGORY, PF or SLOT missing: Portage drops the package
	ProblemMetadataEncoding  = "metadata-not-utf8"      // a value that is not UTF-8
	ProblemMetadataControl   = "metadata-control-char"  // a control character or an inner line break in a value of one line
	ProblemMetadataNumber    = "metadata-number"        // BUILD_TIME, BUILD_ID or SIZE is no number
	ProblemMetadataValue     = "metadata-value"         // a value that cannot be what it claims: an unclosed dependency, a CATEGORY with a slash

	// Of an xpak segment.
	ProblemXpakTail  = "xpak-tail"  // the last 16 bytes are not the end of an xpak
	ProblemXpakIndex = "xpak-index" // lengths that contradict each other, or an entry outside the segment
)

// effects is what a problem does to the verdict: it becomes Damaged or Unknown.
// A problem with the value "" is worth knowing but leaves the package as good
// as it was. Every code is here; a test holds that.
var effects = map[string]Integrity{
	ProblemEmptyFile:         Damaged,
	ProblemNotABinpkg:        Damaged,
	ProblemFormatMismatch:    Damaged,
	ProblemTruncated:         Damaged,
	ProblemHeaderInvalid:     Damaged,
	ProblemMarkerMissing:     Damaged,
	ProblemMemberPath:        Damaged,
	ProblemMemberName:        "",
	ProblemMemberType:        Damaged,
	ProblemMemberDuplicate:   Damaged,
	ProblemMemberUnknown:     "",
	ProblemMemberAmbiguous:   "",
	ProblemPrefixMixed:       Damaged,
	ProblemTooManyMembers:    Unknown,
	ProblemMetadataMissing:   Damaged,
	ProblemImageMissing:      Damaged,
	ProblemTrailingData:      "",
	ProblemTrailingTooLarge:  Unknown,
	ProblemUncompressed:      Unknown,
	ProblemOtherPacker:       Unknown,
	ProblemManifestMissing:   Damaged,
	ProblemManifestTooLarge:  Unknown,
	ProblemManifestInvalid:   Damaged,
	ProblemManifestDuplicate: Damaged,
	ProblemManifestUnlisted:  Damaged,
	ProblemManifestAbsent:    Damaged,
	ProblemManifestSize:      Damaged,
	ProblemManifestHash:      Damaged,
	ProblemManifestHashes:    Unknown,
	ProblemManifestUnsigned:  Damaged,

	// What a key is worth is not the bytes' fault: see SignatureState.
	ProblemSignatureInvalid:     Damaged,
	ProblemSignatureMissing:     "",
	ProblemSignatureUnknownKey:  "",
	ProblemSignatureKey:         "",
	ProblemSignatureUnsupported: "",
	ProblemKeyUnreadable:        "",

	ProblemImageDamaged:   Damaged,
	ProblemImageTrailing:  Damaged,
	ProblemImageTooLarge:  Unknown,
	ProblemImagePath:      Damaged,
	ProblemImageOutside:   "",
	ProblemImageDevice:    "",
	ProblemImageHardlink:  Damaged,
	ProblemImageDuplicate: Damaged,
	ProblemImageLossy:     "", // the bytes are those that were packed
	ProblemImageAltered:   "",
	ProblemConfigStub:     "",
	ProblemCompressor:     Unknown,

	ProblemMetadataDamaged:   Damaged,
	ProblemMetadataTooLarge:  Unknown,
	ProblemMetadataPath:      Damaged,
	ProblemMetadataType:      Damaged,
	ProblemMetadataDuplicate: "",
	ProblemMetadataNested:    "",
	ProblemMetadataKeys:      Damaged,
	ProblemMetadataEncoding:  "",
	ProblemMetadataControl:   "",
	ProblemMetadataNumber:    "",
	ProblemMetadataValue:     Damaged,

	ProblemXpakTail:  Damaged,
	ProblemXpakIndex: Damaged,
}

// Readable reports whether structure and metadata of a package were read and nothing
// is wrong with them, also where it hangs on this host whether Portage can read it.
func (p *Package) Readable() bool {
	for _, d := range p.Diagnostics {
		if effects[d.Code] != "" && d.Code != ProblemUncompressed && d.Code != ProblemOtherPacker {
			return false
		}
	}
	return true
}

// worst joins two verdicts: damage that is certain outweighs what is unknown.
func worst(a, b Integrity) Integrity {
	rank := func(i Integrity) int {
		switch i {
		case Damaged:
			return 3
		case Unknown:
			return 2
		case Unchecked:
			return 1
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

func problemsOf(diagnostics []parse.Diagnostic) []string {
	codes := make([]string, 0, len(diagnostics))
	for _, d := range diagnostics {
		if !slices.Contains(codes, d.Code) {
			codes = append(codes, d.Code)
		}
	}
	return codes
}
