package makeconf

import "strings"

// expand returns the expanded value of a word. If the word cannot be expanded, it
// reports a diagnostic and returns "".
func (p *Parser) expand(word token) string {
	value, problem := expand(word.text, p.known, min(maxValue, maxValues-p.valueBytes))
	if problem != "" {
		p.reportToken(word, "bad-substitution", "%s: taken as empty", problem)
	}
	p.valueBytes += len(value)
	return value
}

// expand substitutes the variables in s. The result has at most limit bytes. If
// problem is not "", it says why value is empty.
func expand(s string, vars map[string]string, limit int) (value, problem string) {
	if len(s) > limit {
		return "", "the value is too long"
	}
	if !strings.ContainsAny(s, "$\\\n") {
		return s, ""
	}
	var out strings.Builder
	var single, double bool // inside quotes that are part of the value
	for i := 0; i < len(s); {
		c := s[i]
		i++
		switch {
		case c == '\'':
			single = single != !double
			out.WriteByte(c)
		case c == '"':
			double = double != !single
			out.WriteByte(c)
		case single:
			out.WriteByte(c)
		case c == '\n':
			out.WriteByte(' ')
		case c == '\\':
			i += unescape(s[i:], &out)
		case c == '$':
			name, length, problem := reference(s[i:])
			if problem != "" {
				return "", problem
			}
			i += length
			if name == "" {
				out.WriteByte(c)
				break
			}
			if out.Len()+len(vars[name]) > limit {
				return "", "the value is too long"
			}
			out.WriteString(vars[name])
		default:
			out.WriteByte(c)
		}
	}
	if out.Len() > limit {
		return "", "the value is too long"
	}
	return out.String(), ""
}

// unescape writes the character that a backslash before s stands for. It returns
// the number of bytes of s that it has read.
func unescape(s string, out *strings.Builder) int {
	if s == "" {
		out.WriteByte('\\')
		return 0
	}
	switch s[0] {
	case '$':
		out.WriteByte('$')
		return 1
	case '\\':
		out.WriteByte('\\')
		// Portage keeps a quote or dollar after a double backslash unchanged. Its
		// source calls that a bug, kept for compatibility.
		if len(s) > 1 && strings.IndexByte(`'"$`, s[1]) >= 0 {
			out.WriteByte(s[1])
			return 2
		}
		return 1
	case '\n':
		return 1
	default:
		out.WriteByte('\\')
		out.WriteByte(s[0])
		return 1
	}
}

// reference returns the variable that a dollar before s refers to, and the length
// of the reference. The name is empty if the dollar ends the value.
func reference(s string) (name string, length int, problem string) {
	if s == "" {
		return "", 0, ""
	}
	open := s[0] == '{'
	if open {
		s = s[1:]
	}
	n := 0
	for n < len(s) && isNameByte(s[n]) {
		n++
	}
	switch {
	case open && (n == len(s) || s[n] != '}'):
		return "", 0, "bad substitution: no } behind ${" + s[:n]
	case n == 0:
		return "", 0, "bad substitution: no name behind $"
	case open:
		return s[:n], n + 2, ""
	default:
		return s[:n], n, ""
	}
}

func isNameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_'
}
