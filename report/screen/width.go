package screen

import (
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"

	"emaudit/parse"
)

// ellipsis stands for what was cut. It is one column wide.
const ellipsis = "…"

// DisplayWidth returns the number of columns that clean text takes: wide
// characters take two, combining marks none. Each character counts by itself, as
// most terminals count, and tablewriter: of joined emoji, the few that draw them
// as one take less.
func DisplayWidth(s string) int {
	for i := parse.PrintablePrefix(s); i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return i + wideWidth(s[i:])
		}
	}
	return len(s)
}

// wideWidth is displayWidth for text that is not ASCII.
func wideWidth(s string) int {
	width := 0
	for _, r := range s {
		width += displaywidth.Rune(r)
	}
	return width
}

// cutEnd returns s in at most width columns, with an ellipsis for the end that
// is missing.
func cutEnd(s string, width int) string {
	if DisplayWidth(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	head, _ := splitWidth(s, width-1)
	return head + ellipsis
}

// cutMiddle returns s in at most width columns, with an ellipsis in the middle.
// Of a path or a cpv both ends count: the category or folder, and the version or
// file name. The end gets the odd column.
func cutMiddle(s string, width int) string {
	total := DisplayWidth(s)
	if total <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	head, _ := splitWidth(s, (width-1)/2)
	tail := width - 1 - DisplayWidth(head)
	// The tail is what is left when enough columns are taken away from the front;
	// a character on that border goes as a whole.
	before, after := splitWidth(s, total-tail)
	if DisplayWidth(before) < total-tail {
		after = after[len(firstGrapheme(after)):]
	}
	return head + ellipsis + after
}

// firstGrapheme returns the grapheme cluster that s begins with.
func firstGrapheme(s string) string {
	graphemes := displaywidth.StringGraphemes(s)
	graphemes.Next()
	return graphemes.Value()
}

// splitWidth splits s behind the last grapheme cluster that ends within width
// columns, so that a mark is never parted from its letter.
func splitWidth(s string, width int) (head, tail string) {
	used, end := 0, 0
	graphemes := displaywidth.StringGraphemes(s)
	for graphemes.Next() {
		used += DisplayWidth(graphemes.Value())
		if used > width {
			break
		}
		end += len(graphemes.Value())
	}
	return s[:end], s[end:]
}

// wrapWords breaks s at spaces into lines of at most width columns. A word that is
// longer than a line, such as a path, stays whole: a terminal breaks it so that what is
// copied is the word. It returns at least one line. At width 0 there is no limit.
func wrapWords(s string, width int) []string {
	if width <= 0 || DisplayWidth(s) <= width {
		return []string{s}
	}
	text := strings.TrimLeft(s, " ")
	line := s[:len(s)-len(text)]
	used, empty := len(line), true
	var lines []string
	for word := range strings.SplitSeq(text, " ") {
		n := DisplayWidth(word)
		switch {
		case empty:
		case used+1+n > width:
			lines = append(lines, strings.TrimRight(line, " "))
			line, used = "", 0
		default:
			line += " "
			used++
		}
		line += word
		used, empty = used+n, false
	}
	return append(lines, strings.TrimRight(line, " "))
}

// wrap is like wrapWords, for a column of a table: a word that is longer than a line is
// broken where the line ends.
func wrap(s string, width int) []string {
	if width <= 0 {
		return []string{s}
	}
	var lines []string
	for {
		head, tail := splitWidth(s, width)
		if tail == "" {
			return append(lines, s)
		}
		if head == "" {
			// One character is wider than the line.
			head = firstGrapheme(s)
		} else if tail[0] != ' ' {
			// The line ends within a word: the word goes to the next one, unless
			// it is the only one.
			space := strings.LastIndexByte(head, ' ')
			if strings.TrimLeft(head[:max(space, 0)], " ") != "" {
				head = head[:space]
			}
		}
		s = strings.TrimLeft(s[len(head):], " ")
		lines = append(lines, strings.TrimRight(head, " "))
		if s == "" {
			return lines
		}
	}
}

// spaces is what padding is taken from.
const spaces = "                                                                "

// appendSpaces appends n spaces.
func appendSpaces(dst []byte, n int) []byte {
	for n > len(spaces) {
		dst = append(dst, spaces...)
		n -= len(spaces)
	}
	if n > 0 {
		dst = append(dst, spaces[:n]...)
	}
	return dst
}
