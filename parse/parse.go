// Package parse holds what every parser of emaudit has in common; the parsers
// themselves are the folders beneath it, one per format.
//
// A parser turns bytes into small typed records and knows nothing else: no
// database, no clock, no terminal, no environment. Damage in the input is data:
// it becomes a [Diagnostic] with the offset at which it was met, and the rest of
// the input is still read. Only an I/O error or a cancellation stops a parse.
//
// Parsers import the standard library, codecs, this package and parse/atom,
// nothing else of emaudit; a test over the import graph holds that.
package parse

import "fmt"

// Diagnostic is one piece of damage met in an input. It is stored beside the
// records of the same source, so that an answer can say on what it rests.
type Diagnostic struct {
	// Offset is the position in the (decompressed) input, in bytes, at which
	// the damage begins; 0 where the format has no useful position.
	Offset int64
	// Code is stable and kebab-case, such as "torn-line". Every code has a
	// section in docs/findings.md.
	Code string
	// Message says what was found, in one line, with the bytes quoted that a
	// person needs to find it. It may hold hostile text: only the output edge
	// cleans it.
	Message string
}

// Diagnosef returns the Diagnostic of code at offset with a formatted message.
func Diagnosef(offset int64, code, format string, args ...any) Diagnostic {
	return Diagnostic{Offset: offset, Code: code, Message: fmt.Sprintf(format, args...)}
}
