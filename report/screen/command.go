package screen

import "strings"

// narrowPage is the width below which commands are broken. On a wider page a terminal
// breaks few words, and what stands on one line is selected with three clicks.
const narrowPage = 60

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
