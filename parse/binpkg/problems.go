package binpkg

import "slices"

// Integrity is the verdict on the bytes of a package.
type Integrity string

// The verdicts.
const (
	// Whole: every byte was read and agrees with all checksums that exist, and
	// Portage accepts the file.
	Whole Integrity = "whole"
	// Damaged: there is a problem for which Portage refuses the file, or should.
	Damaged Integrity = "damaged"
	// Unchecked: no problem is known, but no checksum was compared. Either only the
	// structure was read, or there is no checksum.
	Unchecked Integrity = "unchecked"
	// Unknown: a limit or an unsupported compressor kept part of the package from
	// being read.
	Unknown Integrity = "unknown"
)

// The problems are codes of diagnostics. Each comment says what was found; effect gives
// the verdict.
const (
	// Problems of the file and its outer structure.
	ProblemEmptyFile        = "binpkg-empty"           // no bytes: Portage reserved the name for a build, or a failed build left it
	ProblemNotABinpkg       = "not-a-binpkg"           // neither the magic number of a tar nor the tail of an xpak
	ProblemFormatMismatch   = "format-mismatch"        // an xpak named .gpkg.tar, or the reverse
	ProblemTruncated        = "truncated"              // a member, or the xpak segment, runs beyond the end of the file
	ProblemHeaderInvalid    = "header-invalid"         // a tar header with a wrong checksum or an impossible field
	ProblemMarkerMissing    = "marker-missing"         // no gpkg-1 member: not a gpkg, or a later version of the format
	ProblemMemberPath       = "member-path"            // a member that is not named FOLDER/NAME
	ProblemMemberType       = "member-type"            // a member that is not a regular file
	ProblemMemberDuplicate  = "member-duplicate"       // two members of the same name
	ProblemMemberUnknown    = "member-unknown"         // a member that GLEP 78 does not define; Portage tolerates it if the Manifest lists it
	ProblemMemberAmbiguous  = "member-ambiguous"       // a second metadata or image member; Portage takes the first
	ProblemPrefixMixed      = "prefix-mixed"           // members in different folders
	ProblemTooManyMembers   = "too-many-members"       // more members than maxMembers
	ProblemMetadataMissing  = "metadata-missing"       // no metadata member
	ProblemImageMissing     = "image-missing"          // no image member, or nothing before the xpak segment
	ProblemTrailingData     = "trailing-data"          // data after the end of the archive; Portage does not read it
	ProblemTrailingTooLarge = "trailing-too-large"     // more data after the end than maxTrailing; it was not read and is too large for padding
	ProblemCompressor       = "unsupported-compressor" // a compressor that this program cannot unpack

	ProblemMemberName   = "member-name"  // a member in a folder named . or ..; Portage tolerates it, because it compares only the last part of names
	ProblemOtherPacker  = "other-packer" // packed by another compressor than the name says; the named program may still unpack it, as zstd does with gzip, xz and lz4 if built for that
	ProblemUncompressed = "uncompressed" // metadata.tar or image.tar without compression; only a Portage with BINPKG_COMPRESS=none can read it

	// Problems of the Manifest.
	ProblemManifestMissing   = "manifest-missing"      // no Manifest member
	ProblemManifestTooLarge  = "manifest-too-large"    // a Manifest or a signature larger than maxManifestSize
	ProblemManifestInvalid   = "manifest-invalid"      // a line that is not DATA NAME SIZE { HASH HEX }, or bytes that are not text
	ProblemManifestDuplicate = "manifest-duplicate"    // two entries of the same name
	ProblemManifestUnlisted  = "manifest-unlisted"     // a member without an entry
	ProblemManifestAbsent    = "manifest-absent"       // an entry without a member
	ProblemManifestSize      = "manifest-size"         // a member whose size differs from its entry
	ProblemManifestHash      = "manifest-hash"         // a member whose hash differs from its entry
	ProblemManifestHashes    = "manifest-hash-missing" // an entry without SHA512 or without BLAKE2B; Portage requires both
	ProblemManifestUnsigned  = "manifest-unsigned"     // members are signed, but the Manifest is not, or only in part

	// Problems of signatures.
	ProblemSignatureInvalid     = "signature-invalid"     // does not match the signed bytes, or cannot be parsed
	ProblemSignatureMissing     = "signature-missing"     // a member without a signature, while others have one
	ProblemSignatureUnknownKey  = "signature-unknown-key" // made by a key that the keyring lacks
	ProblemSignatureKey         = "signature-key"         // matches the signed bytes, but the key is expired, revoked or too weak
	ProblemSignatureUnsupported = "signature-unsupported" // of a kind that this program cannot check
	ProblemKeyUnreadable        = "key-unreadable"        // a key in a keyring that cannot be used; it never concerns a package

	// Problems of the image.
	ProblemImageDamaged   = "image-damaged"   // cannot be unpacked, or is not a tar
	ProblemImageTrailing  = "image-trailing"  // more data after the end of the tar than a pipe holds; Portage hangs
	ProblemImageTooLarge  = "image-too-large" // unpacks to more than the limit
	ProblemImagePath      = "image-path"      // an absolute name, or one with a .. component
	ProblemImageOutside   = "image-outside"   // an entry outside image/; Portage extracts and drops it
	ProblemImageDevice    = "image-device"    // a device node or a FIFO; Portage packs but does not extract it
	ProblemImageHardlink  = "image-hardlink"  // a hard link whose target does not precede it
	ProblemImageDuplicate = "image-duplicate" // two entries of the same name
	ProblemImageLossy     = "image-lossy"     // made by quickpkg while installed files of CONTENTS were missing
	ProblemImageAltered   = "image-altered"   // made by quickpkg while installed files differed from CONTENTS
	ProblemConfigStub     = "config-stub"     // made by quickpkg without the protected configuration files

	// Problems of the metadata.
	ProblemMetadataDamaged   = "metadata-damaged"       // cannot be unpacked, or is not a tar
	ProblemMetadataTooLarge  = "metadata-too-large"     // more than the limits in bytes or in keys, packed or unpacked
	ProblemMetadataPath      = "metadata-path"          // a key outside metadata/, or an absolute name, or one with a .. component
	ProblemMetadataType      = "metadata-type"          // a key that is not a regular file
	ProblemMetadataDuplicate = "metadata-duplicate-key" // a key that occurs more than once; Portage takes the last
	ProblemMetadataNested    = "metadata-nested-key"    // a key in a folder below metadata/
	ProblemMetadataKeys      = "metadata-incomplete"    // CATEGORY, PF or SLOT is missing; Portage drops the package
	ProblemMetadataEncoding  = "metadata-not-utf8"      // a value that is not UTF-8
	ProblemMetadataControl   = "metadata-control-char"  // a control character or an inner line break in a value of one line
	ProblemMetadataNumber    = "metadata-number"        // BUILD_TIME, BUILD_ID or SIZE is not a number
	ProblemMetadataValue     = "metadata-value"         // an impossible value: unbalanced parentheses, a CATEGORY with a slash

	// Problems of an xpak segment.
	ProblemXpakTail  = "xpak-tail"  // the last 16 bytes are not the end of an xpak
	ProblemXpakIndex = "xpak-index" // lengths that contradict each other, or an entry outside the segment
)

// effects maps problems to the verdict that they cause. "" means that the problem does
// not change the verdict. Every other problem causes Damaged.
var effects = map[string]Integrity{
	ProblemTooManyMembers:   Unknown,
	ProblemTrailingTooLarge: Unknown,
	ProblemUncompressed:     Unknown,
	ProblemOtherPacker:      Unknown,
	ProblemManifestTooLarge: Unknown,
	ProblemManifestHashes:   Unknown,
	ProblemImageTooLarge:    Unknown,
	ProblemCompressor:       Unknown,
	ProblemMetadataTooLarge: Unknown,

	ProblemMemberName:        "",
	ProblemMemberUnknown:     "",
	ProblemMemberAmbiguous:   "",
	ProblemTrailingData:      "",
	ProblemImageOutside:      "",
	ProblemImageDevice:       "",
	ProblemImageLossy:        "", // the bytes are those that quickpkg packed
	ProblemImageAltered:      "",
	ProblemConfigStub:        "",
	ProblemMetadataDuplicate: "",
	ProblemMetadataNested:    "",
	ProblemMetadataEncoding:  "",
	ProblemMetadataControl:   "",
	ProblemMetadataNumber:    "",

	// The state of a key says nothing about the bytes: see SignatureState.
	ProblemSignatureMissing:     "",
	ProblemSignatureUnknownKey:  "",
	ProblemSignatureKey:         "",
	ProblemSignatureUnsupported: "",
	ProblemKeyUnreadable:        "",
}

// effect returns the verdict that a problem causes.
func effect(problem string) Integrity {
	if verdict, ok := effects[problem]; ok {
		return verdict
	}
	return Damaged
}

// Readable reports whether structure and metadata were read without problems. It
// ignores problems that depend on the Portage configuration of this host.
func (p *Package) Readable() bool {
	for _, d := range p.Diagnostics {
		if effect(d.Code) != "" && d.Code != ProblemUncompressed && d.Code != ProblemOtherPacker {
			return false
		}
	}
	return true
}

// verdicts are in the order of their weight.
var verdicts = []Integrity{Whole, Unchecked, Unknown, Damaged}

// worst combines two verdicts. Damaged outweighs Unknown.
func worst(a, b Integrity) Integrity {
	if slices.Index(verdicts, b) > slices.Index(verdicts, a) {
		return b
	}
	return a
}
