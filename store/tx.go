package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-sqlite3"

	"emaudit/parse"
	"emaudit/parse/atom"
)

// Tx is one transaction. [DB.Update] or [DB.View] passes it to a function, and it
// is valid until that function returns. It is not safe for concurrent use.
type Tx struct {
	ctx       context.Context
	cancelled func() error // error of the caller's context
	conn      *sql.Conn
	stmts     map[string]*sql.Stmt

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

func (tx *Tx) exec(query string, args ...any) (sql.Result, error) {
	if err := tx.cancelled(); err != nil {
		return nil, err
	}
	if len(args) == 0 {
		return tx.conn.ExecContext(tx.ctx, query)
	}
	s, err := tx.stmt(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(tx.ctx, public(args)...)
}

// insert runs an INSERT and returns the id of the new row.
func (tx *Tx) insert(query string, args ...any) (int64, error) {
	res, err := tx.exec(query, args...)
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

func (tx *Tx) queryRow(query string, args ...any) *sql.Row {
	s, err := tx.stmt(query)
	if err != nil {
		// A query that cannot be prepared returns the same error at Scan.
		return tx.conn.QueryRowContext(tx.ctx, query, args...)
	}
	return s.QueryRowContext(tx.ctx, public(args)...)
}

// query calls scan for every row of a query.
func (tx *Tx) query(scan func(*sql.Rows) error, query string, args ...any) error {
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

// batchRows is the number of rows in one INSERT of a bulk load. More rows are not
// faster (docs/performance.md), and 50 rows of 32 columns stay far below SQLite's
// limit of 32,766 variables.
const batchRows = 50

// bulk inserts many rows into one table, [batchRows] at a time. It keeps the
// arguments of the rows until the batch is full.
type bulk struct {
	tx      *Tx
	head    string // INSERT INTO t (a, b) VALUES
	row     string // (?, ?)
	columns int
	args    []driver.NamedValue
	many    driver.Stmt // for batchRows rows; nil until the first batch is full
}

// bulk returns a bulk insert into the columns of a table.
func (tx *Tx) bulk(table string, columns ...string) *bulk {
	return &bulk{
		tx:      tx,
		head:    "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES ",
		row:     "(" + strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ") + ")",
		columns: len(columns),
	}
}

// add adds one row.
func (b *bulk) add(values ...any) error {
	if len(values) != b.columns {
		return fmt.Errorf("bulk insert: want %d values, got %d: %s", b.columns, len(values), b.head)
	}
	for _, value := range values {
		switch v := value.(type) {
		case nil, int64, []byte:
		case string:
			value = parse.WithoutCredentials(v)
		default:
			plain, err := driver.DefaultParameterConverter.ConvertValue(v)
			if err != nil {
				return fmt.Errorf("bulk insert: %w: %s", err, b.head)
			}
			if text, ok := plain.(string); ok {
				plain = parse.WithoutCredentials(text)
			}
			value = plain
		}
		b.args = append(b.args, driver.NamedValue{Ordinal: len(b.args) + 1, Value: value})
	}
	if len(b.args) < batchRows*b.columns {
		return nil
	}
	return b.insert(batchRows)
}

// insert inserts the pending rows. It calls the driver directly, because
// database/sql checks each value again. It uses Query, which binds all values in
// one call into C, while Exec makes one call for each.
func (b *bulk) insert(rows int) error {
	err := b.tx.conn.Raw(func(conn any) error {
		stmt := b.many
		if stmt == nil {
			var err error
			if stmt, err = conn.(driver.Conn).Prepare(b.head + strings.TrimSuffix(strings.Repeat(b.row+", ", rows), ", ")); err != nil {
				return err
			}
			if rows == batchRows {
				b.many = stmt
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
	b.args = b.args[:0]
	return err
}

// flush inserts the remaining rows.
func (b *bulk) flush() error {
	rows := len(b.args) / b.columns
	if b.many != nil {
		err := b.tx.conn.Raw(func(any) error { return b.many.Close() })
		if b.many = nil; err != nil {
			return err
		}
	}
	if rows == 0 {
		return nil
	}
	return b.insert(rows)
}

// dropIndexesOfEmpty drops the indexes of the empty tables among tables. It returns
// the statements that recreate them: building an index after a load takes half the
// time.
func (tx *Tx) dropIndexesOfEmpty(tables ...string) ([]string, error) {
	var names, statements []string
	for _, table := range tables {
		var any bool
		if err := tx.queryRow("SELECT EXISTS (SELECT 1 FROM " + table + ")").Scan(&any); err != nil {
			return nil, err
		}
		if any {
			continue
		}
		err := tx.query(func(rows *sql.Rows) error {
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
		if _, err := tx.exec("DROP INDEX " + name); err != nil {
			return nil, err
		}
	}
	return statements, nil
}

// dictionary maps the values of one dictionary table to their ids. After many
// look-ups in a transaction, it loads the whole table, unless the table is too
// large.
type dictionary struct {
	ids   map[string]int64
	asked int
	whole bool
}

// wholeDictionaryAfter is the number of look-ups after which reading the whole
// table is faster. One look-up takes about 10 µs, and a host with decades of
// history has tens of thousands of names.
const wholeDictionaryAfter = 512

// maxDictionary bounds the names of one table in memory.
const maxDictionary = 1 << 16

func (tx *Tx) lookUp(d *dictionary, table, value string) (int64, bool, error) {
	if id, ok := d.ids[value]; ok {
		return id, true, nil
	}
	if d.whole {
		return 0, false, nil
	}
	if d.ids == nil {
		d.ids = map[string]int64{}
	}
	if d.asked++; d.asked == wholeDictionaryAfter {
		var last int64
		if err := tx.queryRow("SELECT coalesce(max(id), 0) FROM " + table).Scan(&last); err != nil {
			return 0, false, err
		}
		d.whole = last < maxDictionary
	}
	if d.whole {
		err := tx.query(func(rows *sql.Rows) error {
			var id int64
			var v string
			if err := rows.Scan(&id, &v); err != nil {
				return err
			}
			d.ids[v] = id
			return nil
		}, "SELECT id, value FROM "+table)
		id, ok := d.ids[value]
		return id, ok, err
	}
	var id int64
	missing, err := noRow(tx.queryRow("SELECT id FROM "+table+" WHERE value = ?", value).Scan(&id))
	if missing || err != nil {
		return 0, false, err
	}
	d.put(value, id)
	return id, true, nil
}

// put adds a name. If there are too many, it drops the previous ones, which remain
// in the table.
func (d *dictionary) put(value string, id int64) {
	if len(d.ids) >= maxDictionary {
		clear(d.ids)
		d.whole = false
	}
	d.ids[value] = id
}

// textID returns the id of a string in the dictionary text. It inserts a new
// string.
func (tx *Tx) textID(value string) (int64, error) {
	id, ok, err := tx.lookUp(&tx.texts, "text", value)
	if ok || err != nil {
		return id, err
	}
	id, err = tx.insert("INSERT INTO text (value) VALUES (?)", value)
	tx.texts.put(value, id)
	return id, err
}

// cpID returns the id of a category/pn. It inserts a new one.
func (tx *Tx) cpID(value string) (int64, error) {
	id, ok, err := tx.lookUp(&tx.cps, "cp", value)
	if ok || err != nil {
		return id, err
	}
	id, err = tx.insert("INSERT INTO cp (value) VALUES (?)", value)
	tx.cps.put(value, id)
	return id, err
}

// cpvID returns the id of a cpv, unchanged. It inserts a new one, with the id of
// its category/pn if it is valid.
func (tx *Tx) cpvID(value string) (int64, error) {
	id, ok, err := tx.lookUp(&tx.cpvs, "cpv", value)
	if ok || err != nil {
		return id, err
	}
	var cp any
	if c, err := atom.ParseCPV(value); err == nil {
		if cp, err = tx.cpID(c.CP()); err != nil {
			return 0, err
		}
	}
	id, err = tx.insert("INSERT INTO cpv (value, cp) VALUES (?, ?)", value, cp)
	tx.cpvs.put(value, id)
	return id, err
}
