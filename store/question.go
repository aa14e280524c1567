package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
)

// ErrQuestion means that a text is not a SQL query that this database can answer.
var ErrQuestion = errors.New("sql")

// questionDriver opens databases for queries of people.
const questionDriver = "sqlite3-question"

// The actions that a query may use: read, compute, recurse. SQLite itself refuses
// all others.
var allowed = []int{sqlite3.SQLITE_READ, sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqliteRecursive}

// sqliteRecursive is SQLITE_RECURSIVE, which the driver does not define.
const sqliteRecursive = 33

func init() {
	sql.Register(questionDriver, &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		if _, err := conn.Exec("PRAGMA query_only = ON", nil); err != nil {
			return err
		}
		conn.RegisterAuthorizer(func(action int, _, name, _ string) int {
			// load_extension runs code from a file.
			if slices.Contains(allowed, action) && !strings.EqualFold(name, "load_extension") {
				return sqlite3.SQLITE_OK
			}
			return sqlite3.SQLITE_DENY
		})
		return nil
	}})
}

// Ask answers a query in SQL. It calls each once with the names of the columns and
// the rows. Values are nil, int64, float64, string or []byte, and are valid until
// the next row. A query cannot change anything. The error for an invalid query
// wraps [ErrQuestion]. ctx ends a query that takes too long.
func (db *DB) Ask(ctx context.Context, question string, each func(columns []string, rows iter.Seq2[[]any, error]) error) error {
	rows, end, err := db.begin(ctx, question)
	if err != nil {
		return questionError(db.path, err)
	}
	defer end()
	columns, err := rows.Columns()
	if err != nil {
		return questionError(db.path, err)
	}
	if len(columns) == 0 {
		return fmt.Errorf("%w: a question begins with SELECT", ErrQuestion)
	}
	values, dest := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		dest[i] = &values[i]
	}
	var failed error
	err = each(columns, func(yield func([]any, error) bool) {
		for rows.Next() {
			if failed = rows.Scan(dest...); failed != nil || !yield(values, nil) {
				break
			}
		}
		if failed = errors.Join(failed, rows.Err()); failed != nil {
			failed = questionError(db.path, failed)
			yield(nil, failed)
		}
	})
	return errors.Join(err, ctx.Err())
}

// begin begins a query that cannot change anything.
func (db *DB) begin(ctx context.Context, question string) (rows *sql.Rows, end func(), err error) {
	if db.fleet {
		return db.beginInFleet(ctx, question)
	}
	pool, err := sql.Open(questionDriver, dsn(db.path, true, DefaultBusyTimeout))
	if err != nil {
		return nil, nil, err
	}
	if rows, err = pool.QueryContext(ctx, question); err != nil {
		pool.Close()
		return nil, nil, err
	}
	return rows, func() { rows.Close(); pool.Close() }, nil
}

// questionError returns the error about a query, or about the database.
func questionError(path string, err error) error {
	var ofFleet *pgconn.PgError
	if errors.As(err, &ofFleet) && isOfQuestion(ofFleet.Code) {
		return fmt.Errorf("%w: %s", ErrQuestion, ofFleet.Message)
	}
	var e sqlite3.Error
	if !errors.As(err, &e) {
		return About(path, err)
	}
	switch e.Code {
	case sqlite3.ErrError, sqlite3.ErrTooBig: // what is stored is never too big
		return fmt.Errorf("%w: %w", ErrQuestion, err)
	case sqlite3.ErrAuth, sqlite3.ErrReadonly:
		return fmt.Errorf("%w: only questions are answered, nothing is changed (%w)", ErrQuestion, err)
	}
	return About(path, err)
}

// View is a table for people.
type View struct {
	Name, Meaning string
	Columns       []struct{ Name, Meaning string }
}

var (
	viewMade    = regexp.MustCompile(`(?s)-- ([^\n]*)\nCREATE VIEW (\w+) AS\n(.*?);\n`)
	viewComment = regexp.MustCompile(`(\w+),?\s+-- ([^\n]*)`)
)

// columns returns the names of the columns of a table or view.
func (tx *Tx) columns(name string) ([]string, error) {
	rows, err := tx.conn.QueryContext(tx.ctx, "SELECT * FROM "+name+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	return names, errors.Join(err, rows.Err())
}

// Views returns the views of the schema with their columns.
func (tx *Tx) Views() ([]View, error) {
	var views []View
	for _, made := range viewMade.FindAllStringSubmatch(schema, -1) {
		view := View{Name: made[2], Meaning: made[1]}
		meanings := map[string]string{}
		for _, comment := range viewComment.FindAllStringSubmatch(made[3], -1) {
			meanings[comment[1]] = comment[2]
		}
		names, err := tx.columns(view.Name)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			view.Columns = append(view.Columns, struct{ Name, Meaning string }{name, meanings[name]})
		}
		views = append(views, view)
	}
	return views, nil
}
