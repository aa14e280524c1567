package screen

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// writeGrid writes the rows that are held through tablewriter, which lays out
// cells of several lines beside each other. It is handed finished cells: the
// widths are decided and long text is cut or broken already, because
// tablewriter's own truncation divides the page evenly and its breaking of words
// can lose characters (olekukonko/tablewriter issue 328). Everything else that it
// would do to the text is switched off.
func (t *Table) writeGrid() {
	var out bytes.Buffer
	var alignment tw.Alignment
	for i, column := range t.columns {
		if t.widths[i] == omitted {
			continue
		}
		align := tw.AlignLeft
		if column.Align == Right {
			align = tw.AlignRight
		}
		alignment = append(alignment, align)
	}
	cell := tw.CellConfig{
		Formatting: tw.CellFormatting{AutoWrap: tw.WrapNone, AutoFormat: tw.Off},
		Padding:    tw.CellPadding{Global: tw.Padding{Right: strings.Repeat(" ", Gutter), Overwrite: true}},
		Alignment:  tw.CellAlignment{Global: tw.AlignLeft, PerColumn: alignment},
	}
	grid := tablewriter.NewTable(&out,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Symbols: tw.NewSymbols(tw.StyleNone),
			Settings: tw.Settings{
				Separators: tw.SeparatorsNone,
				Lines:      tw.LinesNone,
			},
		})),
		tablewriter.WithConfig(tablewriter.Config{
			Header:   cell,
			Row:      cell,
			Behavior: tw.Behavior{TrimSpace: tw.Off, TrimLine: tw.Off, TrimTab: tw.Off, AutoHide: tw.Off},
		}),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		// By default the width of some characters would depend on the environment.
		tablewriter.WithEastAsian(tw.Off),
	)
	if t.hasHeader() {
		grid.Header(t.gridRow(t.header()))
	}
	for cells := t.cells; len(cells) > 0; cells = cells[len(t.columns):] {
		if err := grid.Append(t.gridRow(cells[:len(t.columns)])); err != nil {
			t.screen.Fail(fmt.Errorf("table: %w", err))
			return
		}
	}
	if err := grid.Render(); err != nil {
		t.screen.Fail(fmt.Errorf("table: %w", err))
		return
	}
	for line := range bytes.Lines(out.Bytes()) {
		indented := appendSpaces(t.screen.line[:0], t.indent)
		t.screen.writeLine(append(indented, trimGridLine(line)...))
	}
}

// trimGridLine removes the padding from the end of a line. Behind a painted cell
// tablewriter pads before its own reset, so that the two alternate.
func trimGridLine(line []byte) []byte {
	trimmed, painted := bytes.TrimRight(line, " \n"), false
	for bytes.HasSuffix(trimmed, []byte(sgrReset)) {
		trimmed, painted = bytes.TrimRight(trimmed[:len(trimmed)-len(sgrReset)], " "), true
	}
	if painted {
		trimmed = append(trimmed, sgrReset...)
	}
	return trimmed
}

// gridRow returns the cells that are shown, cut or broken to the widths of their
// columns and painted.
func (t *Table) gridRow(cells []Cell) []string {
	row := make([]string, 0, len(cells))
	var painted []byte
	for i, cell := range cells {
		width := t.widths[i]
		if width == omitted {
			continue
		}
		lines := []string{cell.Text}
		if DisplayWidth(cell.Text) > width {
			if t.columns[i].Shrink == Wrap {
				lines = wrap(cell.Text, width)
			} else {
				lines[0] = cut(cell.Text, width, t.columns[i].Shrink)
			}
			// Where a wide character did not fit into the last place, the column
			// has its width all the same: tablewriter would make it narrower.
			if short := width - DisplayWidth(lines[0]); short > 0 && t.columns[i].Shrink != Wrap {
				blanks := strings.Repeat(" ", short)
				if t.columns[i].Align == Right {
					lines[0] = blanks + lines[0]
				} else {
					lines[0] += blanks
				}
			}
		}
		painted = painted[:0]
		for j, line := range lines {
			if j > 0 {
				painted = append(painted, '\n')
			}
			painted = appendPainted(painted, line, cell.Role, t.screen.term.Color)
		}
		row = append(row, string(painted))
	}
	return row
}
