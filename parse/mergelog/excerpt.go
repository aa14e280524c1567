package mergelog

import (
	"slices"
	"strings"
)

// excerptRange is the number of lines around a decisive line that an excerpt
// includes.
type excerptRange struct{ above, below int }

// excerptRanges holds the classes with an unusual reach.
var excerptRanges = map[CauseClass]excerptRange{
	CauseCompiler:    {above: 6, below: 12},
	CauseMissingFile: {above: 4, below: 6},
	CauseLinker:      {above: 3, below: 8},
	CauseRust:        {above: 0, below: 20},
	CauseCMake:       {above: 0, below: 20},
	CausePython:      {above: 24, below: 1},
	CauseConfigure:   {above: 3, below: 6},
	CauseMeson:       {above: 3, below: 3},
	CauseMake:        {above: 5, below: 2},
	CauseNinja:       {above: 1, below: 6},
	CauseTest:        {above: 3, below: 8},
	CauseCollision:   {above: 0, below: 24},
	CauseChecksum:    {above: 0, below: 3},
	CauseReadOnly:    {above: 4, below: 0},
	CauseSandbox:     {above: 0, below: 10},
}

// defaultExcerptRange is the reach of the other classes. tailLines is the number of
// lines in an excerpt without a cause.
var defaultExcerptRange = excerptRange{above: 3, below: 3}

const tailLines = 10

func (c *candidate) excerptRange() excerptRange {
	if r, ok := excerptRanges[c.class]; ok {
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
		case belongsAbove(c.class, line):
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
	if c.class == CausePython {
		above = fromTraceback(above)
	}
	for len(above) > 0 && above[0] == "" {
		above = above[1:]
	}
	c.excerpt = append(above, record(s.lines.current()))
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
func belongsAbove(class CauseClass, line string) bool {
	switch class {
	case CauseCompiler, CauseMissingFile:
		return strings.Contains(line, "In file included from ") || strings.HasPrefix(line, "  ") && strings.Contains(line, " from ") ||
			strings.Contains(line, ": In ") || strings.Contains(line, "required from ") ||
			strings.HasSuffix(line, ": Assembler messages:") || strings.HasPrefix(line, "FAILED: ")
	case CauseLinker:
		return strings.Contains(line, ": in function ") || strings.Contains(line, ": In function ")
	case CauseMeson, CauseConfigure:
		return !isMarker(line)
	}
	return line != "" && !isMarker(line)
}

// extendExcerpt adds the next line to the open excerpt, or closes the excerpt.
func (s *scanner) extendExcerpt(raw []byte) {
	c := &s.cause
	line := record(raw)
	if c.after == c.excerptRange().below || len(c.excerpt) >= maxExcerptLines || !belongsBelow(c.class, line) {
		c.open = false
		c.trim()
		return
	}
	c.after++
	c.excerpt = append(c.excerpt, line)
	switch {
	case c.class == CauseCompiler && strings.Contains(line, "--> ") && strings.Contains(line, ".rs:"):
		c.class = CauseRust
	case saysMoreBelow(c) && strings.TrimSpace(line) != "":
		c.line = cut(strings.TrimSpace(c.line)+" "+strings.TrimSpace(line), maxText)
	case c.class == CauseCollision && c.line == collisionsBegin:
		// The name of the file says more than the announcement of one.
		if file := strings.TrimSpace(strings.TrimPrefix(line, " *")); file != "" {
			c.line += " " + file
		}
	}
	if class, r := classify([]byte(line)); r == rankReport && class != CauseNinja && class != CauseLinker {
		c.open = false
	}
}

// saysMoreBelow reports whether the decisive line only gives a place. The message,
// or the name of the first test, is then in the next line.
func saysMoreBelow(c *candidate) bool {
	if !strings.HasSuffix(c.line, ":") {
		return false
	}
	return c.class == CauseCMake || c.class == CauseRust && isPanic([]byte(c.line)) || c.class == CauseTest && strings.HasPrefix(c.line, "The following tests FAILED")
}

// trim drops blank lines at the end of the excerpt.
func (c *candidate) trim() {
	for n := len(c.excerpt); n > 0 && strings.Trim(c.excerpt[n-1], " *") == ""; n-- {
		c.excerpt = c.excerpt[:n-1]
	}
}

// belongsBelow reports whether a line below a decisive one is related to it.
func belongsBelow(class CauseClass, line string) bool {
	marked := strings.HasPrefix(line, " * ")
	switch {
	case marked && strings.HasPrefix(line, " * ERROR: "):
		return false
	case class == CauseCollision || class == CauseSandbox:
		return !strings.Contains(line, "Searching all installed packages") && !strings.HasPrefix(line, ">>> ")
	case marked:
		return false
	case class == CauseLinker:
		return line != "" && (line[0] == ' ' || isMakeReport(line) || strings.HasPrefix(line, "collect2: ") ||
			strings.Contains(line, "undefined ") || strings.Contains(line, "ld: ") || strings.Contains(line, " multiple definition ") ||
			strings.HasPrefix(line, ">>> referenced by ") || strings.HasPrefix(line, ">>> defined at ") || strings.HasPrefix(line, ">>>   "))
	case strings.HasPrefix(line, ">>> "):
		return false
	case class == CauseCMake:
		return !strings.HasPrefix(line, "-- ")
	case class == CauseConfigure:
		return !strings.HasPrefix(line, "!!! ")
	case line == "":
		return false
	case class == CauseCompiler || class == CauseMissingFile:
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
	s.cause.excerpt = above
	s.cause.offset = s.lines.offset()
	s.cause.trim()
}
