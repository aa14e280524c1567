package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"emaudit/report/screen"
)

// CSV writes one table as comma-separated values (RFC 4180), with the names of
// the columns in the first record. Records end in a line feed, without the
// carriage return of the RFC, which cut and awk would take for data.
//
// Numbers are written in full, times in unix seconds, sizes in bytes, and what is
// not known as an empty field. Text is made harmless twice:
//
//   - by [screen.Clean], so that a record is one line and can be shown on a terminal;
//   - text that begins with one of = + - @, or one of their wide forms, gets an
//     apostrophe in front, because a spreadsheet would take it for a formula and
//     run it. So does text that begins with an apostrophe: to take one leading
//     apostrophe away restores any text. Package names never begin so;
//     arguments of emerge do.
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

// Row writes a record with a field for each column: a value of any string,
// boolean, integer or float type, or a pointer to one. nil and a nil pointer are
// an empty field.
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
	case int:
		return strconv.Itoa(value), nil
	case int64:
		return strconv.FormatInt(value, 10), nil
	}
	// Enumerations are strings with a type of their own, and what may be unknown
	// is a pointer.
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "", nil
		}
		return csvField(v.Elem().Interface())
	case reflect.String:
		return csvText(v.String()), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), nil
	default:
		return "", fmt.Errorf("csv: field of type %T", value)
	}
}

// formulaStarts holds the characters with which a formula begins, the wide forms
// too: a spreadsheet that expects East Asian input takes them for the same.
const formulaStarts = "=+-@\uff1d\uff0b\uff0d\uff20"

// csvText returns text as a field that no spreadsheet takes for a formula.
func csvText(text string) string {
	text = screen.Clean(text)
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune(formulaStarts+"'", first) {
		return "'" + text
	}
	return text
}
