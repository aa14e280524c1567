package mergelog

import (
	"slices"
	"strings"

	"emaudit/parse/mergelog/cause"
)

// excerptRange is the number of lines around a decisive line that an excerpt
// includes.
type excerptRange struct{ above, below int }

// excerptRanges holds the classes with an unusual reach.
var excerptRanges = map[cause.Class]excerptRange{
	cause.Compiler:    {above: 6, below: 12},
	cause.MissingFile: {above: 4, below: 6},
	cause.Linker:      {above: 3, below: 8},
	cause.Rust:        {above: 0, below: 20},
	cause.CMake:       {above: 0, below: 20},
	cause.Python:      {above: 24, below: 1},
	cause.Configure:   {above: 3, below: 6},
	cause.Meson:       {above: 3, below: 3},
	cause.Make:        {above: 5, below: 2},
	cause.Ninja:       {above: 1, below: 6},
	cause.Test:        {above: 3, below: 8},
	cause.Collision:   {above: 0, below: 24},
	cause.Checksum:    {above: 0, below: 3},
	cause.ReadOnly:    {above: 4, below: 0},
	cause.Sandbox:     {above: 0, below: 10},
}

// defaultExcerptRange is the reach of the other classes. tailLines is the number of
// lines in an excerpt without a cause.
var defaultExcerptRange = excerptRange{above: 3, below: 3}

const tailLines = 10

func (c *candidate) excerptRange() excerptRange {
	if r, ok := excerptRanges[c.Class]; ok {
		return r
	}
	return defaultExcerptRange
}

// openExcerpt begins the excerpt of a new candidate. It holds the current line and
// the related lines above it.
func (s *scanner) openExcerpt() {
	c := &s.cause
	var above []string
	command := "" // a line that is related only if a line of ninja precedes it
	s.lines.above(func(raw []byte) bool {
		line := record(raw)
		edge := strings.HasPrefix(line, "FAILED: ")
		switch {
		case len(above) >= c.excerptRange().above:
			return false
		case command != "":
			if edge {
				above = append(above, command, line)
			}
			return false
		case belongsAbove(c.Class, line):
			above = append(above, line)
			// A traceback begins here, or the report of ninja on a failed edge.
			return !edge && !strings.HasPrefix(line, "Traceback (most recent call last):")
		case isMarker(line):
			return false
		}
		command = line
		return command != ""
	})
	slices.Reverse(above)
	if c.Class == cause.Python {
		above = fromTraceback(above)
	}
	for len(above) > 0 && above[0] == "" {
		above = above[1:]
	}
	c.Excerpt = append(above, record(s.lines.current()))
	c.open = true
}

// fromTraceback drops the lines above a traceback. Without a traceback, it keeps
// only the last line.
func fromTraceback(above []string) []string {
	for i, line := range above {
		if strings.HasPrefix(strings.TrimLeft(line, " "), "Traceback (most recent call last):") {
			return above[i:]
		}
	}
	return above[max(0, len(above)-1):]
}

// isMarker reports whether Portage or an ebuild function wrote line.
func isMarker(line string) bool {
	return strings.HasPrefix(line, ">>> ") || strings.HasPrefix(line, " * ") || strings.HasPrefix(line, "!!! ")
}

// belongsAbove reports whether a line above a decisive one is related to it.
func belongsAbove(class cause.Class, line string) bool {
	switch class {
	case cause.Compiler, cause.MissingFile:
		return strings.Contains(line, "In file included from ") || strings.HasPrefix(line, "  ") && strings.Contains(line, " from ") ||
			strings.Contains(line, ": In ") || strings.Contains(line, "required from ") ||
			strings.HasSuffix(line, ": Assembler messages:") || strings.HasPrefix(line, "FAILED: ")
	case cause.Linker:
		return strings.Contains(line, ": in function ") || strings.Contains(line, ": In function ")
	case cause.Meson, cause.Configure:
		return !isMarker(line)
	}
	return line != "" && !isMarker(line)
}

// extendExcerpt adds the next line to the open excerpt, or closes the excerpt.
func (s *scanner) extendExcerpt(raw []byte) {
	c := &s.cause
	line := record(raw)
	if c.after == c.excerptRange().below || len(c.Excerpt) >= maxExcerptLines || !belongsBelow(c.Class, line) {
		c.open = false
		c.trim()
		return
	}
	c.after++
	c.Excerpt = append(c.Excerpt, line)
	switch {
	case c.Class == cause.Compiler && strings.Contains(line, "--> ") && strings.Contains(line, ".rs:"):
		c.Class = cause.Rust
	case saysMoreBelow(c) && strings.TrimSpace(line) != "":
		c.Line = cut(strings.TrimSpace(c.Line)+" "+strings.TrimSpace(line), maxText)
	case c.Class == cause.Collision && c.Line == collisionsBegin:
		// The name of the file says more than the announcement of one.
		if file := strings.TrimSpace(strings.TrimPrefix(line, " *")); file != "" {
			c.Line += " " + file
		}
	}
	if class, r := cause.Classify([]byte(line)); r == cause.Report && class != cause.Ninja && class != cause.Linker {
		c.open = false
	}
}

// saysMoreBelow reports whether the decisive line only gives a place. The message,
// or the name of the first test, is then in the next line.
func saysMoreBelow(c *candidate) bool {
	if !strings.HasSuffix(c.Line, ":") {
		return false
	}
	return c.Class == cause.CMake || c.Class == cause.Rust && strings.Contains(c.Line, " panicked at ") || c.Class == cause.Test && strings.HasPrefix(c.Line, "The following tests FAILED")
}

// trim drops blank lines at the end of the excerpt.
func (c *candidate) trim() {
	for n := len(c.Excerpt); n > 0 && strings.Trim(c.Excerpt[n-1], " *") == ""; n-- {
		c.Excerpt = c.Excerpt[:n-1]
	}
}

// belongsBelow reports whether a line below a decisive one is related to it.
func belongsBelow(class cause.Class, line string) bool {
	marked := strings.HasPrefix(line, " * ")
	switch {
	case marked && strings.HasPrefix(line, " * ERROR: "):
		return false
	case class == cause.Collision || class == cause.Sandbox:
		return !strings.Contains(line, "Searching all installed packages") && !strings.HasPrefix(line, ">>> ")
	case marked:
		return false
	case class == cause.Linker:
		return line != "" && (line[0] == ' ' || isMakeReport(line) || strings.HasPrefix(line, "collect2: ") ||
			strings.Contains(line, "undefined ") || strings.Contains(line, "ld: ") || strings.Contains(line, " multiple definition ") ||
			strings.HasPrefix(line, ">>> referenced by ") || strings.HasPrefix(line, ">>> defined at ") || strings.HasPrefix(line, ">>>   "))
	case strings.HasPrefix(line, ">>> "):
		return false
	case class == cause.CMake:
		return !strings.HasPrefix(line, "-- ")
	case class == cause.Configure:
		return !strings.HasPrefix(line, "!!! ")
	case line == "":
		return false
	case class == cause.Compiler || class == cause.MissingFile:
		return (line[0] == ' ' || line[0] == '\t') && !isQuietCommand(line) || isMakeReport(line) ||
			strings.Contains(line, "error:") || strings.Contains(line, "note:") ||
			strings.Contains(line, "compilation terminated") || strings.Contains(line, ": In ")
	}
	return true
}

// isQuietCommand reports whether line is like "  CC       a.o", the form in which
// makefiles of automake and of the kernel name the next command.
func isQuietCommand(line string) bool {
	return len(line) > 3 && line[:2] == "  " && line[2] >= 'A' && line[2] <= 'Z'
}

// isMakeReport reports whether line is make's own report of a failure.
func isMakeReport(line string) bool { return strings.Contains(line, ": *** ") }

// excerptAbove takes the last lines above the failure, if no cause was found.
func (s *scanner) excerptAbove() {
	var above []string
	s.lines.above(func(raw []byte) bool {
		line := record(raw)
		if len(above) == tailLines || strings.HasPrefix(line, ">>> ") ||
			strings.HasPrefix(line, " * FEATURES: ") || strings.HasPrefix(line, " * USE: ") {
			return false
		}
		above = append(above, line)
		return true
	})
	slices.Reverse(above)
	s.cause.Excerpt = above
	s.cause.Offset = s.lines.offset()
	s.cause.trim()
}
