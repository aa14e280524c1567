package mergelog

import (
	"bytes"

	"emaudit/parse/mergelog/cause"
)

// Cause is the first line that explains a failure.
type Cause struct {
	Class cause.Class
	// Offset is the position of Line in the decompressed log, in bytes.
	Offset int64
	// Line is the line that names the cause, cleaned.
	Line string
	// Excerpt holds the lines to quote in a bug report: consecutive cleaned lines
	// including Line, with long ones shortened.
	Excerpt []string
}

// survives is the number of lines, for each rank, after which an error no longer
// explains a later failure. Parallel jobs finish their work first, so errors of
// compilers may stand far above the end.
var survives = [...]int64{cause.Report: 4000, cause.Weak: 60, cause.Reason: 4000, cause.Stop: 1 << 62}

// candidate is the best cause so far.
type candidate struct {
	Cause
	rank     cause.Rank
	open     bool  // the excerpt takes more lines
	after    int   // number of lines taken after the decisive one
	lastLine int64 // number of the last line with the same evidence
}

// considerCause checks whether line explains the failure.
func (s *scanner) considerCause(line []byte) {
	if len(line) > 0 && line[0] == esc {
		line = skipEscapes(line)
	}
	class, rank := cause.Classify(line)
	if rank == cause.None {
		return
	}
	if bytes.ContainsAny(line, "\x1b\r") {
		// Colours and progress bars hide the text of the line.
		line = []byte(Clean(line))
		if class, rank = cause.Classify(line); rank == cause.None {
			return
		}
	}
	if s.phase == PhaseTest && rank == cause.Reason && isExpectable(class, line) {
		rank = cause.Weak
	}
	if class == cause.Other {
		class = s.classOfPhase()
	}
	s.consider(line, class, rank)
}

// isExpectable reports whether a passing test may print line, because tests provoke
// errors.
func isExpectable(class cause.Class, line []byte) bool {
	switch class {
	case cause.Test, cause.Linker:
		return false
	case cause.Compiler:
		return bytes.HasPrefix(line, []byte("error: "))
	case cause.Python:
		return !bytes.HasPrefix(line, []byte("E   "))
	}
	return true
}

// classOfPhase returns the class of an unclassified error in the current phase.
func (s *scanner) classOfPhase() cause.Class {
	switch s.phase {
	case PhaseConfigure:
		return cause.Configure
	case PhaseTest:
		return cause.Test
	}
	return cause.Other
}

// consider makes the current line the cause if it explains more than the previous
// one in this phase. It ignores lines after the failure, which only repeat it.
func (s *scanner) consider(line []byte, class cause.Class, r cause.Rank) {
	if s.log.Failure != nil {
		return
	}
	now := s.lines.lines
	c := &s.cause
	settled := s.gaveUp && c.rank >= cause.Reason
	if c.rank != cause.None && !settled && now-c.lastLine > survives[c.rank] {
		*c = candidate{}
		s.gaveUp = false
	}
	switch {
	case !settled && r > c.rank:
		*c = candidate{Cause: Cause{Class: class, Offset: s.lines.offset(), Line: record(line)}, rank: r, lastLine: now}
		s.openExcerpt()
	case r >= c.rank:
		c.lastLine = now
	}
	if r == cause.Report {
		s.gaveUp = true
	}
}

// resetCause forgets the errors of a phase that has ended successfully.
func (s *scanner) resetCause() {
	s.cause, s.gaveUp = candidate{}, false
	s.lines.limitLookBack()
}

// concludeCause is called when the failure is reported. It drops a weak cause that
// the build survived. Without a cause, it takes the lines just above.
func (s *scanner) concludeCause() {
	c := &s.cause
	if c.rank == cause.Weak && s.lines.lines-c.lastLine > survives[cause.Weak] {
		*c = candidate{}
	}
	c.open = c.open && c.Offset == s.lines.offset()
	if c.rank == cause.None {
		s.excerptAbove()
	}
}
