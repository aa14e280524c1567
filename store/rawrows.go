package store

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// RawRows reads many rows directly from the driver. database/sql checks each value
// again, which takes as long as SQLite takes to find it. A log of a million lines
// has six million values.
type RawRows struct {
	tx      *Tx
	query   string
	stmt    driver.Stmt
	rows    driver.Rows
	columns int
	values  []driver.Value // of the rows read ahead
	next    int
	size    int // number of rows to read ahead next time
	ended   bool
}

// Rows are read ahead in growing batches. Most queries have few rows, and taking
// the connection for each row costs more than a small row.
const (
	firstBatch = 16
	mostBatch  = 256
)

// Raw runs a query whose values are int64, string or []byte. A transaction prepares it
// once, as [Tx.Query] does: a verdict about each of forty states asks the same questions
// forty times.
func (tx *Tx) Raw(query string, args ...any) (*RawRows, error) {
	r := &RawRows{tx: tx, query: query, size: firstBatch}
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	err := tx.conn.Raw(func(conn any) (err error) {
		if idle := tx.raw[query]; len(idle) > 0 {
			r.stmt, tx.raw[query] = idle[len(idle)-1], idle[:len(idle)-1]
		} else if r.stmt, err = conn.(driver.Conn).Prepare(query); err != nil {
			return err
		}
		r.rows, err = r.stmt.(driver.StmtQueryContext).QueryContext(tx.ctx, named)
		if err != nil {
			r.stmt.Close()
			return err
		}
		r.columns = len(r.rows.Columns())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Row returns the values of the next row, which are valid until the next call. It
// returns nil after the last row.
func (r *RawRows) Row() ([]driver.Value, error) {
	if r.next == len(r.values) {
		if r.ended {
			return nil, nil
		}
		if err := r.read(); err != nil || len(r.values) == 0 {
			return nil, err
		}
	}
	row := r.values[r.next : r.next+r.columns]
	r.next += r.columns
	return row, nil
}

// read reads rows ahead.
func (r *RawRows) read() error {
	if cap(r.values) < r.size*r.columns {
		r.values = make([]driver.Value, 0, r.size*r.columns)
	}
	r.values, r.next = r.values[:0], 0
	err := r.tx.conn.Raw(func(any) error {
		for range r.size {
			end := len(r.values)
			r.values = r.values[:end+r.columns]
			if err := r.rows.Next(r.values[end:]); err != nil {
				r.values = r.values[:end]
				r.ended = err == io.EOF
				if r.ended {
					err = nil
				}
				return err
			}
		}
		return nil
	})
	r.size = min(4*r.size, mostBatch)
	return err
}

func (r *RawRows) Close() {
	// Nothing was written, so this cannot fail.
	_ = r.tx.conn.Raw(func(any) error { return r.rows.Close() })
	r.tx.raw[r.query] = append(r.tx.raw[r.query], r.stmt)
}

// RawQuery calls each for every row of a query.
func (tx *Tx) RawQuery(each func([]driver.Value) error, query string, args ...any) error {
	r, err := tx.Raw(query, args...)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		row, err := r.Row()
		if row == nil || err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

// Number returns an integer, or missing for NULL.
func Number(value driver.Value, missing int64) int64 {
	if n, ok := value.(int64); ok {
		return n
	}
	return missing
}

// Text returns a text, or "" for NULL.
func Text(value driver.Value) string {
	switch s := value.(type) {
	case string:
		return s
	case []byte:
		return string(s)
	}
	return ""
}

// AppendRow appends the values of a row to b, in an encoding that is different for
// different rows.
func AppendRow[V any](b []byte, row []V) []byte {
	for _, value := range row {
		switch v := any(value).(type) {
		case nil:
			b = append(b, 'n')
		case int64:
			b = binary.BigEndian.AppendUint64(append(b, 'i'), uint64(v))
		case []byte:
			b = append(binary.BigEndian.AppendUint64(append(b, 'b'), uint64(len(v))), v...)
		case string:
			b = append(binary.BigEndian.AppendUint64(append(b, 't'), uint64(len(v))), v...)
		default:
			panic(fmt.Sprintf("a column has no values of type %T", v))
		}
	}
	return b
}

// RowDigest identifies a row by its values.
func RowDigest[V any](row []V) [16]byte {
	sum := sha256.Sum256(AppendRow(nil, row))
	return [16]byte(sum[:])
}

// Strings holds one copy of each text of many rows. Most columns of packages have few
// different values.
type Strings map[string]string

// Text is like [Text]. Equal texts share their memory.
func (s Strings) Text(value driver.Value) string { return s.One(Text(value)) }

// One returns the copy of a text.
func (s Strings) One(text string) string {
	if one, ok := s[text]; ok {
		return one
	}
	s[text] = text
	return text
}

// Bytes returns a binary value, or nil for NULL.
func Bytes(value driver.Value) []byte {
	b, _ := value.([]byte)
	return b
}

// errCode means that a number is not a value of its enumeration.
var errCode = errors.New("no such code")

// Code reads a value of an enumeration whose last value is last.
func Code[T ~uint8](value driver.Value, to *T, last T) error {
	n, ok := value.(int64)
	if !ok || n < 0 || n > int64(last) {
		return fmt.Errorf("%w: %v", errCode, value)
	}
	*to = T(n)
	return nil
}
