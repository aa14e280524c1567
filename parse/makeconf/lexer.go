package makeconf

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is one word with its quotes removed.
type token struct {
	text   string
	file   string
	line   int
	offset int64
}

func (t token) origin() Origin { return Origin{File: t.file, Line: t.line} }

// source is a file and the position of the lexer in it.
type source struct {
	file string
	data []byte
	pos  int
	// before is the position of the last character read.
	before int
	line   int
	// crlf reports that the lexer has reported a carriage return in this file.
	crlf bool
}

// lexer splits a file, and the files that it includes, into words.
type lexer struct {
	source
	outer []source // the files that include the current one, innermost last
	// pushed holds characters that ended a word and are the next word themselves.
	// An inclusion can leave two.
	pushed []token
	// ended is set at the end of a file and kept when an inclusion begins. A file
	// that the last word of another includes, without a newline after it, therefore
	// counts as empty, as in Portage.
	ended bool

	problem         problem
	carriageReturns []token
}

// problem is the error after which the lexer returns no more words.
type problem struct {
	at            token
	code, message string
}

// eof is the result of read after the last character.
const eof = -1

// read returns the next character. It returns '\n' for every kind of line end.
func (l *lexer) read() rune {
	if l.pos >= len(l.data) {
		return eof
	}
	l.before = l.pos
	c := l.data[l.pos]
	switch {
	case c == '\n':
		l.line++
	case c == '\r':
		if !l.crlf {
			l.crlf = true
			l.carriageReturns = append(l.carriageReturns, l.here())
		}
		if l.pos+1 < len(l.data) && l.data[l.pos+1] == '\n' {
			l.pos++
		}
		l.line++
		c = '\n'
	case c >= utf8.RuneSelf:
		r, size := utf8.DecodeRune(l.data[l.pos:])
		l.pos += size
		return r
	}
	l.pos++
	return rune(c)
}

// here returns an empty token at the next character.
func (l *lexer) here() token {
	return token{file: l.file, line: l.line, offset: int64(l.pos)}
}

// current returns an empty token at the last character read, which is not a line
// end.
func (l *lexer) current() token {
	return token{file: l.file, line: l.line, offset: int64(l.before)}
}

func (l *lexer) skipLine() {
	for {
		if c := l.read(); c == '\n' || c == eof {
			return
		}
	}
}

// next returns the next word of the current file. It returns false at the end.
func (l *lexer) next() (token, bool) {
	if l.ended {
		return token{}, false
	}
	tok := l.here()
	c := l.read()
	for c == '#' || isBlank(c) {
		if c == '#' {
			l.skipLine()
		}
		tok = l.here()
		c = l.read()
	}
	if c == eof {
		l.ended = true
		return token{}, false
	}
	if c != '\\' && c != '"' && c != '\'' && !isWordChar(c) {
		tok.text = string(c)
		return tok, true
	}

	var word strings.Builder
	for {
		switch {
		case c == eof:
			l.ended = true
			tok.text = word.String()
			return tok, true
		case c == '#':
			l.skipLine()
			tok.text = word.String()
			return tok, true
		case isBlank(c):
			tok.text = word.String()
			return tok, true
		case c == '"' || c == '\'':
			at := l.current()
			if !l.quoted(c, &word) {
				return l.fail(at, codeUnterminatedQuote, "the quote that begins here has no end")
			}
		case c == '\\':
			at := l.current()
			if c = l.read(); c == eof {
				return l.fail(at, codeUnterminatedEscape, "nothing behind the backslash")
			}
			word.WriteRune(c)
		case isWordChar(c):
			word.WriteRune(c)
		default:
			at := l.current()
			at.text = string(c)
			l.pushed = append(l.pushed, at)
			tok.text = word.String()
			return tok, true
		}
		c = l.read()
	}
}

// quoted reads up to the closing quote. It returns false if there is none.
func (l *lexer) quoted(quote rune, word *strings.Builder) bool {
	for {
		c := l.read()
		switch {
		case c == eof:
			return false
		case c == quote:
			return true
		case c == '\\' && quote == '"':
			c = l.read()
			if c == eof {
				return false
			}
			if c != '\\' && c != '"' {
				word.WriteByte('\\')
			}
			word.WriteRune(c)
		default:
			word.WriteRune(c)
		}
	}
}

func (l *lexer) fail(at token, code, message string) (token, bool) {
	l.problem = problem{at: at, code: code, message: message}
	return token{}, false
}

func (l *lexer) popPushed() (token, bool) {
	if len(l.pushed) == 0 {
		return token{}, false
	}
	tok := l.pushed[len(l.pushed)-1]
	l.pushed = l.pushed[:len(l.pushed)-1]
	return tok, true
}

// enter begins to read an included file.
func (l *lexer) enter(file string, data []byte) {
	l.outer = append(l.outer, l.source)
	l.source = source{file: file, data: data, line: 1}
}

// leave returns to the including file. It returns false if there is none.
func (l *lexer) leave() bool {
	if len(l.outer) == 0 {
		return false
	}
	l.source = l.outer[len(l.outer)-1]
	l.outer = l.outer[:len(l.outer)-1]
	l.ended = false
	return true
}

func isBlank(c rune) bool { return c == ' ' || c == '\t' || c == '\n' }

func isWordChar(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c > 0 && c < utf8.RuneSelf && strings.IndexByte("_~!@$%*:;?,./-+{}", byte(c)) >= 0
}

// validName reports whether name can be a variable: letters, digits and
// underscores, not beginning with a digit.
func validName(name string) bool {
	for i, c := range name {
		if c != '_' && !unicode.IsLetter(c) && (!unicode.IsDigit(c) || i == 0) {
			return false
		}
	}
	return name != ""
}
