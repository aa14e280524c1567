// Package table describes an answer as a table, once, for people and for programs:
// its columns, each with a name, a title, a type and a rule for shrinking, and rows of
// typed values. The description is written to a terminal, as CSV, and by
// package page as HTML and Markdown.
//
// A row is the struct that the JSON of the answer holds. A column names a field of it
// as JSON does, so that CSV and JSON have the same names and the same values. Its type
// says how people read the value: a size in IEC units, a time on the calendar.
package table

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"emaudit/report/screen"
)

// Type is the presentation of a column.
type Type uint8

// The types of columns. Numbers and measurements are aligned to the right.
const (
	Text    Type = iota // as it is; yes or no of a boolean
	Lines               // text of several lines, which a page shows as lines
	Code                // what is typed, a path or a command: as it is
	Package             // a cpv or category/pn: a page links it to what it knows of the package
	Digits              // a number that names something: as it is
	Number              // an amount: with commas between the thousands
	Size                // bytes, in IEC units
	Seconds             // a duration
	Moment              // unix seconds, to the minute
	Day                 // unix seconds, to the day
)

// Numeric reports whether the values of the type are numbers that are compared.
func (t Type) Numeric() bool { return t >= Digits && t <= Seconds }

// Column is a column of a table with rows of type R.
type Column[R any] struct {
	// Name heads the column for programs, snake_case; "" for what only people need.
	Name string
	// Title heads the column for people, as it is written in a sentence; a terminal
	// shows it in upper case. A column with a Name but without Title and Show is for
	// programs only.
	Title string
	Type  Type
	// Of names the field of R that the column holds, as JSON names it; "a.b" is the
	// field b of the struct in the field a. It is Name where it is not stated.
	Of string
	// Value is what the column holds where no field of R is it.
	Value func(*R) any
	// Show is what people read where Type does not say it.
	Show func(*R) screen.Cell
	// Role is the role of all cells.
	Role screen.Role
	// Order is what a page sorts the rows by where the value does not say it.
	Order func(*R) int64
	// Series are numbers, the oldest first, that a page draws in front of the text.
	Series func(*R) []int64
	// Blank leaves a cell empty if the value is unknown.
	Blank bool
	// The layout on a page that is too narrow; see [screen.Column].
	Shrink     screen.Shrink
	Yield, Min int
	Optional   bool
}

// Table describes a table with rows of type R.
type Table[R any] []Column[R]

// Data returns columns for programs only. Each names a field of R as JSON does: "size",
// "file.path" for the column path, or "binpkg=file.path" for the column binpkg.
func Data[R any](fields ...string) Table[R] {
	t := make(Table[R], len(fields))
	for i, field := range fields {
		name, path, renamed := strings.Cut(field, "=")
		if !renamed {
			path, name = field, field[strings.LastIndexByte(field, '.')+1:]
		}
		t[i] = Column[R]{Name: name, Of: path}
	}
	return t
}

// With returns the table with further columns at the end.
func (t Table[R]) With(columns ...Column[R]) Table[R] {
	return append(slices.Clip(t), columns...)
}

// Without returns the table without what people see of the columns with these
// titles. Programs get all columns always.
func (t Table[R]) Without(titles ...string) Table[R] {
	var rest Table[R]
	for _, c := range t {
		if slices.Contains(titles, c.Title) {
			if c.Name == "" {
				continue
			}
			c.Title, c.Show = "", nil
		}
		rest = append(rest, c)
	}
	return rest
}

// All yields the rows of a slice.
func All[R any](rows []R) iter.Seq2[*R, error] {
	return Where(rows, func(*R) bool { return true })
}

// Where yields the rows of a slice that are wanted.
func Where[R any](rows []R, wanted func(*R) bool) iter.Seq2[*R, error] {
	return func(yield func(*R, error) bool) {
		for i := range rows {
			if wanted(&rows[i]) && !yield(&rows[i], nil) {
				return
			}
		}
	}
}

// Reader reads the values of one column.
type Reader[R any] struct {
	Column[R]
	field []int // of R
}

// People returns a reader for each column that people see.
func (t Table[R]) People() []Reader[R] {
	return t.readers(func(c *Column[R]) bool { return c.Title != "" || c.Show != nil || c.Name == "" })
}

// programs returns a reader for each column that programs see.
func (t Table[R]) programs() []Reader[R] {
	return t.readers(func(c *Column[R]) bool { return c.Name != "" })
}

func (t Table[R]) readers(wanted func(*Column[R]) bool) []Reader[R] {
	var readers []Reader[R]
	for i := range t {
		c := t[i]
		if !wanted(&c) {
			continue
		}
		if c.Of == "" {
			c.Of = c.Name
		}
		r := Reader[R]{Column: c}
		if c.Value == nil && c.Of != "" {
			r.field = fieldOf(reflect.TypeFor[R](), c.Of)
		}
		readers = append(readers, r)
	}
	return readers
}

// fieldOf finds the field that JSON calls path. It panics if there is none: then the
// description is wrong, and every use of it shows that.
func fieldOf(row reflect.Type, path string) []int {
	var index []int
	for name := range strings.SplitSeq(path, ".") {
		if row.Kind() == reflect.Pointer {
			row = row.Elem()
		}
		found := false
		for _, f := range reflect.VisibleFields(row) {
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name && len(f.Index) <= 2 {
				index, row, found = append(index, f.Index...), f.Type, true
				break
			}
		}
		if !found {
			panic(fmt.Sprintf("table: %s has no field %q in JSON", row, path))
		}
	}
	return index
}

// Value returns the value in a row, or nil if unknown.
func (r *Reader[R]) Value(row *R) any {
	if r.Column.Value != nil {
		return r.Column.Value(row)
	}
	v := reflect.Indirect(reflect.ValueOf(row).Elem()) // a row may be a pointer
	v, err := v.FieldByIndexErr(r.field)
	if err != nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	return v.Interface()
}

// Cell returns the text for people.
func (r *Reader[R]) Cell(row *R, words *screen.Words) screen.Cell {
	if r.Show != nil {
		return r.Show(row)
	}
	return r.Role.Text(r.inWords(r.Value(row), words))
}

// inWords formats a value by its type.
func (r *Reader[R]) inWords(value any, words *screen.Words) string {
	if r.Type < Number {
		if is, ok := value.(bool); ok {
			return map[bool]string{true: "yes", false: "no"}[is]
		}
		text, err := textOf(value)
		if err != nil {
			return err.Error()
		}
		return text
	}
	n, known := Integer(value)
	switch {
	case !known && r.Blank:
		return ""
	case !known:
		return screen.NotKnown
	}
	switch r.Type {
	case Number:
		return screen.Number(n)
	case Size:
		return screen.Size(n)
	case Seconds:
		return words.Seconds(&n)
	case Day:
		return words.Terminal.Date(n)
	default:
		return words.Time(n)
	}
}

// Integer returns an integer or what a pointer to one points to; known is false of
// all else.
func Integer(value any) (n int64, known bool) {
	switch value := value.(type) {
	case int64:
		return value, true
	case int:
		return int64(value), true
	case *int64:
		if value != nil {
			return *value, true
		}
	}
	return 0, false
}

// Screen writes what people see of the rows in columns, indented by indent, and
// returns the number of rows. An error that is yielded ends the output of the screen.
func (t Table[R]) Screen(s *screen.Screen, indent int, rows iter.Seq2[*R, error]) int {
	readers := t.People()
	columns := make([]screen.Column, len(readers))
	for i, r := range readers {
		columns[i] = screen.Column{Title: strings.ToUpper(r.Title), Shrink: r.Shrink, Yield: r.Yield, Min: r.Min, Optional: r.Optional}
		if r.Type.Numeric() {
			columns[i].Align = screen.Right
		}
	}
	out := s.Table(columns...).Indent(indent)
	words := &screen.Words{Terminal: s.Terminal()}
	cells := make([]screen.Cell, len(readers))
	n := 0
	for row, err := range rows {
		if err != nil {
			s.Fail(err)
			return n
		}
		for i := range readers {
			cells[i] = readers[i].Cell(row, words)
		}
		out.Row(cells...)
		n++
	}
	out.End()
	return n
}
