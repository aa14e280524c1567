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
// nothing else of emaudit; a test over the import graph holds that.
package parse

import "fmt"

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
