package screen

import "fmt"

// Align says to which side of its column a cell goes.
type Align uint8

// The alignments of a column.
const (
	Left Align = iota
	Right
)

// Shrink says how the cells of a column give way when the page is too narrow.
type Shrink uint8

// The ways in which a column gives way.
const (
	// Keep never gives way: verdicts, numbers, and what is to be copied.
	Keep Shrink = iota
	// CutEnd loses its end to an ellipsis: running text.
	CutEnd
	// CutMiddle loses its middle to an ellipsis: paths and cpvs, of which both
	// ends count.
	CutMiddle
	// Wrap goes on in the next line of its own column, so that nothing is lost.
	// In a table that is too long to be laid out as a whole it is CutEnd.
	Wrap
)

// Column describes a column of a [Table].
type Column struct {
	// Title is short and in upper case. A table whose titles are all empty has
	// no header line.
	Title string
	Align Align
	// Shrink says how cells give way on a page that is too narrow.
	Shrink Shrink
	// Yield orders the columns that give way: 1 is the first, and 2 follows if that
	// is not enough. Columns of the same Yield give way together, the widest first.
	// A column that shrinks and has no Yield gives way first.
	Yield int
	// Min is the width below which the column does not shrink; where it is not
	// stated, it is the width of the title, but no less than minColumn.
	Min int
	// Optional says that the column is left out as a whole when shrinking is not
	// enough, the rightmost of them first.
	Optional bool
}

const (
	// minColumn is the narrowest that a column gets by itself: below it, a cut
	// package name says nothing.
	minColumn = 8
	// Gutter is what separates two columns.
	Gutter = 2
	// tableSample is the number of rows from which the widths of the columns are
	// taken. A table of no more rows is laid out as a whole; the rows of a
	// longer one are written as they come, so that the memory for a history of
	// any length is bounded, and because tablewriter takes some 30 µs for a row
	// where writing it takes 0.3.
	tableSample = 512
)

// pipeAlign is the width to which running text is padded where the width has no
// limit. A longer cell is written whole and moves the rest of its own line: one
// command line of three hundred characters would otherwise push the columns
// behind it out of sight in every row.
const pipeAlign = 60

// Table writes rows in aligned columns, two spaces apart and without borders.
//
// On a page of known width the table fits: columns shrink or are left out as
// their [Column] says, and on a narrow page a row becomes a paragraph if that is not
// enough. Where the width has no limit nothing is cut.
//
// In a table of more than 512 rows, the first 512 decide on the widths. A later
// cell that is wider is cut if its column shrinks and the width has a limit;
// otherwise it moves the rest of its line to the right.
type Table struct {
	screen  *Screen
	columns []Column
	indent  int
	// cells holds the rows whose layout is not decided yet, row by row, with
	// clean text.
	cells []Cell
	// widths is the layout, nil until it is decided: the width of each column,
	// or omitted.
	widths []int
	// records says that each row is a paragraph, because the columns do not fit.
	records bool
}

// Table begins a table with the given columns, of which there is at least one.
// Its rows are complete after [Table.End]; nothing else is to be written to the
// screen before that.
func (s *Screen) Table(columns ...Column) *Table {
	return &Table{screen: s, columns: columns}
}

// Indent moves the table to the right by n columns and returns it.
func (t *Table) Indent(n int) *Table {
	t.indent = n
	return t
}

// Row adds a row. Cells that are missing at its end are empty; more cells than
// columns are an error, which the screen keeps.
func (t *Table) Row(cells ...Cell) {
	if len(cells) > len(t.columns) {
		t.screen.Fail(fmt.Errorf("table: row of %d cells in %d columns", len(cells), len(t.columns)))
		return
	}
	first := len(t.cells)
	for _, cell := range cells {
		t.cells = append(t.cells, Cell{Text: Clean(cell.Text), Role: cell.Role})
	}
	for range len(t.columns) - len(cells) {
		t.cells = append(t.cells, Cell{})
	}
	switch {
	case t.widths != nil:
		t.write(t.cells[first:])
		t.cells = t.cells[:first]
	case len(t.cells) > tableSample*len(t.columns):
		t.startStream()
	}
}

// End writes what is left of the table. A table without rows writes nothing, not
// even its header.
func (t *Table) End() {
	if t.widths != nil || len(t.cells) == 0 {
		return
	}
	if t.screen.term.Width == 0 {
		t.startStream()
		return
	}
	if t.fit(); t.records {
		t.writeHeld()
	} else {
		t.writeGrid()
	}
	t.cells = nil
}

// fit decides on the layout from the rows that are held.
func (t *Table) fit() {
	natural := make([]int, len(t.columns))
	for i, column := range t.columns {
		natural[i] = DisplayWidth(Clean(column.Title))
	}
	for i, cell := range t.cells {
		column := i % len(t.columns)
		natural[column] = max(natural[column], DisplayWidth(cell.Text))
	}
	width := t.screen.term.Width
	if width == 0 {
		for i, column := range t.columns {
			if column.Shrink == CutEnd || column.Shrink == Wrap {
				natural[i] = min(natural[i], pipeAlign)
			}
		}
		t.widths = fitColumns(t.columns, natural, width)
		return
	}
	t.omitEmpty(natural)
	t.widths = fitColumns(t.columns, natural, max(width-t.indent, 1))
	t.records = t.tooNarrow(natural)
}

// omitEmpty leaves out the optional columns that have nothing in any row: on a
// page the others can use the room.
func (t *Table) omitEmpty(widths []int) {
	for column := range t.columns {
		if !t.columns[column].Optional || len(t.cells) == 0 {
			continue
		}
		empty := true
		for i := column; i < len(t.cells) && empty; i += len(t.columns) {
			empty = t.cells[i].Text == ""
		}
		if empty {
			widths[column] = omitted
		}
	}
}

// hasHeader reports whether any column has a title.
func (t *Table) hasHeader() bool {
	for _, column := range t.columns {
		if column.Title != "" {
			return true
		}
	}
	return false
}

// header returns the titles as cells.
func (t *Table) header() []Cell {
	header := make([]Cell, len(t.columns))
	for i, column := range t.columns {
		header[i] = Bold.Text(Clean(column.Title))
	}
	return header
}
