package report

import (
	"strings"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// ellipsis stands for what was cut. It is one column wide.
const ellipsis = "…"

// displayWidth returns the number of columns that clean text takes: wide
// characters take two, combining marks none.
func displayWidth(s string) int {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return displaywidth.String(s)
		}
	}
	return len(s)
}

// cutEnd returns s in at most width columns, with an ellipsis for the end that
// is missing.
func cutEnd(s string, width int) string {
	if displayWidth(s) <= width {
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
	total := displayWidth(s)
	if total <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	head, _ := splitWidth(s, (width-1)/2)
	tail := width - 1 - displayWidth(head)
	// The tail is what is left after the first columns are taken away; a wide
	// character on the border may cost one column more.
	before, after := splitWidth(s, total-tail)
	if displayWidth(before) < total-tail && after != "" {
		graphemes := displaywidth.StringGraphemes(after)
		graphemes.Next()
		after = after[len(graphemes.Value()):]
	}
	return head + ellipsis + after
}

// splitWidth splits s behind the last grapheme cluster that ends within width
// columns.
func splitWidth(s string, width int) (head, tail string) {
	used, end := 0, 0
	graphemes := displaywidth.StringGraphemes(s)
	for graphemes.Next() {
		used += graphemes.Width()
		if used > width {
			break
		}
		end += len(graphemes.Value())
	}
	return s[:end], s[end:]
}

// wrap breaks s at spaces into lines of at most width columns. A word that is
// longer than a line is broken where the line ends: nothing is lost. It returns
// at least one line. At width 0 there is no limit.
func wrap(s string, width int) []string {
	if width <= 0 || displayWidth(s) <= width {
		return []string{s}
	}
	var lines []string
	for displayWidth(s) > width {
		head, tail := splitWidth(s, width)
		if head == "" {
			// One character is wider than the line.
			graphemes := displaywidth.StringGraphemes(s)
			graphemes.Next()
			head, tail = s[:len(graphemes.Value())], s[len(graphemes.Value()):]
		}
		if !strings.HasPrefix(tail, " ") {
			if space := strings.LastIndexByte(head, ' '); strings.TrimLeft(head[:max(space, 0)], " ") != "" {
				tail = head[space:] + tail
				head = head[:space]
			}
		}
		lines = append(lines, strings.TrimRight(head, " "))
		s = strings.TrimLeft(tail, " ")
	}
	if s != "" || len(lines) == 0 {
		lines = append(lines, s)
	}
	return lines
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
