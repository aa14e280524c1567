// Package screen writes text for people: tables in aligned columns, findings, a
// summary, steps, and key/value blocks on a [Screen], and what belongs on standard
// error by [Messages].
//
// Colour only underlines what the words already say, so that nothing is lost
// without it. A table on a page of known width fits that page; on a pipe it is not
// cut, because what reads a pipe needs all of it. What is meant to be copied, a
// command or the subject of a finding, is never cut and never broken, except that on a
// narrow page the commands of steps go on in the next line behind a backslash.
//
// Log lines, package names, file names and metadata may be hostile. Every writer
// here passes every string through [Clean], so that no caller can forget it. Nothing
// in this package reads the environment, the clock or the terminal: command emaudit
// looks once and hands over a [Terminal].
package screen

import (
	"bufio"
	"bytes"
	"io"
	"path"
	"time"
)

// Screen writes text for people. Everything that it is given may be hostile and
// is cleaned on its way out.
//
// The first error of the underlying writer ends the output; [Screen.Flush]
// returns it, so that only the end needs to be checked. A Screen is not safe for
// use by several goroutines.
type Screen struct {
	out  *bufio.Writer
	term Terminal
	line []byte
	err  error
	// inRoot says that a path was written as the audited root has it.
	inRoot bool
}

// screenBuffer is the size of the output buffer: large enough that a long
// history costs few write calls.
const screenBuffer = 64 << 10

// NewScreen returns a Screen that writes to w as term allows.
func NewScreen(w io.Writer, term Terminal) *Screen {
	return &Screen{out: bufio.NewWriterSize(w, screenBuffer), term: term}
}

// Terminal returns what the screen knows of the place that it writes to.
func (s *Screen) Terminal() Terminal {
	return s.term
}

// Flush writes out what is buffered and returns the first error met so far.
func (s *Screen) Flush() error {
	if err := s.out.Flush(); err != nil && s.err == nil {
		s.err = err
	}
	return s.err
}

// PathsInRoot says that the answer has paths as the audited root has them.
func (s *Screen) PathsInRoot() { s.inRoot = true }

// Root says where the paths of the answer are, if that is not the running system.
func (s *Screen) Root() {
	if s.inRoot && s.term.Root != "" && s.term.Root != "/" {
		s.Line(Dim.Text("paths are inside "), Code.Text(s.term.Root))
	}
}

// Line writes one line that consists of the parts, without anything between
// them. It is neither cut nor wrapped, but on a narrow page, where commands go on as
// those of steps do.
func (s *Screen) Line(parts ...Cell) {
	if s.isNarrow() && lineOf(parts) > s.term.Width {
		s.narrowLine(parts)
		return
	}
	line := s.line[:0]
	for _, part := range parts {
		line = appendPainted(line, Clean(part.Text), part.Role, s.term.Color)
	}
	s.writeLine(line)
}

// Sentence writes a line that consists of the parts. One that is longer than the page is
// wrapped at spaces, without colour.
func (s *Screen) Sentence(parts ...Cell) {
	text := ""
	for _, part := range parts {
		text += part.Text
	}
	if s.term.Width > 0 && DisplayWidth(Clean(text)) > s.term.Width {
		s.Paragraph(0, Plain.Text(text))
		return
	}
	s.Line(parts...)
}

// Blank writes an empty line.
func (s *Screen) Blank() {
	s.writeLine(s.line[:0])
}

// Heading writes a line of its own that names what follows.
func (s *Screen) Heading(text string) {
	s.Line(Bold.Text(text))
}

// Paragraph writes text indented by indent columns, wrapped at spaces where the
// width is known. Line feeds in the text begin new lines: it is meant for
// messages of several lines, such as those of elog.
func (s *Screen) Paragraph(indent int, text Cell) {
	width := s.term.Width
	if width > 0 {
		width = max(width-indent, 1)
	}
	for paragraph := range bytes.Lines([]byte(text.Text)) {
		for _, row := range wrapWords(Clean(string(bytes.TrimRight(paragraph, "\r\n"))), width) {
			line := appendSpaces(s.line[:0], indent)
			s.writeLine(appendPainted(line, row, text.Role, s.term.Color))
		}
	}
}

// writeLine writes a finished line, without the spaces at its end, and keeps its
// memory for the next one.
func (s *Screen) writeLine(line []byte) {
	s.line = line
	if s.err != nil {
		return
	}
	line = append(bytes.TrimRight(line, " "), '\n')
	if _, err := s.out.Write(line); err != nil {
		s.err = err
	}
}

// Fail ends the output with an error; the first counts.
func (s *Screen) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Terminal is what a writer has to know of the place that it writes to. The
// command line finds it out once (from the file descriptor, NO_COLOR, --color,
// --utc and the clock) and hands it over as a value. The zero value is a pipe:
// no limit to the width, no colour, no progress, times in UTC.
type Terminal struct {
	// IsTerminal says that a person is watching: progress may be drawn and a
	// line may be overwritten.
	IsTerminal bool
	// Width is the number of columns that a line may have. At 0 there is no
	// limit, and nothing is cut or wrapped.
	Width int
	// Color allows SGR colour sequences.
	Color bool
	// RelativeDays allows "today 12:04" in place of the date. It is meant for
	// a screen; a mail or a file is read on another day.
	RelativeDays bool
	// Location is the time zone in which times are shown; nil is UTC.
	Location *time.Location
	// Now is the moment that "today" refers to.
	Now time.Time
	// Root is the folder that holds the audited root; "" or "/" is the running system.
	Root string
}

// Path returns the path by which a reader opens a file of the audited root.
func (t Terminal) Path(inRoot string) string {
	if !path.IsAbs(inRoot) || t.Root == "/" {
		return inRoot
	}
	return t.Root + inRoot
}

// Zone returns the time zone of t, which is UTC where none was given.
func (t Terminal) Zone() *time.Location {
	if t.Location == nil {
		return time.UTC
	}
	return t.Location
}
