package mergelog

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"emaudit/parse"
)

// CapturedMerge is one merge in a captured session.
type CapturedMerge struct {
	CPV        string
	Repository string
	Binary     bool
	// Offset is the position of the first line about the package, in bytes.
	Offset int64
	Failed bool
	// LogPath is the build log that emerge names in a failure message.
	LogPath string
	// Failure is the failure that the screen shows. It is nil if the screen shows
	// none, as with --jobs.
	Failure *Failure

	number    int // in the counter "(number of n)", or 0 if the screen shows none
	completed bool
}

// Capture is the content of emerge's output on a terminal.
type Capture struct {
	Merges      []*CapturedMerge
	Size        int64
	Diagnostics []parse.Diagnostic
}

// ReadCapture reads the terminal output of emerge, as stored by script(1), tee(1)
// or the journal:
//
//	">>> Emerging [binary] (" n " of " m ") " cpv "::" repo [ " for " root ]      _emerge/MergeListItem.py:54
//	">>> Fetching (" … | ">>> Installing (" … [ " to " root ]                     _emerge/PackageMerge.py:26
//	">>> Completed (" …                                                           since 2020-02
//	">>> Failed " cpv "::" repo [ " in " root ]                                   postinst only
//	">>> Failed to " what " " cpv [ " " preposition " " root ] [ ", Log file:" ]  _emerge/Scheduler.py:2366
//	">>>  '" path "'"
//	">>> Uninstalling " cpv … | ">>> Unmerging (" n " of " m ") " cpv "..."       unmerge.py:651
//	">>> Jobs: " n " of " m " complete" [ ", " n " running" ] [ ", " n " failed" ]
//	mark " (" cpv ":" slot "::" repo ", ebuild scheduled for merge)" …            _emerge/Scheduler.py:1416
//
// A terminal redraws lines, so ReadCapture uses only the last content of each. It
// removes the prefix of the journal, "<time> <host> emerge[<pid>]: ". The error is
// an error of r.
func ReadCapture(r io.Reader) (Capture, error) {
	lines := newLineReader(r)
	defer lines.release()
	lines.prefix = journalPrefix
	s := captureScanner{lines: lines, newest: map[string]*CapturedMerge{}, log: newScanner(lines)}
	for line := range lines.all() {
		s.line(line)
	}
	if err := lines.failed(); err != nil {
		return Capture{}, fmt.Errorf("captured output: offset %d: %w", lines.size(), err)
	}
	s.endSection()
	s.capture.Size = lines.size()
	return s.capture, nil
}

// captureScanner turns the lines of a session into its record. Between the lines of
// emerge stands the output of the builds, if they write to the screen.
type captureScanner struct {
	lines   *lineReader
	capture Capture
	newest  map[string]*CapturedMerge // by root and cpv
	log     *scanner                  // reads the output of the current package
	last    *CapturedMerge            // the merge whose log path follows
}

func (s *captureScanner) line(line []byte) {
	if len(line) >= 4 {
		if c := line[0]; c == '>' || c == ' ' || c == '!' || c == esc || c == '\r' {
			text := Clean(line)
			if rest, ok := strings.CutPrefix(text, ">>> "); ok && s.status(rest) {
				return
			}
			if rest, ok := strings.CutPrefix(text, " * "); ok && s.summary(rest) {
				return
			}
		}
	}
	s.log.line(line)
}

// status handles the text after ">>> ". It reports whether the line is one of emerge.
func (s *captureScanner) status(text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "Emerging":
		rest, binary := strings.CutPrefix(rest, "binary ")
		m := s.announced(rest, " for ", true)
		if m != nil {
			m.Binary = m.Binary || binary
		}
		return m != nil
	case "Fetching":
		return s.announced(rest, " for ", true) != nil
	case "Installing":
		return s.announced(rest, " to ", false) != nil
	case "Completed":
		m := s.announced(rest, " to ", false)
		if m != nil {
			m.completed = true
		}
		return m != nil
	case "Failed":
		return s.failed(rest)
	case "Uninstalling":
		_, _, _, ok := parseTarget(rest, " from ")
		if ok {
			s.endSection()
		}
		return ok
	case "Unmerging":
		_, rest, ok := parseCounter(rest)
		if ok = ok && looksLikeCPV(strings.TrimSuffix(rest, "...")); ok {
			s.endSection()
		}
		return ok
	case "Jobs:":
		return strings.Contains(rest, " complete")
	case "Recording":
		return strings.Contains(rest, ` in "world" favorites file`)
	case "package:":
		return looksLikeCPV(rest)
	case "":
		return s.logPath(strings.TrimSpace(rest))
	}
	return false
}

// logPath handles the quoted path in the line after the failure of a package.
func (s *captureScanner) logPath(text string) bool {
	if s.last == nil || !strings.HasPrefix(text, "'") {
		return false
	}
	s.last.LogPath = cut(quoted(text), maxText)
	s.last = nil
	return true
}

// announced handles "(n of m) cpv::repo[ preposition root]". It returns nil for other
// text.
func (s *captureScanner) announced(text, preposition string, begins bool) *CapturedMerge {
	n, rest, ok := parseCounter(text)
	if !ok {
		return nil
	}
	cpv, repo, root, ok := parseTarget(rest, preposition)
	if !ok {
		return nil
	}
	s.endSection()
	s.last = nil
	m := s.find(cpv, root, begins, n)
	m.number, m.Repository = n, repo
	return m
}

// failed handles "cpv::repo[ in root]" and "to <action> cpv[ for root][, Log
// file:]".
func (s *captureScanner) failed(text string) bool {
	text, hasLog := strings.CutSuffix(text, ", Log file:")
	preposition := " in "
	if rest, ok := strings.CutPrefix(text, "to "); ok {
		for _, action := range []struct{ verb, preposition string }{
			{"emerge ", " for "}, {"install ", " to "}, {"execute postinst for ", " for "},
		} {
			if target, ok := strings.CutPrefix(rest, action.verb); ok {
				text, preposition = target, action.preposition
				break
			}
		}
	}
	cpv, repo, root, ok := parseTarget(text, preposition)
	if !ok {
		return false
	}
	s.endSection()
	m := s.find(cpv, root, false, 0)
	m.Failed, m.Repository = true, cmp.Or(repo, m.Repository)
	s.last = nil
	if hasLog {
		s.last = m
	}
	return true
}

// summary handles the marked lines at the end of the output of emerge:
// "(cpv:slot/sub::repo, ebuild scheduled for merge)[ (postinst failed)][, Log file:]".
func (s *captureScanner) summary(text string) bool {
	target, ok := strings.CutPrefix(text, " (")
	if !ok {
		return strings.HasPrefix(text, "  '") && s.logPath(strings.TrimSpace(text))
	}
	name, rest, ok := strings.Cut(target, ", ")
	if !ok || !strings.Contains(rest, "scheduled for merge") {
		return false
	}
	name, repo, _ := strings.Cut(name, "::")
	cpv, _, _ := strings.Cut(name, ":")
	if !looksLikeCPV(cpv) {
		return false
	}
	m := s.find(cpv, "/", false, 0)
	m.Failed, m.Repository = true, repo
	s.last = m
	return true
}

// find returns the merge that a line is about. If there is none, it adds one. A second
// announcement of a package that is in progress is a new merge only if its counter
// differs or the first merge has ended.
func (s *captureScanner) find(cpv, root string, begins bool, number int) *CapturedMerge {
	key := root + "\x00" + cpv
	if m := s.newest[key]; m != nil && (!begins || !m.completed && !m.Failed && m.number == number) {
		return m
	}
	m := &CapturedMerge{CPV: cpv, Offset: s.lines.offset()}
	switch c := &s.capture; {
	case len(c.Merges) < maxRecords:
		c.Merges = append(c.Merges, m)
		s.newest[key] = m
	case len(c.Diagnostics) == 0:
		c.Diagnostics = append(c.Diagnostics, parse.Diagnosef(s.lines.offset(), codeListCut, "more than %d records; the rest is dropped", maxRecords))
	}
	return m
}

// endSection assigns the failure in the output of a build to the package that it
// names.
func (s *captureScanner) endSection() {
	log := s.log.finish()
	s.log = newScanner(s.lines)
	s.lines.limitLookBack()
	if log.Failure == nil {
		return
	}
	cpv := cmp.Or(log.Failure.CPV, log.CPV)
	for _, m := range slices.Backward(s.capture.Merges) {
		if cpv == "" || m.CPV == cpv {
			if m.Failure == nil {
				m.Failure, m.Failed = log.Failure, true
			}
			return
		}
	}
}

// parseCounter splits "(n of m) rest".
func parseCounter(text string) (n int, rest string, ok bool) {
	counter, rest, ok := strings.Cut(text, ") ")
	first, second, isPair := strings.Cut(counter, " of ")
	first, begins := strings.CutPrefix(first, "(")
	n, err := strconv.Atoi(first)
	_, ofErr := strconv.Atoi(second)
	return n, strings.TrimSpace(rest), ok && isPair && begins && err == nil && ofErr == nil && n > 0
}

// parseTarget splits "cpv[::repo][ preposition root]".
func parseTarget(text, preposition string) (cpv, repo, root string, ok bool) {
	name, root, found := strings.Cut(text, preposition)
	if !found {
		root = "/"
	}
	cpv, repo, _ = strings.Cut(strings.TrimSpace(name), "::")
	return cpv, repo, strings.TrimSpace(root), looksLikeCPV(cpv)
}

// journalPrefix returns the length of "<time> <host> emerge[<pid>]: " at the
// beginning of line, in any short format of journalctl, or 0.
func journalPrefix(line []byte) int {
	const longest = 160 // a time, a host name and a program name
	if len(line) < 16 || (line[0] < '0' || line[0] > '9') && !(line[0] >= 'A' && line[0] <= 'Z') {
		return 0
	}
	end := bytes.Index(line[:min(len(line), longest)], []byte("]: "))
	if end < 0 {
		return 0
	}
	begin := bytes.LastIndexByte(line[:end], '[')
	if begin < 0 || begin+1 == end || bytes.IndexByte(line[:begin], ':') < 0 {
		return 0
	}
	if slices.ContainsFunc(line[begin+1:end], func(c byte) bool { return c < '0' || c > '9' }) {
		return 0
	}
	// "make[2]: …" has neither a time nor a host before the program.
	if bytes.Count(line[:begin], []byte(" ")) < 2 {
		return 0
	}
	return end + len("]: ")
}
