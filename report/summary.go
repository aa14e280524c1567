package report

import (
	"strconv"
	"strings"
)

// SummaryLine is one answer of a summary: what was asked, the answer, what it
// rests on, and the command that says more.
type SummaryLine struct {
	// Label is short and in upper case: "ROLLBACK".
	Label string
	// Verdict is the answer in a word or two: report.Bad.Text("NOT READY").
	Verdict Cell
	// Text explains the verdict. It is what gives way on a narrow page.
	Text string
	// Command shows more.
	Command string
}

// Summary writes one line for each answer, in columns:
//
//	ROLLBACK  NOT READY  undoing #91 lacks 1 of 7 packages  emaudit rollback
func (s *Screen) Summary(lines []SummaryLine) {
	table := s.Table(Column{}, Column{}, Column{Shrink: Wrap, Min: 16}, Column{})
	for _, line := range lines {
		table.Row(Bold.Text(line.Label), line.Verdict, Plain.Text(line.Text), Code.Text(line.Command))
	}
	table.End()
}

// Step is something to do.
type Step struct {
	// Text says what is to be done or why.
	Text string
	// Command is what to type. It is never cut or broken.
	Command string
}

// Steps writes numbered steps in the order in which they are to be done. A
// command that does not fit behind its text gets a line of its own.
//
//	1  dev-util/failtest-1.0 failed and was not retried   emaudit failures
//	2  the disk is almost full
//	   emaudit prune
func (s *Screen) Steps(steps []Step) {
	numberWidth := len(strconv.Itoa(len(steps)))
	const indent, between = 2, 3
	textAt := indent + numberWidth + gutter
	textWidth := 0
	if s.term.Width > 0 {
		textWidth = max(s.term.Width-textAt, 1)
	}
	for i, step := range steps {
		number := strconv.Itoa(i + 1)
		line := appendSpaces(s.line[:0], indent+numberWidth-len(number))
		line = append(line, number...)
		line = appendSpaces(line, gutter)
		text, command := Clean(step.Text), Clean(step.Command)
		if text == "" {
			s.writeLine(appendPainted(line, command, Code, s.term.Color))
			continue
		}
		lines := wrap(text, textWidth)
		for j, part := range lines {
			if j > 0 {
				line = appendSpaces(s.line[:0], textAt)
			}
			line = append(line, part...)
			if j == len(lines)-1 && command != "" &&
				(textWidth == 0 || displayWidth(part)+between+displayWidth(command) <= textWidth) {
				line = appendSpaces(line, between)
				line = appendPainted(line, command, Code, s.term.Color)
				command = ""
			}
			s.writeLine(line)
		}
		if command != "" {
			line = appendSpaces(s.line[:0], textAt)
			s.writeLine(appendPainted(line, command, Code, s.term.Color))
		}
	}
}

// Pair is a key with its value.
type Pair struct {
	Key   string
	Value Cell
}

// Pairs writes keys and values in two columns, indented by indent. A value of
// several lines goes on below itself; one that is too long for the page is
// wrapped.
func (s *Screen) Pairs(indent int, pairs []Pair) {
	keyWidth := 0
	for _, pair := range pairs {
		keyWidth = max(keyWidth, displayWidth(Clean(pair.Key)))
	}
	valueAt := indent + keyWidth + gutter
	valueWidth := 0
	if s.term.Width > 0 {
		valueWidth = max(s.term.Width-valueAt, 1)
	}
	for _, pair := range pairs {
		line := appendSpaces(s.line[:0], indent)
		line = appendPadded(line, Clean(pair.Key), Dim, s.term.Color, keyWidth+gutter)
		for paragraph := range strings.SplitSeq(strings.TrimRight(pair.Value.Text, "\r\n"), "\n") {
			for _, part := range wrap(Clean(strings.TrimRight(paragraph, "\r")), valueWidth) {
				s.writeLine(appendPainted(line, part, pair.Value.Role, s.term.Color))
				line = appendSpaces(s.line[:0], valueAt)
			}
		}
	}
}
