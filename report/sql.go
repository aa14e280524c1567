package report

import (
	"encoding/hex"
	"iter"

	"emaudit/report/screen"
	"emaudit/report/table"
)

// SQL is the answer to a question in SQL. Rows hold until the next is yielded.
func SQL(columns []string, rows iter.Seq2[[]any, error]) Answer {
	return Answer{
		Keys: func(j *JSON) {
			j.Value("columns", columns)
			WriteArray(j, "rows", func(yield func([]any, error) bool) {
				for row, err := range rows {
					if !yield(plainValues(row), err) {
						return
					}
				}
			})
		},
		Rows: columnsOf(columns, nil).CSV(valuesOf(rows)),
		Text: func(s *screen.Screen) { sqlTable(s, columns, rows) },
	}
}

// plainValues are the values of a row with digests as hexadecimal digits.
func plainValues(row []any) []any {
	for i, value := range row {
		if b, ok := value.([]byte); ok {
			row[i] = hex.EncodeToString(b)
		}
	}
	return row
}

// columnsOf returns the columns of a result. The first row decides their types.
func columnsOf(names []string, first []any) table.Table[[]any] {
	columns := make(table.Table[[]any], len(names))
	for i, name := range names {
		columns[i] = table.Column[[]any]{Name: name, Title: name, Shrink: screen.CutEnd, Value: func(row *[]any) any { return (*row)[i] }}
		if first != nil {
			switch first[i].(type) {
			case int64, float64:
				columns[i].Type = table.Digits
			}
		}
	}
	return columns
}

// valuesOf yields the rows with plain values.
func valuesOf(rows iter.Seq2[[]any, error]) iter.Seq2[*[]any, error] {
	return func(yield func(*[]any, error) bool) {
		for row, err := range rows {
			row = plainValues(row)
			if !yield(&row, err) {
				return
			}
		}
	}
}

func sqlTable(s *screen.Screen, names []string, rows iter.Seq2[[]any, error]) {
	next, stop := iter.Pull2(valuesOf(rows))
	defer stop()
	first, err, some := next()
	columns := columnsOf(names, nil)
	if some && err == nil {
		columns = columnsOf(names, *first)
	}
	columns.Screen(s, 0, func(yield func(*[]any, error) bool) {
		for row, err, more := first, err, some; more; row, err, more = next() {
			if !yield(row, err) {
				return
			}
		}
	})
}

// View is a table that can be asked in SQL.
type View struct {
	Name, Meaning string
	Columns       []viewColumn
}

type viewColumn = struct{ Name, Meaning string }

// Views lists the views for SQL queries.
func Views(views []View) Answer {
	columns := []string{"view", "column", "meaning"}
	rows := func(yield func([]any, error) bool) {
		for _, v := range views {
			for _, c := range v.Columns {
				if !yield([]any{v.Name, c.Name, c.Meaning}, nil) {
					return
				}
			}
		}
	}
	a := SQL(columns, rows)
	a.Text = func(s *screen.Screen) {
		for i, v := range views {
			if i > 0 {
				s.Line()
			}
			s.Line(screen.Bold.Text(v.Name), screen.Dim.Text("  "+v.Meaning))
			table.Table[viewColumn]{
				{Value: func(c *viewColumn) any { return c.Name }},
				{Value: func(c *viewColumn) any { return c.Meaning }, Role: screen.Dim, Shrink: screen.Wrap},
			}.Screen(s, 2, table.All(v.Columns))
		}
	}
	return a
}
