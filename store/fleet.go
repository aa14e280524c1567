package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"emaudit/store/postgres"
)

// A fleet is the memory of many hosts: a database of PostgreSQL with the tables and
// views of this package. Each host fills it with a push (package fleet). Every statement that reads
// works there, too.

// beginFleet begins a transaction that sees one state. It is not READ ONLY, because
// sums by intervals need a temporary table; a reader's role keeps it from writing.
const beginFleet = "BEGIN ISOLATION LEVEL REPEATABLE READ"

// ErrNoFleet means that a database of PostgreSQL has no tables of emaudit.
var ErrNoFleet = errors.New("not the database of a fleet")

// ErrForbidden means that the role of the connection lacks a right.
var ErrForbidden = errors.New("the role lacks a right")

// ErrCertificate means that the server could not show that it is the right one.
var ErrCertificate = errors.New("the certificate of the server is refused")

// IsFleet reports whether the name of a database is the address of one in PostgreSQL.
func IsFleet(name string) bool {
	return strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://")
}

// FleetSchema returns the statements for psql that make the database of a fleet.
func FleetSchema() string { return Schema().DDL(schemaVersion) }

// Schema returns the tables that belong to hosts.
var Schema = sync.OnceValue(func() *postgres.Schema { return postgres.Parse(schema) })

// OpenFleet connects to a fleet for reading.
func OpenFleet(ctx context.Context, address string) (*DB, error) {
	to, err := postgres.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	db := &DB{path: to.String(), sql: postgres.Open(to.Config), readOnly: true, fleet: true}
	if err := db.View(ctx, (*Tx).checkFleet); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// checkFleet returns an error unless the database has the tables of this emaudit.
func (tx *Tx) checkFleet() error {
	var version int
	err := tx.QueryRow("SELECT version FROM fleet").Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNoFleet
	}
	if err != nil {
		return err
	}
	return CheckFleetVersion(version)
}

// CheckFleetVersion returns an error unless version is the number of the schema that
// this emaudit knows.
func CheckFleetVersion(version int) error {
	switch {
	case version > schemaVersion:
		return fmt.Errorf("%w: the schema of the fleet is %d, this emaudit knows %d", ErrNewer, version, schemaVersion)
	case version < schemaVersion:
		return fmt.Errorf("%w: the schema of the fleet is %d, that of this emaudit %d", ErrOlder, version, schemaVersion)
	}
	return nil
}

// questions counts questions: pgx remembers the columns of a statement by its text.
var questions atomic.Int64

// beginInFleet begins the query of a person. The transaction is READ ONLY, and a cursor
// takes nothing but a query.
func (db *DB) beginInFleet(ctx context.Context, question string) (rows *sql.Rows, end func(), err error) {
	tx, err := db.sql.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, nil, err
	}
	// Nothing was changed, so nothing is lost.
	rollback := func() { _ = tx.Rollback() }
	// pgx sends what has rows as a prepared statement, which is one statement: a second
	// one could end the transaction.
	cursor := fmt.Sprintf("question%d", questions.Add(1))
	declared, err := tx.QueryContext(ctx, "DECLARE "+cursor+" NO SCROLL CURSOR FOR "+strings.TrimRight(strings.TrimSpace(question), ";"))
	if err == nil {
		err = declared.Close()
	}
	if err == nil {
		rows, err = tx.QueryContext(ctx, "FETCH ALL FROM "+cursor)
	}
	if err != nil {
		rollback()
		return nil, nil, err
	}
	return rows, func() { rows.Close(); rollback() }, nil
}

// isOfQuestion reports whether an error of PostgreSQL is about what was asked: its syntax
// and names (class 42), values (22), or an attempt to change something (0A, 25, 42501).
func isOfQuestion(code string) bool {
	return slices.Contains([]string{"0A", "22", "25", "42"}, code[:2])
}

// LocalID returns the id that a row of a fleet has in the database of its host.
func LocalID(id int64) int64 { return id & (1<<postgres.HostBits - 1) }

// classifyFleet maps an error of PostgreSQL to the errors of this package.
func classifyFleet(err *pgconn.PgError) error {
	switch {
	case err.Code == "42P01": // undefined_table
		return fmt.Errorf("%w: %s", ErrNoFleet, err.Message)
	case err.Code == "42501": // insufficient_privilege
		return fmt.Errorf("%w: %s", ErrForbidden, err.Message)
	case err.Code == "53100": // disk_full
		return fmt.Errorf("%w: %s", ErrFull, err.Message)
	}
	return err
}
