package mergelog

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"emaudit/parse"
)

// CapturedOutcome says how far the merge of a package got, according to the screen.
type CapturedOutcome string

// The outcomes of a captured merge.
const (
	// CapturedBegun: the build or the fetch of the package was announced.
	CapturedBegun CapturedOutcome = "begun"
	// CapturedInstalling: the installation was announced. Portage before 2020-02
	// announces nothing after it on success.
	CapturedInstalling CapturedOutcome = "installing"
	CapturedCompleted  CapturedOutcome = "completed"
	CapturedFailed     CapturedOutcome = "failed"
)

// CapturedMerge is one merge in a captured session.
type CapturedMerge struct {
	CPV        string
	Repository string
	// Root is the target root. It is "/" unless the screen names another.
	Root   string
	Binary bool
	// N and Of are the counter "(N of Of)", or 0 if the screen shows none.
	N, Of int
	// Offset is the position of the first line about the package, in bytes.
	Offset  int64
	Outcome CapturedOutcome
	// LogPath is the build log that emerge names in a failure message.
	LogPath string
	// Failure is the failure that the screen shows. It is nil if the screen shows
	// none, as with --jobs.
	Failure *Failure
}

// CapturedUnmerge is one removal in a captured session.
type CapturedUnmerge struct {
	CPV    string
	Root   string
	Offset int64
}

// ConfigNotice is the message "config file '…' needs updating", or its plural.
type ConfigNotice struct {
	// Path is a file, or the protected folder that holds several.
	Path  string
	Count int
}

// Jobs is the content of the last "Jobs:" line.
type Jobs struct {
	Complete, Total, Running, Failed int
}

// Capture is the content of emerge's output on a terminal.
type Capture struct {
	Merges        []CapturedMerge
	Unmerges      []CapturedUnmerge
	Jobs          *Jobs
	Config        []ConfigNotice
	PreservedLibs []string
	// World holds the atoms that emerge added to the world file.
	World []string
	Size  int64
	Lines int64

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
	s := captureScanner{lines: lines, byCPV: map[string]int{}, log: newScanner(lines)}
	for {
		line, ok := lines.read()
		if !ok {
			break
		}
		s.line(line)
	}
	if err := lines.failed(); err != nil {
		return Capture{}, fmt.Errorf("captured output: offset %d: %w", lines.size(), err)
	}
	s.endSection()
	s.capture.Size, s.capture.Lines = lines.size(), lines.lines
	return s.capture, nil
}

// captureScanner turns the lines of a session into its record. Between the lines of
// emerge stands the output of the builds, if they write to the screen.
type captureScanner struct {
	lines   *lineReader
	capture Capture
	byCPV   map[string]int // newest merge of each cpv and root
	log     *scanner       // reads the output of the current package
	last    int            // 1 + index of the merge whose log path follows
}

func (s *captureScanner) line(line []byte) {
	if len(line) < 4 {
		s.log.line(line)
		return
	}
	if c := line[0]; c == '>' || c == ' ' || c == '!' || c == esc || c == '\r' {
		text := Clean(line)
		if rest, ok := strings.CutPrefix(text, ">>> "); ok && s.status(rest) {
			return
		}
		if rest, ok := strings.CutPrefix(text, " * "); ok && s.summary(rest) {
			return
		}
	}
	s.log.line(line)
}

// status handles the text after ">>> ".
func (s *captureScanner) status(text string) bool {
	word, rest, _ := strings.Cut(text, " ")
	switch word {
	case "Emerging":
		rest, binary := strings.CutPrefix(rest, "binary ")
		return s.announce(rest, " for ", binary, CapturedBegun)
	case "Fetching":
		return s.announce(rest, " for ", false, CapturedBegun)
	case "Installing":
		return s.announce(rest, " to ", false, CapturedInstalling)
	case "Completed":
		return s.announce(rest, " to ", false, CapturedCompleted)
	case "Failed":
		return s.failed(rest)
	case "Uninstalling":
		cpv, _, root, ok := parseTarget(rest, " from ")
		if ok {
			s.endSection()
			s.unmerge(cpv, root)
		}
		return ok
	case "Unmerging":
		_, _, rest, ok := parseCounter(rest)
		cpv := strings.TrimSuffix(rest, "...")
		if !ok || !looksLikeCPV(cpv) {
			return false
		}
		s.endSection()
		s.unmerge(cpv, "/")
		return true
	case "Jobs:":
		return s.jobs(rest)
	case "Recording":
		atom, _, ok := strings.Cut(rest, ` in "world" favorites file`)
		if ok {
			s.capture.World = boundedList(s, s.capture.World, cut(atom, maxText))
		}
		return ok
	case "package:":
		return looksLikeCPV(rest)
	case "":
		path := strings.TrimSpace(rest)
		if s.last > 0 && strings.HasPrefix(path, "'") {
			s.capture.Merges[s.last-1].LogPath = cut(quoted(path), maxText)
			s.last = 0
			return true
		}
	}
	return false
}

// announce handles "(n of m) cpv::repo[ preposition root]".
func (s *captureScanner) announce(text, preposition string, binary bool, outcome CapturedOutcome) bool {
	n, of, rest, ok := parseCounter(text)
	if !ok {
		return false
	}
	cpv, repo, root, ok := parseTarget(rest, preposition)
	if !ok {
		return false
	}
	s.endSection()
	s.last = 0
	i := s.find(cpv, root, outcome == CapturedBegun, n)
	if i < 0 {
		return true
	}
	m := &s.capture.Merges[i]
	m.N, m.Of, m.Repository = n, of, repo
	m.Binary = m.Binary || binary
	if m.Outcome != CapturedFailed && m.Outcome != CapturedCompleted {
		m.Outcome = outcome
	}
	return true
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
	i := s.find(cpv, root, false, 0)
	if i < 0 {
		return true
	}
	m := &s.capture.Merges[i]
	m.Outcome = CapturedFailed
	if repo != "" {
		m.Repository = repo
	}
	s.last = 0
	if hasLog {
		s.last = i + 1
	}
	return true
}

// summary handles the marked lines at the end of the output of emerge.
func (s *captureScanner) summary(text string) bool {
	if target, ok := strings.CutPrefix(text, " ("); ok {
		// "(cpv:slot/sub::repo, ebuild scheduled for merge)[ (postinst failed)][,
		// Log file:]"
		name, rest, ok := strings.Cut(target, ", ")
		if !ok || !strings.Contains(rest, "scheduled for merge") {
			return false
		}
		name, repo, _ := strings.Cut(name, "::")
		cpv, _, _ := strings.Cut(name, ":")
		if !looksLikeCPV(cpv) {
			return false
		}
		if i := s.find(cpv, "/", false, 0); i >= 0 {
			m := &s.capture.Merges[i]
			m.Outcome, m.Repository = CapturedFailed, repo
			s.last = i + 1
		}
		return true
	}
	switch {
	case s.last > 0 && strings.HasPrefix(text, "  '"):
		s.capture.Merges[s.last-1].LogPath = cut(quoted(text), maxText)
		s.last = 0
	case strings.HasPrefix(text, " - /"):
		s.capture.PreservedLibs = boundedList(s, s.capture.PreservedLibs, cut(text[3:], maxText))
	case strings.HasPrefix(text, "IMPORTANT: ") && strings.Contains(text, "config file"):
		notice := ConfigNotice{Path: cut(quoted(text), maxText), Count: 1}
		count, _, _ := strings.Cut(strings.TrimPrefix(text, "IMPORTANT: "), " ")
		if n, err := strconv.Atoi(count); err == nil && n > 0 {
			notice.Count = n
		}
		s.capture.Config = boundedList(s, s.capture.Config, notice)
	default:
		return false
	}
	return true
}

// jobs handles "1 of 3 complete, 2 running, 1 failed   Load avg: …".
func (s *captureScanner) jobs(text string) bool {
	text, _, _ = strings.Cut(text, "Load avg:")
	var j Jobs
	for i, part := range strings.Split(strings.TrimSpace(text), ", ") {
		fields := strings.Fields(part)
		if i == 0 {
			if len(fields) != 4 || fields[1] != "of" {
				return false
			}
			j.Complete, j.Total = number(fields[0]), number(fields[2])
			continue
		}
		if len(fields) == 2 {
			switch fields[1] {
			case "running":
				j.Running = number(fields[0])
			case "failed":
				j.Failed = number(fields[0])
			}
		}
	}
	s.capture.Jobs = &j
	return true
}

// number reads a number of at most nine digits. It returns 0 for other text.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || len(s) > 9 {
		return 0
	}
	return n
}

// find returns the index of the merge that a line is about. If there is none, it
// adds one. A second announcement of a package that is in progress is a new merge
// only if its counter differs or the first merge has ended.
func (s *captureScanner) find(cpv, root string, begins bool, n int) int {
	key := root + "\x00" + cpv
	if i, ok := s.byCPV[key]; ok {
		m := &s.capture.Merges[i]
		ended := m.Outcome == CapturedCompleted || m.Outcome == CapturedFailed
		if !begins || !ended && m.N == n {
			return i
		}
	}
	if len(s.capture.Merges) == maxRecords {
		s.listCut()
		return -1
	}
	s.capture.Merges = append(s.capture.Merges, CapturedMerge{
		CPV: cpv, Root: root, Offset: s.lines.offset(), Outcome: CapturedBegun,
	})
	i := len(s.capture.Merges) - 1
	s.byCPV[key] = i
	return i
}

func (s *captureScanner) unmerge(cpv, root string) {
	s.capture.Unmerges = boundedList(s, s.capture.Unmerges, CapturedUnmerge{CPV: cpv, Root: root, Offset: s.lines.offset()})
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
	cpv := log.Failure.CPV
	if cpv == "" {
		cpv = log.CPV
	}
	for i := len(s.capture.Merges) - 1; i >= 0; i-- {
		m := &s.capture.Merges[i]
		if cpv == "" || m.CPV == cpv {
			if m.Failure == nil {
				m.Failure, m.Outcome = log.Failure, CapturedFailed
			}
			return
		}
	}
}

func boundedList[T any](s *captureScanner, list []T, item T) []T {
	if len(list) == maxRecords {
		s.listCut()
		return list
	}
	return append(list, item)
}

func (s *captureScanner) listCut() {
	for _, d := range s.capture.Diagnostics {
		if d.Code == codeListCut {
			return
		}
	}
	s.capture.Diagnostics = append(s.capture.Diagnostics,
		parse.Diagnosef(s.lines.offset(), codeListCut, "more than %d records; the rest is dropped", maxRecords))
}

// parseCounter splits "(n of m) rest".
func parseCounter(text string) (n, of int, rest string, ok bool) {
	counter, rest, ok := strings.Cut(strings.TrimPrefix(text, "("), ") ")
	first, second, isPair := strings.Cut(counter, " of ")
	if !ok || !isPair || !strings.HasPrefix(text, "(") {
		return 0, 0, "", false
	}
	n, of = number(first), number(second)
	return n, of, strings.TrimSpace(rest), n > 0 && of > 0
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
	if len(line) < 16 || !(line[0] >= '0' && line[0] <= '9') && !(line[0] >= 'A' && line[0] <= 'Z') {
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
	for _, c := range line[begin+1 : end] {
		if c < '0' || c > '9' {
			return 0
		}
	}
	// "make[2]: …" has neither a time nor a host before the program.
	if bytes.Count(line[:begin], []byte(" ")) < 2 {
		return 0
	}
	return end + len("]: ")
}
