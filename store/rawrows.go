package store

import (
	"database/sql/driver"
	"encoding"
	"errors"
	"fmt"
	"io"
)

// rawRows reads many rows directly from the driver. database/sql checks each value
// again, which takes as long as SQLite takes to find it. A log of a million lines
// has six million values.
type rawRows struct {
	tx      *Tx
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

// raw runs a query whose values are int64 or string.
func (tx *Tx) raw(query string, args ...any) (*rawRows, error) {
	r := &rawRows{tx: tx, size: firstBatch}
	named := make([]driver.NamedValue, len(args))
	for i, arg := range args {
		value, err := driver.DefaultParameterConverter.ConvertValue(arg)
		if err != nil {
			return nil, err
		}
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: value}
	}
	err := tx.conn.Raw(func(conn any) (err error) {
		if r.stmt, err = conn.(driver.Conn).Prepare(query); err != nil {
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

// row returns the values of the next row, which are valid until the next call. It
// returns nil after the last row.
func (r *rawRows) row() ([]driver.Value, error) {
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
func (r *rawRows) read() error {
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

func (r *rawRows) close() {
	// The rest cannot fail, because nothing was written.
	_ = r.tx.conn.Raw(func(any) error {
		r.rows.Close()
		return r.stmt.Close()
	})
}

// rawQuery calls each for every row of a query.
func (tx *Tx) rawQuery(each func([]driver.Value) error, query string, args ...any) error {
	r, err := tx.raw(query, args...)
	if err != nil {
		return err
	}
	defer r.close()
	for {
		row, err := r.row()
		if row == nil || err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
}

// number returns an integer, or missing for NULL.
func number(value driver.Value, missing int64) int64 {
	if n, ok := value.(int64); ok {
		return n
	}
	return missing
}

// text returns a text, or "" for NULL.
func text(value driver.Value) string {
	switch s := value.(type) {
	case string:
		return s
	case []byte:
		return string(s)
	}
	return ""
}

// errWord means that a word is not a value of its enumeration.
var errWord = errors.New("no such word")

// word reads a value of an enumeration.
func word(value driver.Value, to encoding.TextUnmarshaler) error {
	if to.UnmarshalText([]byte(text(value))) != nil {
		return fmt.Errorf("%w: %q", errWord, text(value))
	}
	return nil
}
