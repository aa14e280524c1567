// Package parse defines what all parsers of emaudit share. The parsers themselves
// are in the folders below it, one for each format.
//
// A parser turns bytes into small typed records. It uses no database, no clock, no
// terminal and no environment. Damage in the input is data: the parser records a
// [Diagnostic] with its offset and reads on. Only an I/O error or a cancellation
// stops a parser.
//
// Parsers import only the standard library, codecs, this package and parse/atom. A
// test over the import graph holds that.
package parse

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// Diagnostic is one piece of damage in an input. The store keeps it with the
// records of the same source, so that an answer can name the damage that it rests
// on.
type Diagnostic struct {
	// Offset is the position in the decompressed input, in bytes, where the damage
	// begins. It is 0 if the format has no useful position.
	Offset int64
	// Code identifies the kind of damage, such as "torn-line". Codes are stable,
	// and each has a section in docs/findings.md.
	Code string
	// Message describes the damage in one line and quotes the bytes that a person
	// needs to find it. It may hold hostile text; only the output layer escapes it.
	Message string
}

// Diagnosef returns a Diagnostic with the given code, offset and formatted message.
func Diagnosef(offset int64, code, format string, args ...any) Diagnostic {
	return Diagnostic{Offset: offset, Code: code, Message: fmt.Sprintf(format, args...)}
}

// PrintablePrefix returns the length of a prefix of s that is printable ASCII, ' '
// to '~'. It counts whole groups of eight bytes, or all of s. Code that must inspect
// every byte skips this prefix first, because nearly all input is plain text.
func PrintablePrefix[T string | []byte](s T) int {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	for i := 0; len(s) >= 8; {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		// This tests the high bit of each byte, which is set for control
		// characters, DEL and non-ASCII. If no byte has it, no borrow or carry has
		// crossed from one byte into another. The parentheses are needed: | and +
		// have the same precedence.
		if ((w-ones*' ')|(w+ones)|w)&highs != 0 {
			return i
		}
		if i += 8; i >= len(s) {
			return len(s)
		}
		// The last group overlaps the one before.
		i = min(i, len(s)-8)
	}
	return 0
}

// credentials matches the user information of a URL (RFC 3986 section 3.2.1), up to
// the last "@" of the authority, because passwords often hold an unescaped "@". A
// password may even hold a slash. It is distinguished from a path by a character
// that a port cannot have.
var credentials = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#"'<>]*@|[^\s/?#"'<>@:\[\]]*:\d*[^\d\s/?#"'<>][^\s"'<>]*@)`)
})

// WithoutCredentials returns text without the user names and passwords of its URLs:
// https://user:secret@host/x becomes https://host/x. PORTAGE_BINHOST, the output of
// wget and sync URLs may hold them, and more people can read the database than the
// sources.
func WithoutCredentials(text string) string {
	// The expression is slow, and hardly any text has both.
	if !strings.Contains(text, "://") || strings.IndexByte(text, '@') < 0 {
		return text
	}
	return credentials().ReplaceAllString(text, "$1")
}
