package page

import (
	"iter"
	"strings"

	"emaudit/report/screen"
	"emaudit/report/table"
)

// pageTable is a table that can be filtered and sorted.
type pageTable struct {
	ID      string
	Caption string
	Filter  bool // long enough that a reader may want to look something up
	Open    bool // shown at once; else folded away under its caption
	Columns []pageColumn
	Rows    [][]pageCell
}

// pageColumn is a column of a [pageTable].
type pageColumn struct {
	Title    string
	Type     table.Type
	Optional bool // gives way on a narrow screen
}

// pageCell is a cell of a [pageTable].
type pageCell struct {
	screen.Cell
	Link  string // address, or ""
	Sort  string // what the cell is sorted by, where that is not its text
	Spark *sparkline
}

// fill gives a table of the page the columns and the rows of a described one.
func fill[R any](b *pageBuilder, t *pageTable, columns table.Table[R], rows iter.Seq2[*R, error]) *pageTable {
	readers := columns.People()
	for _, r := range readers {
		t.Columns = append(t.Columns, pageColumn{Title: r.Title, Type: r.Type, Optional: r.Optional})
	}
	words := &screen.Words{Terminal: b.Terminal}
	for row := range rows {
		cells := make([]pageCell, len(readers))
		for i := range readers {
			r, c := &readers[i], &cells[i]
			c.Cell = r.Cell(row, words)
			switch n, known := table.Integer(r.Value(row)); {
			case r.Order != nil:
				c.Sort = sortKey(r.Order(row))
			case known:
				c.Sort = sortKey(n)
			case r.Type.Numeric():
				c.Sort = "-1"
			}
			if r.Type == table.Package {
				c.Link = b.anchorOf(c.Text)
			}
			if r.Series != nil {
				c.Spark = newSparkline(r.Series(row))
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// block makes a block of a table; an empty table makes none.
func (t *pageTable) block() pageBlock {
	if len(t.Rows) == 0 {
		return pageBlock{}
	}
	t.Filter = len(t.Rows) > filterFrom
	return pageBlock{Table: t}
}

// Fold reports whether a script may show only the first rows at first.
func (t *pageTable) Fold() bool { return t.Filter && len(t.Rows) > foldFrom }

// foldFrom is the number of rows from which a table fills more than a screen.
const foldFrom = 40

// filterFrom is the number of rows from which a table is too long to be read
// as a whole.
const filterFrom = 12

// Class is the column's in the style sheet.
func (c pageColumn) Class() string {
	var classes []string
	if c.Type.Numeric() {
		classes = append(classes, "n")
	}
	if c.Optional {
		classes = append(classes, "o")
	}
	return strings.Join(classes, " ")
}

// unbroken is the length up to which names and paths are kept on one line
// where a screen is wide.
const unbroken = 32

// Class is the cell's in the style sheet: that of its column, what it means, and how
// it is set. What is short is not broken, so that names stay whole.
func (c pageCell) Class(column pageColumn) string {
	classes := []string{column.Class(), c.RoleName()}
	if column.Mono() {
		classes = append(classes, "m")
	}
	switch {
	case column.Type == table.Lines:
		classes = append(classes, "l")
	case column.Type == table.Moment:
		classes = append(classes, "k t")
	case (c.Role != screen.Plain || column.Mono() || c.Link != "") && len(c.Text) <= unbroken:
		classes = append(classes, "k")
	}
	return strings.Join(strings.Fields(strings.Join(classes, " ")), " ")
}

// Words reports whether a browser breaks the text of the cell between words only, and not
// behind the hyphens of names and options.
func (c pageCell) Words(column pageColumn) bool {
	return column.Mono() || column.Type != table.Lines && strings.Contains(c.Text, "-") && strings.Contains(c.Text, " ")
}

// Mono reports whether the cells are set in the letters of a terminal.
func (c pageColumn) Mono() bool { return c.Type == table.Code }
