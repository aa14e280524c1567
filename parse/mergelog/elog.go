package mergelog

import (
	"bytes"
	"fmt"
	"io"
	"slices"

	"emaudit/parse"
)

// Class is the class of an elog message.
type Class string

// The classes of elog (elog/messages.py:10-18).
const (
	ClassInfo  Class = "INFO"
	ClassLog   Class = "LOG"
	ClassWarn  Class = "WARN"
	ClassQA    Class = "QA"
	ClassError Class = "ERROR"
	// ClassNone is the class of text above the first group header.
	ClassNone Class = ""
)

// Message is a group of consecutive elog lines of one class and phase. The format
// does not separate the calls of elog functions.
type Message struct {
	Class Class
	Phase Phase
	// Offset is the position of the group's header in the decompressed file, in
	// bytes.
	Offset int64
	// Lines are the cleaned message lines with their leading blanks. Some are
	// empty.
	Lines []string
}

// Elog is the content of one file of the elog module "save".
type Elog struct {
	Messages    []Message
	Diagnostics []parse.Diagnostic
}

// ReadElog reads a file of the elog module "save". The error is an error of r.
func ReadElog(r io.Reader) (Elog, error) {
	lines := newLineReader(r)
	defer lines.release()
	var body elogBody
	for line := range lines.all() {
		body.line(lines.offset(), line)
	}
	if err := lines.failed(); err != nil {
		return Elog{}, fmt.Errorf("elog: offset %d: %w", lines.size(), err)
	}
	return Elog{Messages: body.messages, Diagnostics: body.diagnostics}, nil
}

// elogPhases is the order in which Portage writes phases: EBUILD_PHASES in
// portage/const.py.
var elogPhases = []Phase{
	PhasePretend, PhaseSetup, PhaseUnpack, PhasePrepare, PhaseConfigure, PhaseCompile, PhaseTest, PhaseInstall,
	PhasePackage, PhaseInstprep, PhasePreinst, PhasePostinst, PhasePrerm, PhasePostrm, PhaseNofetch, PhaseConfig,
	PhaseInfo, PhaseOther,
}

// elogBody collects the groups of one file or block.
type elogBody struct {
	messages    []Message
	diagnostics []parse.Diagnostic
	lines       int
	full        bool
}

// line handles the next line of the body.
func (b *elogBody) line(offset int64, line []byte) {
	class, phase, ok := parseGroup(line)
	if ok && b.begins(class, phase) {
		if len(b.messages) == maxMessages {
			b.cut(offset)
			return
		}
		b.messages = append(b.messages, Message{Class: class, Phase: phase, Offset: offset})
		return
	}
	if len(b.messages) == 0 {
		if len(line) == 0 {
			return
		}
		b.diagnostics = append(b.diagnostics,
			parse.Diagnosef(offset, codeNoHeader, "text above the first group: %.80q", record(line)))
		b.messages = append(b.messages, Message{Class: ClassNone, Phase: PhaseOther, Offset: offset})
	}
	if b.lines == maxMessageLines {
		b.cut(offset)
		return
	}
	b.lines++
	last := &b.messages[len(b.messages)-1]
	last.Lines = append(last.Lines, record(line))
}

// begins reports whether a line in the form of a header is one. Portage writes a
// header only if class or phase changes, and writes phases in order.
func (b *elogBody) begins(class Class, phase Phase) bool {
	if len(b.messages) == 0 {
		return true
	}
	last := &b.messages[len(b.messages)-1]
	if last.Class == ClassNone {
		return true
	}
	if class == last.Class && phase == last.Phase {
		return false
	}
	// A header that would go back to an earlier phase is text.
	return slices.Index(elogPhases, phase) >= slices.Index(elogPhases, last.Phase)
}

func (b *elogBody) cut(offset int64) {
	if !b.full {
		b.full = true
		b.diagnostics = append(b.diagnostics,
			parse.Diagnosef(offset, codeListCut, "more than %d groups or %d lines; the rest is dropped", maxMessages, maxMessageLines))
	}
}

// dropBlankEnd removes the blank line that a summary adds after each body.
func (b *elogBody) dropBlankEnd() {
	if len(b.messages) == 0 || b.full {
		return
	}
	last := &b.messages[len(b.messages)-1]
	if n := len(last.Lines); n > 0 && last.Lines[n-1] == "" {
		last.Lines = last.Lines[:n-1]
	}
}

// parseGroup splits a line of the form "CLASS: phase".
func parseGroup(line []byte) (Class, Phase, bool) {
	name, rest, ok := bytes.Cut(line, []byte(": "))
	if !ok || len(line) > len("ERROR: configure") {
		return "", "", false
	}
	class := Class(name)
	switch class {
	case ClassInfo, ClassLog, ClassWarn, ClassQA, ClassError:
	default:
		return "", "", false
	}
	phase := Phase(rest)
	return class, phase, slices.Contains(elogPhases, phase)
}
