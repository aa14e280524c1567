package postgres

import (
	"strings"
	"unicode/utf8"
)

// The facts of a host are bytes: file names and messages of compilers need not be
// UTF-8, and a link target may follow a NUL. PostgreSQL stores neither in a text. So
// each such byte is stored as a code point of the last 256 of Unicode, which are
// reserved for private use. Those code points themselves are stored byte by byte, so
// that every text comes back as it was.
const (
	firstByte = 0x10ff00
	private   = "\xf4\x8f" // begins the UTF-8 of each of them
)

// EncodeText returns text in the form in which PostgreSQL stores it.
func EncodeText(text string) string {
	if !strings.ContainsRune(text, 0) && utf8.ValidString(text) && !strings.Contains(text, private) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if r == 0 || r == utf8.RuneError && size == 1 || r >= firstByte {
			for _, c := range []byte(text[i : i+size]) {
				b.WriteRune(firstByte + rune(c))
			}
		} else {
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String()
}

// decodeText returns the text that [EncodeText] encoded.
func decodeText(stored string) string {
	if !strings.Contains(stored, private) {
		return stored
	}
	var b strings.Builder
	for _, r := range stored {
		if r >= firstByte {
			b.WriteByte(byte(r - firstByte))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
