package screen

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// between separates facts on a line.
const between = " · "

// Facts writes a line of short facts, " · " between them. Where the page is too
// narrow it goes on in the next line, between two facts.
func (s *Screen) Facts(facts ...Cell) {
	line, used := s.line[:0], 0
	for _, fact := range facts {
		text := Clean(fact.Text)
		width := DisplayWidth(text)
		if used > 0 {
			if s.term.Width > 0 && used+DisplayWidth(between)+width > s.term.Width {
				s.writeLine(line)
				line, used = s.line[:0], 0
			} else {
				line = append(line, between...)
				used += DisplayWidth(between)
			}
		}
		line = appendPainted(line, text, fact.Role, s.term.Color)
		used += width
	}
	s.writeLine(line)
}

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
//
// A page of less than 60 columns has room for the label and the verdict; the text
// and the command follow below them.
func (s *Screen) Summary(lines []SummaryLine) {
	if s.isNarrow() {
		for _, line := range lines {
			s.Line(Bold.Text(line.Label), Plain.Text("  "), line.Verdict)
			if line.Text != "" {
				s.Paragraph(2, Plain.Text(line.Text))
			}
			s.Line(Plain.Text("  "), Code.Text(line.Command))
		}
		return
	}
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
	// Check names the check that says more, or is "". Only a page shows it, as a link.
	Check string
	// Command is what to type; commands of several lines are separated by line
	// feeds. They are never cut, and broken on a narrow page only, between words.
	Command string
}

// Steps writes numbered steps in the order in which they are to be done. A
// command that does not fit behind a text of one line gets a line of its own. A pipe gets what a
// page of 80 columns gets: steps are read in mail, by people.
//
//	1  dev-util/failtest-1.0 failed and was not retried   emaudit failures
//	2  the disk is almost full
//	   emaudit prune
func (s *Screen) Steps(steps []Step) {
	const indent, gap = 2, 3
	numberWidth := len(strconv.Itoa(len(steps)))
	textAt := indent + numberWidth + Gutter
	textWidth := max(cmp.Or(s.term.Width, 80)-textAt, 1)
	for i, step := range steps {
		var lines []Cell
		if text := Clean(step.Text); text != "" {
			for _, line := range wrapWords(text, textWidth) {
				lines = append(lines, Plain.Text(line))
			}
		}
		var commands []string
		for command := range strings.Lines(step.Command) {
			commands = append(commands, Clean(strings.TrimRight(command, "\r\n")))
		}
		behind := ""
		if len(lines) == 1 && len(commands) == 1 {
			used := DisplayWidth(lines[len(lines)-1].Text) + gap + DisplayWidth(commands[0])
			if used <= textWidth {
				behind, commands = commands[0], nil
			}
		}
		if s.isNarrow() {
			commands = breakCommands(commands, textWidth)
		}
		for _, command := range commands {
			lines = append(lines, Code.Text(command))
		}
		number := strconv.Itoa(i + 1)
		line := appendSpaces(s.line[:0], indent+numberWidth-len(number))
		line = append(line, number...)
		line = appendSpaces(line, Gutter)
		for j, cell := range lines {
			line = appendPainted(line, cell.Text, cell.Role, s.term.Color)
			if behind != "" && j == len(lines)-1 {
				line = appendSpaces(line, gap)
				line = appendPainted(line, behind, Code, s.term.Color)
			}
			s.writeLine(line)
			line = appendSpaces(s.line[:0], textAt)
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
		keyWidth = max(keyWidth, DisplayWidth(Clean(pair.Key)))
	}
	valueAt := indent + keyWidth + Gutter
	valueWidth := 0
	if s.term.Width > 0 {
		valueWidth = max(s.term.Width-valueAt, 1)
	}
	for _, pair := range pairs {
		line := appendSpaces(s.line[:0], indent)
		line = appendPadded(line, Clean(pair.Key), Dim, s.term.Color, keyWidth+Gutter)
		for paragraph := range strings.SplitSeq(strings.TrimRight(pair.Value.Text, "\r\n"), "\n") {
			parts := wrapWords(Clean(strings.TrimRight(paragraph, "\r")), valueWidth)
			if longest := slices.MaxFunc(parts, func(a, b string) int { return DisplayWidth(a) - DisplayWidth(b) }); valueWidth > 0 && DisplayWidth(longest) > valueWidth {
				// A long word gets the whole width of a line.
				s.writeLine(line)
				line = appendSpaces(s.line[:0], indent+Gutter)
				parts = wrapWords(Clean(strings.TrimRight(paragraph, "\r")), max(s.term.Width-indent-Gutter, 1))
				for _, part := range parts {
					s.writeLine(appendPainted(line, part, pair.Value.Role, s.term.Color))
					line = appendSpaces(s.line[:0], indent+Gutter)
				}
				continue
			}
			for _, part := range parts {
				s.writeLine(appendPainted(line, part, pair.Value.Role, s.term.Color))
				line = appendSpaces(s.line[:0], valueAt)
			}
		}
	}
}

// Quantity is a number of things of one kind.
type Quantity struct {
	N    int
	What string
}

// Many is a quantity: Many(7, "failed").
func Many(n int, what string) Quantity { return Quantity{N: n, What: what} }

// Tally lists the kinds of which there are any: "7 failed, 3 unread".
func Tally(kinds ...Quantity) string {
	var parts []string
	for _, k := range kinds {
		if k.N > 0 {
			parts = append(parts, strconv.Itoa(k.N)+" "+k.What)
		}
	}
	return strings.Join(parts, ", ")
}
