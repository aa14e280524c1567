package mergelog

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"

	"emaudit/parse/mergelog/cause"
)

// stage is the part of a die message that is being read.
type stage int

const (
	stageNone stage = iota
	stageMessage
	stageStack
	stageSnippet
	stageTrailer
	stageNotMerged // a sentence of Portage that spans several lines
)

// collisionsBegin is the line above the list of colliding files.
const collisionsBegin = "Detected file collision(s):"

// failureBlock is a failure report that spans several marked lines.
type failureBlock struct {
	stage    stage
	sentence string
}

// fail records that the merge failed. It ignores all but the first report, which
// has the reason; later reports repeat it.
func (s *scanner) fail(phase Phase, message string) *Failure {
	if s.log.Failure != nil {
		return nil
	}
	s.log.Failure = &Failure{Offset: s.lines.offset(), Phase: phase, Message: cut(message, maxText)}
	s.concludeCause()
	return s.log.Failure
}

// failureMark handles the marked lines that report a failure.
func (s *scanner) failureMark(text []byte) bool {
	if s.failing.stage != stageNone && s.continueFailure(text) {
		return true
	}
	switch {
	case bytes.HasPrefix(text, []byte("ERROR: ")):
		return s.die(text)
	case bytes.HasPrefix(text, []byte("The ebuild phase '")):
		return s.phaseEnded(text)
	case bytes.HasPrefix(text, []byte("Fetch failed for '")):
		s.consider(text, cause.Fetch, cause.Report)
		s.fail(PhaseFetch, record(text))
		return true
	case bytes.HasPrefix(text, []byte("FAILED postinst: ")):
		s.fail(PhasePostinst, record(text))
		return true
	case bytes.HasPrefix(text, []byte("Package '")):
		s.failing = failureBlock{stage: stageNotMerged, sentence: record(text)}
		s.judgeSentence()
		return true
	case string(text) == collisionsBegin:
		s.consider(text, cause.Collision, cause.Reason)
		return true
	case bytes.Contains(text, []byte("ACCESS VIOLATION SUMMARY")):
		s.consider(text, cause.Sandbox, cause.Report)
		s.fail(s.phase, "sandbox access violation")
		return true
	}
	return false
}

// die handles "ERROR: <cat>/<pf>[::<repo>] failed [(<phase> phase)]:", the first
// line of the output of die. Other text after "ERROR: " is a message of eerror.
func (s *scanner) die(text []byte) bool {
	cpv, phase, ok := parseDie(record(text))
	if !ok {
		return false
	}
	if phase == "" {
		phase = s.phase
	}
	s.failing = failureBlock{}
	if f := s.fail(phase, ""); f != nil {
		f.CPV = cpv
		s.failing.stage = stageMessage
	}
	return true
}

// parseDie splits the first line of a die message.
func parseDie(text string) (cpv string, phase Phase, ok bool) {
	rest, ok := strings.CutPrefix(text, "ERROR: ")
	if !ok {
		return "", "", false
	}
	name, rest, ok := strings.Cut(rest, " failed")
	if !ok || !strings.HasSuffix(rest, ":") && rest != "." && rest != "" {
		return "", "", false
	}
	cpv, _, _ = strings.Cut(name, "::")
	if !looksLikeCPV(cpv) {
		return "", "", false
	}
	rest = strings.TrimSuffix(rest, ":")
	if p, isPhase := strings.CutSuffix(rest, " phase)"); isPhase {
		p = strings.TrimPrefix(p, " (")
		if phaseOrder(Phase(p)) >= 0 {
			phase = Phase(p)
		}
	}
	return cpv, phase, true
}

// continueFailure handles the next marked line of a report. It reports whether the
// line belongs to the report.
func (s *scanner) continueFailure(text []byte) bool {
	f := s.log.Failure
	line := record(text)
	switch s.failing.stage {
	case stageNotMerged:
		s.failing.sentence += " " + line
		s.judgeSentence()
		return true
	case stageMessage:
		switch {
		case line == "" && f.Message != "":
			s.failing.stage = stageTrailer
		case line == "Call stack:":
			s.failing.stage = stageStack
		case strings.HasPrefix(line, "If you need support, "):
			s.failing.stage = stageTrailer
		default:
			f.Message = cut(strings.TrimSpace(f.Message+" "+strings.TrimSpace(line)), maxText)
		}
		return true
	case stageStack:
		if frame, ok := parseFrame(line); ok {
			f.CallStack = appendBounded(s, f.CallStack, frame, maxFrames, "call stack frames")
			return true
		}
		s.failing.stage = stageTrailer
		if line == "The specific snippet of code:" {
			s.failing.stage = stageSnippet
		}
		return true
	case stageSnippet:
		if line == "" {
			s.failing.stage = stageTrailer
		} else {
			f.Snippet = appendBounded(s, f.Snippet, strings.TrimSpace(line), maxFrames, "snippet lines")
		}
		return true
	case stageTrailer:
		return s.trailer(f, line)
	}
	return false
}

// trailer handles the last lines of a die message.
func (s *scanner) trailer(f *Failure, line string) bool {
	switch {
	case line == "Call stack:":
		s.failing.stage = stageStack
	case strings.HasPrefix(line, "Working directory: '"):
		f.WorkingDir = quoted(line)
	case strings.HasPrefix(line, "S: '"):
		s.failing.stage = stageNone
	case strings.HasPrefix(line, "QA Notice: "), strings.HasPrefix(line, "FAILED "), strings.HasPrefix(line, "Package"):
		s.failing.stage = stageNone
		return false
	}
	return true
}

// quoted returns the text between the first and the last quote in line.
func quoted(line string) string {
	first, last := strings.IndexByte(line, '\''), strings.LastIndexByte(line, '\'')
	if first < 0 || last <= first {
		return ""
	}
	return line[first+1 : last]
}

// parseFrame splits "  <file>, line <n>:  Called <call>".
func parseFrame(line string) (Frame, bool) {
	file, rest, ok := strings.Cut(line, ", line ")
	if !ok {
		return Frame{}, false
	}
	number, call, ok := strings.Cut(rest, ":  Called ")
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if !ok || err != nil || n < 0 {
		return Frame{}, false
	}
	return Frame{File: strings.TrimSpace(file), Line: n, Call: call}, true
}

// phaseEnded handles the message that the shell of a phase ended unexpectedly
// (_emerge/AbstractEbuildProcess.py:252-261).
func (s *scanner) phaseEnded(text []byte) bool {
	line := record(text)
	name, rest, ok := strings.Cut(strings.TrimPrefix(line, "The ebuild phase '"), "'")
	if !ok || phaseOrder(Phase(name)) < 0 {
		return false
	}
	switch {
	case strings.HasPrefix(rest, " has been killed by signal "):
		s.consider(text, cause.Signal, cause.Stop)
		s.fail(Phase(name), line)
	case strings.HasPrefix(rest, " has exited unexpectedly"):
		message, _, _ := strings.Cut(line, ".")
		s.fail(Phase(name), message)
	default:
		return false
	}
	return true
}

// judgeSentence checks whether the multi-line sentence that began with "Package '"
// has named its verdict (dbapi/vartree.py:4828-5013).
func (s *scanner) judgeSentence() {
	sentence := s.failing.sentence
	_, verdict, ok := strings.Cut(sentence, "' ")
	end := strings.IndexByte(verdict, '.')
	if ok && end < 0 && len(sentence) < maxText/2 {
		return // the sentence continues
	}
	s.failing = failureBlock{}
	if !strings.HasPrefix(verdict, "NOT merged ") {
		return
	}
	if end >= 0 {
		verdict = verdict[:end]
	}
	if !strings.Contains(verdict, "collision") {
		s.consider([]byte(verdict), cause.ReadOnly, cause.Reason)
	} else {
		s.consider([]byte(verdict), cause.Collision, cause.Report)
	}
	s.fail(PhaseMerge, verdict)
}

// errorLine handles the lines that begin with "!!! ".
func (s *scanner) errorLine(line []byte) {
	text := line[4:]
	switch {
	case bytes.HasPrefix(text, []byte("Couldn't download '")):
		s.consider(line, cause.Fetch, cause.Report)
		s.fail(PhaseFetch, record(text))
	case bytes.HasSuffix(bytes.TrimRight(text, "\r"), []byte(" has fetch restriction turned on.")):
		s.enterPhase(PhaseFetch)
		s.consider(line, cause.Fetch, cause.Reason)
		s.fail(PhaseFetch, record(text))
	case bytes.HasPrefix(text, []byte("Fetched file: ")) && bytes.Contains(text, []byte("VERIFY FAILED!")):
		s.consider(line, cause.Checksum, cause.Reason)
	case bytes.HasPrefix(text, []byte("Digest verification failed:")):
		s.consider(line, cause.Checksum, cause.Reason)
		s.fail(PhaseFetch, record(text))
	case bytes.HasPrefix(text, []byte("Tried to use non-existent binary for '")):
		s.log.Kind = KindBinary
		s.consider(line, cause.MissingFile, cause.Reason)
		s.fail(PhaseFetch, record(text))
	case bytes.HasPrefix(text, []byte("Error extracting '")):
		s.log.Kind = KindBinary
		s.consider(line, cause.Archive, cause.Reason)
		s.fail(PhaseUnpack, record(text))
	case bytes.HasPrefix(text, []byte("FAILED ")):
		name, _, _ := bytes.Cut(text[len("FAILED "):], []byte(":"))
		if phaseOrder(Phase(name)) >= 0 {
			s.fail(Phase(name), record(text))
		}
	case bytes.HasPrefix(text, []byte("instprep failed")):
		s.fail(PhaseInstprep, record(text))
	case bytes.HasPrefix(text, []byte("post ")) && bytes.Contains(text, []byte(" failed; exiting.")):
		name, _, _ := bytes.Cut(text[len("post "):], []byte(" "))
		if phaseOrder(Phase(name)) >= 0 {
			s.fail(Phase(name), record(text))
		}
	case bytes.HasSuffix(text, []byte(" does not exist")):
		s.consider(line, cause.MissingFile, cause.Reason)
	default:
		s.considerCause(text)
	}
}

// finishFailure completes the failure of the log.
func (s *scanner) finishFailure() {
	f := s.log.Failure
	if f == nil {
		return
	}
	f.Cause = s.cause.Cause
	f.Cause.Class = cmp.Or(f.Cause.Class, cause.Unknown)
	f.Message = cmp.Or(f.Message, "(no error message)")
}
