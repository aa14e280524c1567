package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// CSV writes one table as comma-separated values (RFC 4180), with the names of
// the columns in the first record. Records end in a line feed, without the
// carriage return of the RFC, which cut and awk would take for data.
//
// Numbers are written in full, times in unix seconds, sizes in bytes, and what is
// not known as an empty field. Text is made harmless twice:
//
//   - by [Clean], so that a record is one line and can be shown on a terminal;
//   - text that begins with one of = + - @ gets an apostrophe in front, because a
//     spreadsheet would take it for a formula, and run it. So does text that
//     begins with an apostrophe: to take one leading apostrophe away restores
//     any text. Package names never begin so; arguments of emerge do.
//
// Programs that need the exact text read the JSON.
//
// The first error ends the output; [CSV.Close] returns it. A CSV is not safe for
// use by several goroutines.
type CSV struct {
	out     *csv.Writer
	record  []string
	columns int
	err     error
}

// NewCSV returns a CSV that writes to w, and writes the names of its columns.
func NewCSV(w io.Writer, columns ...string) *CSV {
	c := &CSV{out: csv.NewWriter(w), columns: len(columns)}
	c.err = c.out.Write(columns)
	return c
}

// Row writes a record with a field for each column: a string, a bool, an integer,
// a float, or a pointer to one of them. nil and a nil pointer are an empty field.
func (c *CSV) Row(fields ...any) {
	if c.err != nil {
		return
	}
	if len(fields) != c.columns {
		c.err = fmt.Errorf("csv: record of %d fields in %d columns", len(fields), c.columns)
		return
	}
	c.record = c.record[:0]
	for _, field := range fields {
		text, err := csvField(field)
		if err != nil {
			c.err = err
			return
		}
		c.record = append(c.record, text)
	}
	c.err = c.out.Write(c.record)
}

// Close writes out what is buffered and returns the first error met. It does not
// close the underlying writer.
func (c *CSV) Close() error {
	c.out.Flush()
	if c.err != nil {
		return c.err
	}
	return c.out.Error()
}

// csvField returns a value as the text of its field.
func csvField(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return csvText(value), nil
	case bool:
		return strconv.FormatBool(value), nil
	case int:
		return strconv.Itoa(value), nil
	case int64:
		return strconv.FormatInt(value, 10), nil
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64), nil
	case *string:
		return csvPointer(value)
	case *bool:
		return csvPointer(value)
	case *int:
		return csvPointer(value)
	case *int64:
		return csvPointer(value)
	case *float64:
		return csvPointer(value)
	default:
		return "", fmt.Errorf("csv: field of type %T", value)
	}
}

// csvPointer returns what value points to as the text of a field.
func csvPointer[T any](value *T) (string, error) {
	if value == nil {
		return "", nil
	}
	return csvField(*value)
}

// csvText returns text as a field that no spreadsheet takes for a formula.
func csvText(text string) string {
	text = Clean(text)
	if text != "" && strings.IndexByte("=+-@'", text[0]) >= 0 {
		return "'" + text
	}
	return text
}
