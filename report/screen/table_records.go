package screen

import "strings"

// namesApart is the width below which most names that are cut in the middle cannot be
// told apart.
const namesApart = 20

// tooNarrow reports whether the columns do not fit a narrow page: lines would be longer
// than it, or names would be cut so that they say nothing.
func (t *Table) tooNarrow(natural []int) bool {
	page := t.screen.term.Width
	if page == 0 || page >= narrowPage {
		return false
	}
	if lineWidth(t.widths) > page-t.indent {
		return true
	}
	for i, column := range t.columns {
		if column.Shrink == CutMiddle && t.widths[i] != omitted && t.widths[i] < min(natural[i], namesApart) {
			return true
		}
	}
	return false
}

// writeRecord writes a row as a paragraph, without cutting anything:
//
//	downgrade  app-misc/hello
//	  from 2.1 · to 2.0_rc1
//	  binpkg build 4, whole, not unpacked
//
// The first line has words up to the name. The others have the titles of their columns.
func (t *Table) writeRecord(cells []Cell) {
	page, indent := t.screen.term.Width, t.indent+Gutter
	head, used := appendSpaces(t.screen.line[:0], t.indent), t.indent
	var facts []Cell
	named, full := false, false
	for i, cell := range cells {
		if cell.Text == "" || cell.Text == NotKnown {
			continue
		}
		name := !named && t.columns[i].Shrink != Keep
		gap := min(i, 1) * Gutter
		width := gap + DisplayWidth(cell.Text)
		word := t.columns[i].Align == Left && cell.Text != "yes" && cell.Text != "no"
		switch {
		case i == 0 || !named && !full && word && used+width <= page:
			head = appendPainted(appendSpaces(head, gap), cell.Text, cell.Role, t.screen.term.Color)
			used += width
		case name:
			facts = append([]Cell{cell}, facts...)
		default:
			full = full || word
			if title := strings.ToLower(Clean(t.columns[i].Title)); title != "" {
				cell.Text = title + " " + cell.Text
			}
			facts = append(facts, cell)
		}
		named = named || name
	}
	t.screen.writeLine(head)
	line, used := appendSpaces(t.screen.line[:0], indent), indent
	for i, fact := range facts {
		if i > 0 && used+DisplayWidth(between)+DisplayWidth(fact.Text) <= page {
			line = append(line, between...)
			used += DisplayWidth(between)
		} else if i > 0 {
			t.screen.writeLine(line)
			line, used = appendSpaces(t.screen.line[:0], indent), indent
		}
		for n, part := range wrapWords(fact.Text, max(page-indent, 1)) {
			if n > 0 {
				t.screen.writeLine(line)
				line, used = appendSpaces(t.screen.line[:0], indent), indent
			}
			line = appendPainted(line, part, fact.Role, t.screen.term.Color)
			used += DisplayWidth(part)
		}
	}
	if len(facts) > 0 {
		t.screen.writeLine(line)
	}
}
