package binpkgs

import "emaudit/parse/binpkg"

// The words of a binary package that answers hold. Who writes an answer takes them
// from here, and does not know the parser.
type (
	FileIntegrity = binpkg.Integrity
	Signature     = binpkg.SignatureState
)

// What is known of the bytes of a file, whose format is gpkg, and whether it is signed.
const (
	Whole     = binpkg.Whole
	Damaged   = binpkg.Damaged
	Unchecked = binpkg.Unchecked
	Unknown   = binpkg.Unknown

	// Empty: the file has no bytes and never had any. A build reserves its name so. One
	// whose content the index lists has lost it, and is Damaged.
	Empty FileIntegrity = "empty"
	// Unread: no problem is known, and the file was never read in full. One that was
	// read and that no checksum vouches for is Unchecked.
	Unread FileIntegrity = "unread"

	FormatGpkg = binpkg.FormatGpkg

	SignatureNone       = binpkg.SignatureNone
	SignatureValid      = binpkg.SignatureValid
	SignatureInvalid    = binpkg.SignatureInvalid
	SignatureUnknownKey = binpkg.SignatureUnknownKey
	SignatureUnchecked  = binpkg.SignatureUnchecked
)

// Integrities are the words for the bytes of files, from the best to the worst.
var Integrities = []FileIntegrity{Whole, Unchecked, Unread, Unknown, Empty, Damaged}
