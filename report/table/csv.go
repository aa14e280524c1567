package table

import (
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"emaudit/report/screen"
)

// CSV returns what writes the rows as comma-separated values (RFC 4180), with the
// names of the columns in the first record. Records end in a line feed, without the
// carriage return of the RFC, which cut and awk would take for data.
//
// Numbers are written in full, times in unix seconds, sizes in bytes, lists with
// spaces between their elements, and what is not known as an empty field. Text is
// made harmless twice:
//
//   - by [screen.Clean], so that a record is one line and can be shown on a terminal;
//   - text that begins with one of = + - @, or one of their wide forms, gets an
//     apostrophe in front, because a spreadsheet would take it for a formula and
//     run it. So does text that begins with an apostrophe: to take one leading
//     apostrophe away restores any text. Package names never begin so;
//     arguments of emerge do.
//
// Programs that need the exact text read the JSON.
func (t Table[R]) CSV(rows iter.Seq2[*R, error]) func(io.Writer) error {
	return func(w io.Writer) error {
		readers := t.programs()
		record := make([]string, len(readers))
		for i, r := range readers {
			record[i] = r.Name
		}
		out := csv.NewWriter(w)
		if err := out.Write(record); err != nil {
			return err
		}
		for row, err := range rows {
			if err != nil {
				return err
			}
			for i := range readers {
				if record[i], err = csvField(readers[i].Value(row)); err != nil {
					return err
				}
			}
			if err := out.Write(record); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	}
}

// textOf writes a value of any string, boolean, integer or float type, a list of them,
// or a pointer to one, in full. What is nil is "".
func textOf(value any) (string, error) {
	switch value := value.(type) {
	case nil:
		return "", nil
	case string:
		return value, nil
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
		return textOf(v.Elem().Interface())
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10), nil
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'f', -1, 64), nil
	case reflect.Slice:
		words := make([]string, v.Len())
		for i := range words {
			var err error
			if words[i], err = textOf(v.Index(i).Interface()); err != nil {
				return "", err
			}
		}
		return strings.Join(words, " "), nil
	default:
		return "", fmt.Errorf("table: value of type %T", value)
	}
}

// formulaStarts are the characters that begin a formula. A spreadsheet for East Asian
// input treats the wide forms alike. The apostrophe is the mark itself.
const formulaStarts = "=+-@\uff1d\uff0b\uff0d\uff20'"

// csvField returns a value as a field. Text is harmless to a terminal, and no
// spreadsheet takes it for a formula; numbers are written as they are.
func csvField(value any) (string, error) {
	text, err := textOf(value)
	if err != nil || text == "" || isNumber(value) {
		return text, err
	}
	text = screen.Clean(text)
	if first, _ := utf8.DecodeRuneInString(text); strings.ContainsRune(formulaStarts, first) {
		return "'" + text, nil
	}
	return text, nil
}

func isNumber(value any) bool {
	t := reflect.TypeOf(value)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() != reflect.String && t.Kind() != reflect.Slice
}
