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

	FormatGpkg = binpkg.FormatGpkg

	SignatureNone       = binpkg.SignatureNone
	SignatureValid      = binpkg.SignatureValid
	SignatureInvalid    = binpkg.SignatureInvalid
	SignatureUnknownKey = binpkg.SignatureUnknownKey
	SignatureUnchecked  = binpkg.SignatureUnchecked
)

// Integrities are the words for the bytes of files, from the best to the worst.
var Integrities = []FileIntegrity{Whole, Unchecked, Unknown, Damaged}
