package report

import (
	"encoding/hex"
	"io"
	"iter"
	"strconv"
	"strings"

	"emaudit/report/screen"
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
		Rows: func(w io.Writer) error {
			c := NewCSV(w, columns...)
			for row, err := range rows {
				if err != nil {
					return err
				}
				c.Row(plainValues(row)...)
			}
			return c.Close()
		},
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

func sqlTable(s *screen.Screen, columns []string, rows iter.Seq2[[]any, error]) {
	var t *screen.Table
	begin := func(row []any) {
		shown := make([]screen.Column, len(columns))
		for i, name := range columns {
			shown[i] = screen.Column{Title: strings.ToUpper(name), Shrink: screen.CutEnd}
			if row == nil {
				continue
			}
			switch row[i].(type) {
			case int64, float64:
				shown[i].Align = screen.Right
			}
		}
		t = s.Table(shown...)
	}
	for row, err := range rows {
		if err != nil {
			s.Fail(err)
			return
		}
		if t == nil {
			begin(row)
		}
		cells := make([]screen.Cell, len(row))
		for i, value := range plainValues(row) {
			cells[i] = screen.Plain.Text(sqlText(value))
		}
		t.Row(cells...)
	}
	if t == nil {
		begin(nil)
	}
	t.End()
}

// sqlText writes a value for people.
func sqlText(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		return v
	}
	return ""
}

// View is a table that can be asked in SQL.
type View struct {
	Name, Meaning string
	Columns       [][2]string // name and meaning
}

// Views lists what can be asked in SQL.
func Views(views []View) Answer {
	columns := []string{"view", "column", "meaning"}
	rows := func(yield func([]any, error) bool) {
		for _, v := range views {
			for _, c := range v.Columns {
				if !yield([]any{v.Name, c[0], c[1]}, nil) {
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
			t := s.Table(screen.Column{}, screen.Column{Shrink: screen.Wrap}).Indent(2)
			for _, c := range v.Columns {
				t.Row(screen.Plain.Text(c[0]), screen.Dim.Text(c[1]))
			}
			t.End()
		}
	}
	return a
}
