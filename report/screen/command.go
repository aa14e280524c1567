package screen

import "strings"

// narrowPage is the width below which commands are broken. On a wider page a terminal
// breaks few words, and what stands on one line is selected with three clicks.
const narrowPage = 60

// isNarrow reports whether the page is so narrow that commands are broken.
func (s *Screen) isNarrow() bool { return s.term.Width > 0 && s.term.Width < narrowPage }

// Command writes a command, which may have several lines, behind a label. Where it does
// not fit a narrow page it begins below the label, and goes on as those of steps do.
func (s *Screen) Command(indent int, label Cell, command string) {
	var lines []string
	labelWidth, widest := DisplayWidth(label.Text), 0
	for line := range strings.Lines(command) {
		lines = append(lines, Clean(strings.TrimRight(line, "\r\n")))
		widest = max(widest, DisplayWidth(lines[len(lines)-1]))
	}
	if s.isNarrow() && indent+labelWidth+widest > s.term.Width {
		if label.Text != "" {
			s.Line(Plain.Text(strings.Repeat(" ", indent)), label.Role.Text(strings.TrimRight(label.Text, " ")))
			indent += Gutter
		}
		label, labelWidth, lines = Cell{}, 0, breakCommands(lines, s.term.Width-indent)
	}
	for i, line := range lines {
		text := appendSpaces(s.line[:0], indent)
		if i == 0 {
			text = appendPainted(text, label.Text, label.Role, s.term.Color)
		} else {
			text = appendSpaces(text, labelWidth)
		}
		s.writeLine(appendPainted(text, line, Code, s.term.Color))
	}
}

// lineOf returns the width of a line of such parts.
func lineOf(parts []Cell) int {
	width := 0
	for _, part := range parts {
		width += DisplayWidth(Clean(part.Text))
	}
	return width
}

// narrowLine writes parts that are too long for one line. It goes on in the next line
// between two parts, or between two words of a part that is too long. A command that does
// not fit begins a line, indented.
func (s *Screen) narrowLine(parts []Cell) {
	var line []byte
	used, indent, begun := 0, 0, false
	flush := func(indent int) {
		s.writeLine(line)
		line, used, begun = appendSpaces(s.line[:0], indent), indent, false
	}
	add := func(text string, role Role) {
		if used == 0 && !begun {
			line = s.line[:0]
		}
		line = appendPainted(line, text, role, s.term.Color)
		used += DisplayWidth(text)
		begun = true
	}
	for i, part := range parts {
		text := Clean(part.Text)
		apart := i > 0 && (strings.HasPrefix(text, " ") || strings.HasSuffix(parts[i-1].Text, " "))
		if i == 0 {
			text = strings.TrimLeft(text, " ")
			indent = DisplayWidth(Clean(part.Text)) - DisplayWidth(text)
			line, used = appendSpaces(s.line[:0], indent), indent
		}
		if part.Role == Code {
			if used+DisplayWidth(text) <= s.term.Width {
				add(text, part.Role)
				continue
			}
			if begun {
				flush(indent + Gutter)
			}
			for n, row := range breakCommands([]string{text}, s.term.Width-indent-Gutter) {
				if n > 0 {
					flush(indent + Gutter)
				}
				add(row, part.Role)
			}
			continue
		}
		if whole := strings.TrimLeft(text, " "); begun && apart && used+DisplayWidth(text) > s.term.Width && indent+DisplayWidth(whole) <= s.term.Width {
			flush(indent)
			text = whole
		}
		if text == "" {
			continue
		}
		for n, word := range strings.Split(text, " ") {
			switch {
			case n == 0:
				if begun && used+DisplayWidth(word) > s.term.Width {
					flush(indent)
				}
			case begun && used+1+DisplayWidth(word) > s.term.Width:
				flush(indent)
			case begun:
				add(" ", part.Role)
			}
			if word != "" {
				add(word, part.Role)
			}
		}
	}
	s.writeLine(line)
}

// breakCommands returns the lines of commands on a page that has width columns for them.
// It breaks between the words of the shell alone, with a backslash, so that what is
// copied are the same commands. A word that is longer than a line stays whole. It breaks
// none if the words of one are not plain to see: a quote may go on in the next line.
func breakCommands(commands []string, width int) []string {
	const more, indent = ` \`, "  "
	var lines []string
	for _, command := range commands {
		words := shellWords(command)
		if words == nil {
			return commands
		}
		if DisplayWidth(command) <= width {
			lines = append(lines, command)
			continue
		}
		line := words[0]
		for _, word := range words[1:] {
			if longer := line + " " + word; DisplayWidth(longer+more) <= width {
				line = longer
				continue
			}
			lines = append(lines, line+more)
			line = indent + word
		}
		lines = append(lines, line)
	}
	return lines
}

// shellWords splits a command at single spaces outside quotes. It returns nil where a
// line break could change what the command means: behind a comment or a here document,
// or in quotes that another line ends.
func shellWords(command string) []string {
	var words []string
	var quote byte
	begin := 0
	for at := 0; at < len(command); at++ {
		switch c := command[at]; {
		case c == '\\' && quote != '\'':
			at++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '#' && at == begin, c == '`', strings.HasPrefix(command[at:], "<<"), strings.HasPrefix(command[at:], "$("):
			return nil
		case c == ' ' && at == begin:
			return nil
		case c == ' ':
			words = append(words, command[begin:at])
			begin = at + 1
		}
	}
	if quote != 0 || begin >= len(command) {
		return nil
	}
	return append(words, command[begin:])
}
