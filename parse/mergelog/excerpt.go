package mergelog

import (
	"bytes"
	"slices"
	"strings"
)

// reach is how much of what stands around a decisive line belongs to it.
type reach struct{ above, below int }

// reaches holds the reach of the classes that need another than the usual.
var reaches = map[CauseClass]reach{
	CauseCompiler:    {above: 6, below: 12},
	CauseMissingFile: {above: 4, below: 6},
	CauseLinker:      {above: 3, below: 8},
	CauseRust:        {above: 0, below: 20},
	CauseCMake:       {above: 0, below: 20},
	CausePython:      {above: 24, below: 1},
	CauseConfigure:   {above: 3, below: 3},
	CauseMeson:       {above: 3, below: 3},
	CauseMake:        {above: 5, below: 2},
	CauseNinja:       {above: 1, below: 6},
	CauseTest:        {above: 3, below: 8},
	CauseCollision:   {above: 0, below: 24},
	CauseSandbox:     {above: 0, below: 10},
}

// usualReach is the reach of the other classes; tailLines is the number of lines
// shown where no cause was found.
var usualReach = reach{above: 3, below: 3}

const tailLines = 10

func (c *candidate) reach() reach {
	if r, ok := reaches[c.class]; ok {
		return r
	}
	return usualReach
}

// openExcerpt begins the excerpt of a new candidate: the current line and those
// above it that belong to it.
func (s *scanner) openExcerpt() {
	c := &s.cause
	var above []string
	s.lines.above(func(line []byte) bool {
		if len(above) == c.reach().above || !belongsAbove(c.class, line) {
			return false
		}
		above = append(above, record(line))
		// A traceback begins here, and so does what ninja says of an edge.
		return !hasPrefix(line, "Traceback (most recent call last):") && !hasPrefix(line, "FAILED: ")
	})
	slices.Reverse(above)
	if c.class == CausePython {
		above = fromTraceback(above)
	}
	c.excerpt = append(above, record(s.lines.current()))
	c.open = true
}

// fromTraceback drops what stands above a traceback, or all but the last line
// where there is none.
func fromTraceback(above []string) []string {
	for i, line := range above {
		if strings.HasPrefix(strings.TrimLeft(line, " "), "Traceback (most recent call last):") {
			return above[i:]
		}
	}
	return above[max(0, len(above)-1):]
}

// belongsAbove reports whether a line above a decisive one tells of the same.
func belongsAbove(class CauseClass, line []byte) bool {
	if len(line) == 0 || hasPrefix(line, ">>> ") || hasPrefix(line, " * ") {
		return false
	}
	switch class {
	case CauseCompiler, CauseMissingFile:
		return bytes.Contains(line, []byte("In file included from ")) || bytes.Contains(line, []byte("from ")) && line[0] == ' ' ||
			bytes.Contains(line, []byte(": In ")) || bytes.Contains(line, []byte("required from ")) ||
			bytes.Contains(line, []byte(": Assembler messages:")) || hasPrefix(line, "FAILED: ")
	case CauseLinker:
		return bytes.Contains(line, []byte(": in function ")) || bytes.Contains(line, []byte(": In function "))
	}
	return true
}

// extendExcerpt takes the next line into the open excerpt, or closes it.
func (s *scanner) extendExcerpt(line []byte) {
	c := &s.cause
	if c.after == c.reach().below || len(c.excerpt) >= maxExcerptLines || !belongsBelow(c.class, line) {
		c.open = false
		c.trim()
		return
	}
	c.after++
	c.excerpt = append(c.excerpt, record(line))
	if c.class == CauseCompiler && bytes.Contains(line, []byte("--> ")) && bytes.Contains(line, []byte(".rs:")) {
		c.class = CauseRust
	}
	if class, r := classify(line); r == rankReport && class != CauseNinja && class != CauseLinker {
		c.open = false
	}
}

// trim drops blank lines from the end of the excerpt.
func (c *candidate) trim() {
	for n := len(c.excerpt); n > 1 && strings.TrimSpace(c.excerpt[n-1]) == ""; n-- {
		c.excerpt = c.excerpt[:n-1]
	}
}

// belongsBelow reports whether a line below a decisive one tells of the same.
func belongsBelow(class CauseClass, line []byte) bool {
	marked := hasPrefix(line, " * ")
	switch {
	case hasPrefix(line, ">>> "), marked && bytes.Contains(line, []byte("ERROR: ")):
		return false
	case class == CauseCollision || class == CauseSandbox:
		return !bytes.Contains(line, []byte("Searching all installed packages"))
	case marked:
		return false
	case class == CauseCMake:
		return !hasPrefix(line, "-- ")
	case len(line) == 0:
		return false
	}
	switch class {
	case CauseCompiler, CauseMissingFile:
		return line[0] == ' ' || line[0] == '\t' || isMakeReport(line) ||
			bytes.Contains(line, []byte("error:")) || bytes.Contains(line, []byte("note:")) ||
			bytes.Contains(line, []byte("compilation terminated")) || bytes.Contains(line, []byte(": In "))
	case CauseLinker:
		return line[0] == ' ' || isMakeReport(line) || hasPrefix(line, "collect2: ") ||
			bytes.Contains(line, []byte("undefined ")) || bytes.Contains(line, []byte("ld: ")) ||
			bytes.Contains(line, []byte(">>> ")) || bytes.Contains(line, []byte(" multiple definition "))
	}
	return true
}

// isMakeReport reports whether line is make's own report of a failure.
func isMakeReport(line []byte) bool { return bytes.Contains(line, []byte(": *** ")) }

// excerptAbove shows the last lines above the failure, where no cause was found.
func (s *scanner) excerptAbove() {
	var above []string
	s.lines.above(func(line []byte) bool {
		if len(above) == tailLines || hasPrefix(line, ">>> ") || hasPrefix(line, " * FEATURES: ") || hasPrefix(line, " * USE: ") {
			return false
		}
		above = append(above, record(line))
		return true
	})
	slices.Reverse(above)
	s.cause.excerpt = above
	s.cause.offset = s.lines.offset()
	s.cause.trim()
	if len(above) == 1 && above[0] == "" {
		s.cause.excerpt = nil
	}
}
