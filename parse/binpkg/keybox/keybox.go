// Package keybox extracts the OpenPGP certificates from GnuPG's pubring.kbx. The
// file has the keybox format (GnuPG, kbx/keybox-blob.c):
//
//	file   = { blob }
//	blob   = length(4) type(1) version(1) flags(2) ...
//	header = a blob of type 1: ... "KBXf" at 8
//	key    = a blob of type 2: keyblock-offset(4) keyblock-length(4) at 8 ...
//
// Integers are big endian. length counts the whole blob, and offset counts from the
// start of the blob. The keyblock holds the same bytes as the output of gpg
// --export. Blobs of other types (0 deleted, 3 X.509) are skipped. The checksum at
// the end of a blob is ignored, because a damaged certificate fails its own
// signatures.
//
// This package does not read pubring.db, the SQLite database of the newer keyboxd.
package keybox

import (
	"encoding/binary"

	"emaudit/parse"
)

const (
	magic       = "KBXf"
	magicOffset = 8

	typeOpenPGP = 2
	keyHeader   = 16 // up to and including the length of the keyblock

	// maxBlob bounds one blob, in bytes. A certificate with photos and thousands of
	// third-party signatures has a few MB.
	maxBlob = 32 << 20
)

// The codes of diagnostics.
const (
	ProblemBlob = "keybox-blob" // a blob whose lengths contradict each other, or bytes that are no blob
)

// Is reports whether data begins like a keybox.
func Is(data []byte) bool {
	return len(data) >= magicOffset+len(magic) && string(data[magicOffset:magicOffset+len(magic)]) == magic
}

// Keyblocks returns the OpenPGP certificates of a keybox and the damage found in
// it. Each certificate is a sequence of binary packets that shares the memory of
// data. Keyblocks stops at a blob with an impossible length, because it cannot find
// the next one.
func Keyblocks(data []byte) ([][]byte, []parse.Diagnostic) {
	var blocks [][]byte
	var diagnostics []parse.Diagnostic
	damaged := func(at int, format string, args ...any) {
		diagnostics = append(diagnostics, parse.Diagnosef(int64(at), ProblemBlob, "keybox: "+format, args...))
	}
	for at := 0; at < len(data); {
		start, rest := at, data[at:]
		if len(rest) < 5 {
			damaged(start, "%d bytes behind the last blob", len(rest))
			break
		}
		length := int64(binary.BigEndian.Uint32(rest))
		if length < 5 || length > maxBlob || length > int64(len(rest)) {
			damaged(start, "blob of %d bytes, %d are left", length, len(rest))
			break
		}
		blob := rest[:length]
		at += int(length)
		if blob[4] != typeOpenPGP {
			continue
		}
		if length < keyHeader {
			damaged(start, "key blob of %d bytes", length)
			continue
		}
		offset := int64(binary.BigEndian.Uint32(blob[8:]))
		size := int64(binary.BigEndian.Uint32(blob[12:]))
		if offset < keyHeader || offset+size > length {
			damaged(start, "key of %d bytes at %d in a blob of %d", size, offset, length)
			continue
		}
		blocks = append(blocks, blob[offset:offset+size])
	}
	return blocks, diagnostics
}
