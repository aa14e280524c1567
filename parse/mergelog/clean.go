package mergelog

import "unicode/utf8"

const (
	esc = 0x1b
	bel = 0x07
)

// maxSequence is the longest accepted control string (OSC, DCS), in bytes. A longer
// one is hostile or binary. Only its introducer is dropped then, so that the text
// after it stays visible.
const maxSequence = 4 << 10

// Clean returns line as a terminal would show it. It removes escape sequences,
// control characters, and text that a carriage return lets the following text
// overwrite. It replaces bytes that are not UTF-8 by U+FFFD and keeps tabs. It also
// removes bidirectional controls, because they change how text reads.
//
// Clean is idempotent. Line should hold no newline; Clean removes it like other
// control characters.
func Clean(line []byte) string {
	return string(appendClean(nil, line))
}

// appendClean appends the cleaned line to dst.
func appendClean(dst, line []byte) []byte {
	start := len(dst)
	for i := 0; i < len(line); {
		c := line[i]
		switch {
		case c >= 0x20 && c < 0x7f || c == '\t':
			dst = append(dst, c)
			i++
		case c == esc:
			i += escapeLen(line[i:])
		case c == '\r':
			i++
			// A carriage return at the end of the line is part of a CRLF.
			if !onlyReturns(line[i:]) {
				dst = dst[:start]
			}
		case c < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(line[i:])
			i += size
			if !isHidden(r) {
				dst = utf8.AppendRune(dst, r)
			}
		}
	}
	return dst
}

// onlyReturns reports whether b holds only carriage returns and newlines.
func onlyReturns(b []byte) bool {
	for _, c := range b {
		if c != '\r' && c != '\n' {
			return false
		}
	}
	return true
}

// isHidden reports whether r changes how other characters are shown: C1 control
// characters, bidirectional controls, line separators.
func isHidden(r rune) bool {
	return r >= 0x80 && r < 0xa0 ||
		r == 0x061c || r == 0x200e || r == 0x200f || r == 0x2028 || r == 0x2029 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0xfeff
}

// escapeLen returns the length of the escape sequence at the beginning of b
// (ECMA-48: CSI, the control strings, and the short sequences).
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return len(b)
	}
	switch b[1] {
	case '[':
		for i := 2; i < len(b); i++ {
			switch c := b[i]; {
			case c >= 0x40 && c <= 0x7e:
				return i + 1
			case c < 0x20 || c > 0x3f:
				return i
			}
		}
		return len(b)
	case ']', 'P', 'X', '^', '_':
		for i := 2; i < len(b) && i < maxSequence; i++ {
			if b[i] == bel {
				return i + 1
			}
			if b[i] == esc && i+1 < len(b) && b[i+1] == '\\' {
				return i + 2
			}
		}
		return 2
	case '(', ')', '*', '+', '#', '%', ' ':
		return min(3, len(b))
	}
	if b[1] >= 0x20 && b[1] < 0x7f {
		return 2
	}
	return 1
}

// skipEscapes returns line without the escape sequences at its beginning.
func skipEscapes(line []byte) []byte {
	for len(line) > 0 && line[0] == esc {
		line = line[escapeLen(line):]
	}
	return line
}

// cut shortens s to at most n bytes, at a character boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
