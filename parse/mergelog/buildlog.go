package mergelog

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"emaudit/parse"
)

// The codes of diagnostics. Each has a section in docs/findings.md.
const (
	codeListCut     = "list-cut"
	codeGzipDamaged = "gzip-damaged"
	codeNoHeader    = "elog-without-header"
	codeBadHeader   = "summary-bad-header"
	codeInterleaved = "summary-interleaved"
	codeUnknownZone = "unknown-time-zone"
)

// ReadBuildLog reads the decompressed build log r to its end. It returns an error
// only if r does. The Kind of a log without any recognisable line is KindUnknown.
func ReadBuildLog(r io.Reader) (BuildLog, error) {
	lines := newLineReader(r)
	defer lines.release()
	s := newScanner(lines)
	for line := range lines.all() {
		s.line(line)
	}
	if err := lines.failed(); err != nil {
		return BuildLog{}, fmt.Errorf("build log: offset %d: %w", lines.size(), err)
	}
	return s.finish(), nil
}

// scanner turns the lines of one build log into its record. It ignores most lines
// of a build log, so line rejects them after two searches for a single byte.
type scanner struct {
	lines *lineReader
	log   BuildLog

	phase Phase // the current phase; "" before the first

	cause   candidate // the best cause in the current phase
	gaveUp  bool      // a tool has reported failure in the current phase
	failing failureBlock
	notice  *QANotice // the notice whose details follow

	// sawInstalled and sawMerged are the evidence for Outcome.
	sawInstalled, sawMerged bool
	removals                int
	cutLists                map[string]bool
	scratch                 []byte
}

func newScanner(lines *lineReader) *scanner {
	return &scanner{lines: lines, log: BuildLog{
		Kind: KindUnknown, Outcome: OutcomeUnknown, Attempts: 1, BuildDirBytes: -1, InstalledBytes: -1,
	}}
}

// line handles the next line of the log.
func (s *scanner) line(line []byte) {
	if s.cause.open {
		s.extendExcerpt(line)
	}
	if len(line) == 0 {
		s.endNotice()
		return
	}
	switch line[0] {
	case ' ':
		if len(line) > 1 && (line[1] == '*' || line[1] == esc) && s.marked(line) {
			return
		}
	case '>', '<', '-', '!', '=':
		if s.portage(line) {
			return
		}
	case esc:
		// The text after the colour sequences decides. Few logs have many coloured
		// lines, so only lines that look interesting are copied.
		if rest := skipEscapes(line); len(rest) > 0 {
			switch rest[0] {
			case ' ', '>', '<', '-', '!', '=', '*':
				s.scratch = appendClean(s.scratch[:0], line)
				if s.marked(s.scratch) || s.portage(s.scratch) {
					return
				}
			}
		}
	}
	if s.notice != nil {
		s.noticeInterrupted()
	}
	s.considerCause(line)
}

// marked handles a line of einfo, ewarn and similar functions, whose text follows "
// * ". It reports whether the line is one.
func (s *scanner) marked(line []byte) bool {
	text, ok := markText(line)
	if !ok {
		s.scratch = appendClean(s.scratch[:0], line)
		if text, ok = markText(s.scratch); !ok {
			return false
		}
	} else if bytes.IndexByte(text, esc) >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		s.scratch = appendClean(s.scratch[:0], text)
		text = s.scratch
	}
	switch {
	case s.header(text), s.sizes(text), s.failureMark(text):
		s.endNotice()
	case s.noticeMark(text):
	default:
		s.considerCause(text)
	}
	return true
}

// markText returns the text after the mark of einfo and similar functions.
func markText(line []byte) ([]byte, bool) {
	if rest, ok := bytes.CutPrefix(line, []byte(" * ")); ok {
		return rest, true
	}
	return nil, bytes.Equal(line, []byte(" *"))
}

// portage handles the lines that Portage begins with three equal characters. It
// reports whether the line is one.
func (s *scanner) portage(line []byte) bool {
	if len(line) < 5 || line[1] != line[0] || line[2] != line[0] || line[3] != ' ' {
		return false
	}
	rest := line[4:]
	switch line[0] {
	case '>':
		s.endNotice()
		s.progress(rest)
	case '!':
		s.errorLine(line)
	case '<':
		s.removals++
	case '-':
		// "--- /dir/" is part of a merge, "--- replaced obj /path" of a removal.
		if len(rest) > 0 && rest[0] != '/' {
			s.removals++
		}
	case '=':
		s.usage(rest)
	}
	return true
}

// enterPhase records that a phase begins at the current line. It ignores a phase
// that is already over: such a line comes from a test suite, or from a package that
// runs Portage.
func (s *scanner) enterPhase(phase Phase) bool {
	if s.phase != "" && phaseOrder(phase) <= phaseOrder(s.phase) {
		return false
	}
	if s.log.Failure != nil && s.log.Failure.Phase == PhaseTest {
		s.log.Failure, s.failing = nil, failureBlock{}
		s.log.TestsFailed = true
	}
	s.phase = phase
	s.log.Phases = append(s.log.Phases, PhaseStart{Phase: phase, Offset: s.lines.offset()})
	if s.log.Failure == nil {
		s.resetCause()
	}
	return true
}

// phaseOrder returns the rank of a phase in the course of a merge.
func phaseOrder(phase Phase) int { return slices.Index(order, phase) }

// order is EBUILD_PHASES of portage/const.py, plus the steps that are not phases.
var order = []Phase{
	PhaseFetch, PhaseNofetch, PhasePretend, PhaseSetup, PhaseUnpack, PhasePrepare, PhaseConfigure, PhaseCompile,
	PhaseTest, PhaseInstall, PhasePackage, PhaseInstprep, PhasePreinst, PhaseMerge, PhasePostinst, PhasePrerm,
	PhasePostrm, PhaseConfig, PhaseInfo, PhaseOther,
}

// restart begins a new attempt in the same file.
func (s *scanner) restart() {
	kept := BuildLog{
		Kind: s.log.Kind, Outcome: OutcomeUnknown, Attempts: s.log.Attempts + 1,
		BuildDirBytes: -1, InstalledBytes: -1, Diagnostics: s.log.Diagnostics,
	}
	*s = scanner{lines: s.lines, log: kept, scratch: s.scratch, cutLists: s.cutLists}
}

// finish completes the record.
func (s *scanner) finish() BuildLog {
	s.endNotice()
	s.finishFailure()
	log := &s.log
	log.Size, log.Lines = s.lines.size(), s.lines.lines
	if log.Kind == KindUnknown {
		switch {
		case log.CPV != "" && s.isSourceBuild():
			log.Kind = KindSource
		case s.removals > 0:
			log.Kind = KindUnmerge
		}
	}
	switch {
	case log.Failure != nil:
		log.Outcome = OutcomeFailed
	case s.sawMerged:
		log.Outcome = OutcomeMerged
	case log.Kind == KindSource && s.sawInstalled:
		log.Outcome = OutcomeBuilt
	case log.Kind == KindSource && len(log.Phases) > 0:
		log.Outcome = OutcomeUnfinished
	}
	return *log
}

// isSourceBuild reports whether the log shows a build from source: it has a header,
// and no line of a binary merge so far.
func (s *scanner) isSourceBuild() bool { return s.log.Kind != KindBinary }

// record returns text cleaned and shortened for storage.
func record(text []byte) string { return cut(Clean(text), maxText) }

// appendBounded appends item to a list of the record. If the list is full, it drops
// item and adds one diagnostic.
func appendBounded[T any](s *scanner, list []T, item T, limit int, what string) []T {
	if len(list) < limit {
		return append(list, item)
	}
	if !s.cutLists[what] {
		if s.cutLists == nil {
			s.cutLists = map[string]bool{}
		}
		s.cutLists[what] = true
		s.log.Diagnostics = append(s.log.Diagnostics,
			parse.Diagnosef(s.lines.offset(), codeListCut, "more than %d %s; the rest is dropped", limit, what))
	}
	return list
}

// flags splits a list of flags. It limits the number of items, not the length of
// the list.
func (s *scanner) flags(text []byte, what string) []string {
	fields := strings.Fields(Clean(text))
	if len(fields) > maxFlags {
		appendBounded(s, fields[:maxFlags], "", maxFlags, what)
		fields = fields[:maxFlags]
	}
	return fields
}
