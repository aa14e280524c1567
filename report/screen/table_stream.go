package screen

import "slices"

// startStream decides on the layout from the rows that are held, and writes the
// header and these rows. Every later row is written as it comes.
func (t *Table) startStream() {
	t.widths = t.fit()
	if t.screen.term.Width > 0 {
		giveSpare(t.columns, t.widths, t.screen.term.Width-t.indent)
	}
	t.writeHeld(t.writeRow)
}

// writeHeld writes the header and the rows that are held, each with write.
func (t *Table) writeHeld(write func([]Cell)) {
	if t.hasHeader() {
		write(t.header())
	}
	for cells := t.cells; len(cells) > 0; cells = cells[len(t.columns):] {
		write(cells[:len(t.columns)])
	}
	t.cells = t.cells[:0]
}

// writeWrapped writes a row on as many lines as its longest cell that wraps.
func (t *Table) writeWrapped(cells []Cell) {
	rest := make([][]string, len(cells))
	height := 1
	for i, cell := range cells {
		rest[i] = []string{cell.Text}
		if width := t.widths[i]; t.columns[i].Shrink == Wrap && width != omitted {
			rest[i] = wrap(cell.Text, width)
			height = max(height, len(rest[i]))
		}
	}
	for n := range height {
		line := slices.Clone(cells)
		for i := range line {
			line[i].Text = ""
			if n < len(rest[i]) {
				line[i].Text = rest[i][n]
			}
		}
		t.writeRow(line)
	}
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
