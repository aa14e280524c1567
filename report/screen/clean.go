package screen

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"emaudit/parse"
)

// Clean returns s with everything that could act on a terminal replaced by an
// escape that can be seen. It is the one place where untrusted text becomes
// harmless, and every writer of this package applies it.
//
// Replaced are
//
//   - the C0 controls and DEL, which with ESC includes every CSI and OSC
//     sequence, as \x1b; tab, line feed and carriage return as \t, \n and \r;
//   - bytes that are not valid UTF-8, as \xNN;
//   - the C1 controls U+0080 to U+009F, which some terminals obey as they obey
//     ESC, as \u009b;
//   - format characters (Unicode category Cf), which reorder or hide text: bidi
//     controls, zero-width spaces, tags, the byte order mark; as \u202e or
//     \U000e0041;
//   - the line and paragraph separators U+2028 and U+2029.
//
// The joiners U+200C and U+200D stay, because scripts and emoji are written with
// them. A backslash stays as it is, so that Clean(Clean(s)) == Clean(s); the price
// is that text which holds the four characters \x1b looks the same as an escaped
// ESC. JSON output has the difference.
//
// Text that needs nothing is returned as it is, without an allocation.
func Clean(s string) string {
	n := CleanPrefix(s)
	if n == len(s) {
		return s
	}
	return string(appendClean(make([]byte, 0, len(s)+16), s, n))
}

// CleanPrefix returns the length of the longest prefix of s that is harmless.
func CleanPrefix(s string) int {
	for i := parse.PrintablePrefix(s); i < len(s); {
		if c := s[i]; ' ' <= c && c < 0x7f {
			i++
			continue
		} else if c < utf8.RuneSelf {
			return i
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || Acts(r) {
			return i
		}
		i += size
	}
	return len(s)
}

// appendClean appends s, the first n bytes of which are known to be harmless.
func appendClean(dst []byte, s string, n int) []byte {
	for {
		dst = append(dst, s[:n]...)
		s = s[n:]
		if s == "" {
			return dst
		}
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, s[0])
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
		s = s[size:]
		n = CleanPrefix(s)
	}
}

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
)

// Acts reports whether r does something to a terminal, or to the text around
// it, instead of being shown.
func Acts(r rune) bool {
	if r == zeroWidthNonJoiner || r == zeroWidthJoiner {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
