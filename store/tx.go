package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/mattn/go-sqlite3"

	"emaudit/parse"
)

// Tx is one transaction. [DB.Update] or [DB.View] passes it to a function, and it
// is valid until that function returns. It is not safe for concurrent use. Its
// methods that take SQL are for this room and its sub-rooms alone.
type Tx struct {
	ctx       context.Context
	cancelled func() error // error of the caller's context
	conn      *sql.Conn
	fleet     bool
	stmts     map[string]*sql.Stmt
	raw       map[string][]driver.Stmt // of [Tx.Raw], those that no query uses
	written   map[string]bool          // the tables to which the transaction wrote

	texts, cps, cpvs dictionary
}

// stmt prepares a statement once per transaction.
func (tx *Tx) stmt(query string) (*sql.Stmt, error) {
	if s := tx.stmts[query]; s != nil {
		return s, nil
	}
	s, err := tx.conn.PrepareContext(tx.ctx, query)
	if err != nil {
		var e sqlite3.Error
		if errors.As(err, &e) && e.Code == sqlite3.ErrError {
			// Every statement is a constant, so the tables must differ.
			err = fmt.Errorf("%w: %w", ErrSchema, err)
		}
		return nil, err
	}
	tx.stmts[query] = s
	return s, nil
}

func (tx *Tx) closeStatements() {
	for _, s := range tx.stmts {
		s.Close()
	}
	tx.stmts = nil
	_ = tx.conn.Raw(func(any) error {
		for _, idle := range tx.raw {
			for _, s := range idle {
				s.Close()
			}
		}
		return nil
	})
	tx.raw = nil
}

// public removes the credentials from URLs in values. It applies to all statements,
// including queries that look a value up, so that no source can store credentials
// and stored values are found again.
func public(args []any) []any {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			if kept := parse.WithoutCredentials(text); len(kept) != len(text) {
				args = slices.Clone(args)
				args[i] = kept
			}
		}
	}
	return args
}

// Exec runs a statement that returns no rows.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if err := tx.cancelled(); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		tx.noteWriting(query)
		return tx.conn.ExecContext(tx.ctx, query)
	}
	s, err := tx.stmt(query)
	if err != nil {
		return nil, err
	}
	res, err := s.ExecContext(tx.ctx, public(args)...)
	if err == nil {
		if n, _ := res.RowsAffected(); n > 0 {
			tx.noteWriting(query)
		}
	}
	return res, err
}

// Insert runs an INSERT and returns the id of the new row.
func (tx *Tx) Insert(query string, args ...any) (int64, error) {
	res, err := tx.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// QueryRow runs a query of at most one row. [NoRow] tells a missing row from an
// error.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	tx.noteWriting(query) // with RETURNING
	s, err := tx.stmt(query)
	if err != nil {
		// A query that cannot be prepared returns the same error at Scan.
		return tx.conn.QueryRowContext(tx.ctx, query, args...)
	}
	return s.QueryRowContext(tx.ctx, public(args)...)
}

// Query calls scan for every row of a query.
func (tx *Tx) Query(scan func(*sql.Rows) error, query string, args ...any) error {
	s, err := tx.stmt(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(tx.ctx, public(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := tx.cancelled(); err != nil {
			return err
		}
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// All returns the rows of a query. dest returns where the columns of a row belong.
func All[T any](tx *Tx, dest func(*T) []any, query string, args ...any) ([]T, error) {
	var all []T
	err := tx.Query(func(rows *sql.Rows) error {
		var row T
		err := rows.Scan(dest(&row)...)
		all = append(all, row)
		return err
	}, query, args...)
	return all, err
}

// Value is the dest of [All] for rows of one column.
func Value[T any](value *T) []any { return []any{value} }

// batchRows is the number of rows in one INSERT of a bulk load. More rows are not
// faster (docs/performance.md), and 50 rows of 32 columns stay far below SQLite's
// limit of 32,766 variables.
const batchRows = 50

// Bulk inserts many rows into one table, [batchRows] at a time. It keeps the values of
// the rows until the batch is full.
type Bulk struct {
	tx      *Tx
	head    string   // INSERT INTO t (a, b) VALUES
	fixed   []string // the values that are the same in all rows
	columns int      // number of values in each Add
	values  []driver.Value
	args    []driver.NamedValue
	// known has a bit for each column with a value other than NULL in the batch, and
	// other for each with a value other than 0.
	known, other uint64
	stmts        map[batchShape]driver.Stmt // for batchRows rows
}

// batchShape says which columns of a batch are NULL or 0 in all rows. They are written
// into the statement, because binding a value takes as long as storing it. Most flags
// are 0 in most batches.
type batchShape struct{ known, other uint64 }

// maxShapes bounds the statements that a bulk insert keeps.
const maxShapes = 32

// Bulk returns a bulk insert into the columns of a table. A column such as "open = 1"
// has the same number in all rows, which Add does not take.
func (tx *Tx) Bulk(table string, columns ...string) *Bulk {
	b := &Bulk{tx: tx, stmts: map[batchShape]driver.Stmt{}}
	var names, fixed []string
	for _, column := range columns {
		if name, value, same := strings.Cut(column, " = "); same {
			fixed = append(fixed, name)
			b.fixed = append(b.fixed, value)
		} else {
			names = append(names, name)
		}
	}
	b.columns = len(names)
	b.head = "INSERT INTO " + table + " (" + strings.Join(append(names, fixed...), ", ") + ") VALUES "
	return b
}

// Add adds one row.
func (b *Bulk) Add(values ...any) error {
	if len(values) != b.columns {
		return fmt.Errorf("bulk insert: want %d values, got %d: %s", b.columns, len(values), b.head)
	}
	for i, value := range values {
		bit := uint64(1) << i
		switch v := value.(type) {
		case nil:
			b.other |= bit
		case int64:
			b.known |= bit
			if v != 0 {
				b.other |= bit
			}
		default:
			b.known, b.other = b.known|bit, b.other|bit
			var err error
			if value, err = driver.DefaultParameterConverter.ConvertValue(v); err != nil {
				return fmt.Errorf("bulk insert: %w: %s", err, b.head)
			}
			if text, ok := value.(string); ok {
				if kept := parse.WithoutCredentials(text); len(kept) != len(text) {
					value = kept
				}
			}
		}
		b.values = append(b.values, value)
	}
	if len(b.values) < batchRows*b.columns {
		return nil
	}
	return b.insert()
}

// statement returns the INSERT for a number of rows.
func (b *Bulk) statement(rows int) string {
	row := make([]string, b.columns)
	for i := range row {
		switch {
		case b.known>>i&1 == 0:
			row[i] = "NULL"
		case b.other>>i&1 == 0:
			row[i] = "0"
		default:
			row[i] = "?"
		}
	}
	values := "(" + strings.Join(append(row, b.fixed...), ", ") + "), "
	return b.head + strings.TrimSuffix(strings.Repeat(values, rows), ", ")
}

// insert inserts the pending rows. It calls the driver directly, because
// database/sql checks each value again. It uses Query, which binds all values in
// one call into C, while Exec makes one call for each.
func (b *Bulk) insert() error {
	b.args = b.args[:0]
	for i, value := range b.values {
		if column := i % b.columns; b.known&b.other>>column&1 == 1 {
			b.args = append(b.args, driver.NamedValue{Ordinal: len(b.args) + 1, Value: value})
		}
	}
	rows, shape := len(b.values)/b.columns, batchShape{b.known, b.other}
	err := b.tx.conn.Raw(func(conn any) error {
		stmt := b.stmts[shape]
		if rows < batchRows {
			stmt = nil
		}
		if stmt == nil {
			var err error
			if stmt, err = conn.(driver.Conn).Prepare(b.statement(rows)); err != nil {
				return err
			}
			if rows == batchRows && len(b.stmts) < maxShapes {
				b.stmts[shape] = stmt
			} else {
				defer stmt.Close()
			}
		}
		result, err := stmt.(driver.StmtQueryContext).QueryContext(b.tx.ctx, b.args)
		if err != nil {
			return err
		}
		return result.Close()
	})
	b.values, b.known, b.other = b.values[:0], 0, 0
	return err
}

// Flush inserts the remaining rows.
func (b *Bulk) Flush() error {
	b.tx.noteWriting(b.head)
	err := b.tx.conn.Raw(func(any) (err error) {
		for _, stmt := range b.stmts {
			err = errors.Join(err, stmt.Close())
		}
		return err
	})
	clear(b.stmts)
	if err != nil || len(b.values) == 0 {
		return err
	}
	return b.insert()
}

// DropIndexesOfEmpty drops the indexes of the empty tables among tables. It returns
// the statements that recreate them: building an index after a load takes half the
// time.
func (tx *Tx) DropIndexesOfEmpty(tables ...string) ([]string, error) {
	var names, statements []string
	for _, table := range tables {
		var any bool
		if err := tx.QueryRow("SELECT EXISTS (SELECT 1 FROM " + table + ")").Scan(&any); err != nil {
			return nil, err
		}
		if any {
			continue
		}
		err := tx.Query(func(rows *sql.Rows) error {
			var name, statement string
			err := rows.Scan(&name, &statement)
			names, statements = append(names, name), append(statements, statement)
			return err
		}, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", table)
		if err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		if _, err := tx.Exec("DROP INDEX " + name); err != nil {
			return nil, err
		}
	}
	return statements, nil
}

// noteWriting records the table that a statement writes to.
func (tx *Tx) noteWriting(query string) {
	for _, begin := range []string{"INSERT INTO ", "UPDATE ", "DELETE FROM "} {
		if rest, ok := strings.CutPrefix(query, begin); ok {
			table, _, _ := strings.Cut(rest, " ")
			tx.written[table] = true
			return
		}
	}
}

// markWritten draws a new mark for each table to which the transaction wrote. A mark
// is random, so that a database restored from a copy never has the mark of other
// content.
func (tx *Tx) markWritten() error {
	delete(tx.written, "interval_begin") // a temporary table
	for table := range tx.written {
		if _, err := tx.conn.ExecContext(tx.ctx, "INSERT INTO table_mark (name, mark) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET mark = excluded.mark",
			table, rand.Int64()); err != nil {
			return fmt.Errorf("mark of table %s: %w", table, err)
		}
	}
	return nil
}

// Stamp returns a text that differs whenever the rows of the tables do. The tables have
// rows of all hosts.
func (tx *Tx) Stamp(tables ...string) (string, error) {
	var b strings.Builder
	for _, table := range tables {
		var mark int64
		if _, err := NoRow(tx.QueryRow("SELECT mark FROM table_mark WHERE name = ?", table).Scan(&mark)); err != nil {
			return "", fmt.Errorf("mark of table %s: %w", table, err)
		}
		fmt.Fprintf(&b, "%x ", mark)
	}
	return b.String(), nil
}
