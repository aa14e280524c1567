package screen

// startStream decides on the layout from the rows that are held, and writes the
// header and these rows. Every later row is written as it comes.
func (t *Table) startStream() {
	t.fit()
	if t.screen.term.Width > 0 {
		giveSpare(t.columns, t.widths, t.screen.term.Width-t.indent)
	}
	t.writeHeld()
}

// write writes a row in the layout of the table.
func (t *Table) write(cells []Cell) {
	if t.records {
		t.writeRecord(cells)
		return
	}
	t.writeRow(cells)
}

// writeHeld writes the header and the rows that are held, line by line.
func (t *Table) writeHeld() {
	if t.hasHeader() && !t.records {
		t.writeRow(t.header())
	}
	for cells := t.cells; len(cells) > 0; cells = cells[len(t.columns):] {
		t.write(cells[:len(t.columns)])
	}
	t.cells = t.cells[:0]
}

// writeRow writes one line. Its cells are clean, and there are as many as
// columns.
func (t *Table) writeRow(cells []Cell) {
	line := appendSpaces(t.screen.line[:0], t.indent)
	pending := 0 // spaces that are owed before the next cell
	for i, cell := range cells {
		width := t.widths[i]
		if width == omitted {
			continue
		}
		text := cell.Text
		used := DisplayWidth(text)
		if used > width && t.screen.term.Width > 0 {
			text = cut(text, width, t.columns[i].Shrink)
			used = DisplayWidth(text)
		}
		padding := max(width-used, 0)
		if t.columns[i].Align == Right {
			pending += padding
			padding = 0
		}
		if text != "" {
			line = appendSpaces(line, pending)
			line = appendPainted(line, text, cell.Role, t.screen.term.Color)
			pending = 0
		}
		pending += padding + Gutter
	}
	t.screen.writeLine(line)
}

// cut returns text in at most width columns, as its column gives way.
func cut(text string, width int, shrink Shrink) string {
	switch shrink {
	case CutEnd, Wrap:
		return cutEnd(text, width)
	case CutMiddle:
		return cutMiddle(text, width)
	default:
		return text
	}
}
