// Package postgres lets PostgreSQL answer the statements that package store has for
// SQLite: the schema in PostgreSQL's words, and a driver for database/sql that
// translates statements and values.
//
// Sources: the chapters "SQL Commands", "Row Security Policies" and "libpq: Connection
// Strings" of the manual of PostgreSQL 15.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Open returns a pool of connections to the server that config names. It does not
// connect yet.
func Open(config *pgx.ConnConfig) *sql.DB {
	return sql.OpenDB(connector{stdlib.GetConnector(*config)})
}

// connector makes connections.
type connector struct{ driver.Connector }

// Connect connects to the server.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: made.(*stdlib.Conn)}, nil
}

// conn is a connection. As SQLite does, it begins a statement while the rows of
// another are still being read. PostgreSQL sends the rows of one statement at a time,
// so the others wait in memory.
type conn struct {
	*stdlib.Conn
	reading *rows
}

// Prepare returns a statement. pgx prepares it when it first runs.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return &stmt{conn: c, query: Translate(query)}, nil
}

// PrepareContext is like Prepare.
func (c *conn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return c.Prepare(query)
}

// ExecContext runs a statement without rows.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return (&stmt{conn: c, query: Translate(query)}).ExecContext(ctx, args)
}

// QueryContext runs a statement that has rows.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return (&stmt{conn: c, query: Translate(query)}).QueryContext(ctx, args)
}

// CheckNamedValue converts an argument as for SQLite.
func (c *conn) CheckNamedValue(arg *driver.NamedValue) (err error) {
	arg.Value, err = driver.DefaultParameterConverter.ConvertValue(arg.Value)
	return err
}

// encode returns a value in the form in which PostgreSQL stores it. SQLite has no
// type for true and false.
func encode(value any) any {
	switch v := value.(type) {
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case string:
		return EncodeText(v)
	}
	return value
}

// settle reads the rest of the rows that are being read.
func (c *conn) settle() {
	if c.reading != nil {
		c.reading.keepRest()
		c.reading = nil
	}
}

// stmt is a statement.
type stmt struct {
	conn  *conn
	query string
}

// Close does nothing: pgx keeps the statement for its next use.
func (s *stmt) Close() error { return nil }

// NumInput leaves the check of the number of arguments to the server.
func (s *stmt) NumInput() int { return -1 }

// Exec is never called, because ExecContext is there.
func (s *stmt) Exec([]driver.Value) (driver.Result, error) { return nil, driver.ErrSkip }

// Query is never called, because QueryContext is there.
func (s *stmt) Query([]driver.Value) (driver.Rows, error) { return nil, driver.ErrSkip }

// ExecContext runs the statement.
func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	s.conn.settle()
	return s.conn.Conn.ExecContext(ctx, s.query, encoded(args))
}

// QueryContext runs the statement.
func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	s.conn.settle()
	read, err := s.conn.Conn.QueryContext(ctx, s.query, encoded(args))
	if err != nil {
		return nil, err
	}
	r := &rows{Rows: read.(*stdlib.Rows), conn: s.conn}
	s.conn.reading = r
	return r, nil
}

// encoded returns the arguments in the form in which PostgreSQL stores them.
func encoded(args []driver.NamedValue) []driver.NamedValue {
	args = slices.Clone(args)
	for i := range args {
		args[i].Value = encode(args[i].Value)
	}
	return args
}

// rows are the rows of a statement.
type rows struct {
	*stdlib.Rows
	conn   *conn
	kept   [][]driver.Value // read to let another statement begin
	behind error            // what ended the reading; nil while it goes on
}

// Next reads a row.
func (r *rows) Next(dest []driver.Value) error {
	switch {
	case len(r.kept) > 0:
		copy(dest, r.kept[0])
		r.kept = r.kept[1:]
		return nil
	case r.behind != nil:
		return r.behind
	}
	return r.read(dest)
}

func (r *rows) read(dest []driver.Value) error {
	if err := r.Rows.Next(dest); err != nil {
		return err
	}
	for i, value := range dest {
		switch v := value.(type) {
		case bool:
			dest[i] = encode(v)
		case string:
			dest[i] = decodeText(v)
			// sum() and avg() of integers are of type numeric.
			if r.ColumnTypeDatabaseTypeName(i) == "NUMERIC" {
				if n, err := strconv.ParseInt(v, 10, 64); err == nil {
					dest[i] = n
				} else if x, err := strconv.ParseFloat(v, 64); err == nil {
					dest[i] = x
				}
			}
		}
	}
	return nil
}

// keepRest reads what the server still has to send.
func (r *rows) keepRest() {
	for {
		row := make([]driver.Value, len(r.Columns()))
		if r.behind = r.read(row); r.behind != nil {
			break
		}
		for i, value := range row {
			if b, ok := value.([]byte); ok {
				row[i] = slices.Clone(b)
			}
		}
		r.kept = append(r.kept, row)
	}
	if err := r.Rows.Close(); err != nil && r.behind == io.EOF {
		r.behind = err
	}
}

// Close ends the reading.
func (r *rows) Close() error {
	if r.conn.reading == r {
		r.conn.reading = nil
	}
	return r.Rows.Close()
}

// offset is the name of a column, which is a reserved word in PostgreSQL. Package store
// writes the words of SQL in capitals.
var offset = pattern(`\boffset\b`)

// Translate returns a statement of package store in the words of PostgreSQL: "$1"
// for the first "?". Types differ only where a table is made.
func Translate(query string) string {
	if strings.HasPrefix(query, "CREATE ") {
		query = translate(query)
	}
	query = offset().ReplaceAllString(query, `"offset"`)
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	n := 0
	quote := byte(0)
	for i := range len(query) {
		c := query[i]
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '?':
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}
