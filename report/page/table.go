package page

import (
	"iter"

	"emaudit/report/screen"
	"emaudit/report/table"
)

// fill gives a table of the page the columns and the rows of a described one.
func fill[R any](b *pageBuilder, t *pageTable, columns table.Table[R], rows iter.Seq2[*R, error]) *pageTable {
	readers := columns.People()
	for _, r := range readers {
		t.Columns = append(t.Columns, pageColumn{Title: r.Title, Numeric: r.Type.Numeric(), Optional: r.Optional})
	}
	// Days are not named by their distance: a page is read on another day.
	words := &screen.Words{Terminal: screen.Terminal{Location: b.Terminal.Zone()}}
	for row := range rows {
		cells := make(pageRow, len(readers))
		for i := range readers {
			r := &readers[i]
			cell := r.Cell(row, words)
			cells[i] = pageCell{Text: cell.Text, Role: cell.Role, Mono: r.Type == table.Code, When: r.Type == table.Moment}
			if n, known := table.Integer(r.Value(row)); known {
				cells[i].Sort = sortKey(n)
			} else if r.Type.Numeric() {
				cells[i].Sort = "-1"
			}
		}
		t.row(cells...)
	}
	return t
}
