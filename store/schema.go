package store

import (
	"context"
	"database/sql"
	_ "embed" // the schema
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

//go:embed schema.sql
var schema string

// schemaVersion is the user_version of a database with that schema.
const schemaVersion = 1

// The application id in the header of a SQLite file identifies the program, so that
// the database of another program is never changed by mistake.
const applicationID = 0x656d6131 // "ema1"

// developmentIDs are the application ids of emaudit before its first release, whose
// schemas no longer exist: "emad" and "emau".
var developmentIDs = []int{0x656d6164, 0x656d6175}

// splitStatements splits a script at the semicolons that end a line, because
// go-sqlite3 runs a long string of statements in quadratic time (its issue 1145).
// It drops comment lines. No script has a literal with a semicolon at the end of a
// line.
func splitStatements(script string) []string {
	var stmts []string
	var b strings.Builder
	for line := range strings.Lines(script) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		b.WriteString(line)
		code, _, _ := strings.Cut(line, " --")
		if strings.HasSuffix(strings.TrimRight(code, " \t\r\n"), ";") {
			stmts = append(stmts, strings.TrimSpace(b.String()))
			b.Reset()
		}
	}
	if rest := strings.TrimSpace(b.String()); rest != "" {
		stmts = append(stmts, rest)
	}
	return stmts
}

// prepare checks the file, sets the journal mode to WAL, and creates the schema in
// a new file. It does not change a file of another program.
func (db *DB) prepare(ctx context.Context, busy time.Duration) error {
	var is identity
	// A single transaction is necessary. Another process may be creating the
	// database, and two reads could see different states.
	err := db.View(ctx, func(tx *Tx) (err error) {
		if is, err = tx.identity(); err != nil || is == (identity{journal: is.journal}) {
			return err
		}
		return is.known()
	})
	if err != nil || is.schema == schemaVersion && (db.readOnly || is.journal == "wal") {
		return err
	}
	if db.readOnly {
		return fmt.Errorf("%w: it has no tables yet", ErrReadOnly)
	}
	if is.journal != "wal" {
		if err := db.journalAhead(ctx, busy); err != nil {
			return err
		}
	}
	return db.make(ctx)
}

// identity is the header and table count of a file.
type identity struct {
	schema, application int
	tables              int // counted only if application is not that of emaudit
	journal             string
}

// known reports whether this emaudit can use the file.
func (is identity) known() error {
	switch {
	case slices.Contains(developmentIDs, is.application):
		return fmt.Errorf("%w, before its first release", ErrOlder)
	case is.application != applicationID:
		return fmt.Errorf("%w: it is a SQLite database of another program", ErrNotADatabase)
	case is.schema > schemaVersion:
		return fmt.Errorf("%w: its schema is %d, this emaudit knows %d", ErrNewer, is.schema, schemaVersion)
	case is.schema < 1:
		return fmt.Errorf("%w: there never was a schema %d", ErrSchema, is.schema)
	}
	return nil
}

// identity reads what the file says about itself. A new file says nothing but the
// mode of its journal.
func (tx *Tx) identity() (is identity, err error) {
	if err := tx.QueryRow("PRAGMA user_version").Scan(&is.schema); err != nil {
		return is, err
	}
	if err := tx.QueryRow("PRAGMA application_id").Scan(&is.application); err != nil {
		return is, err
	}
	if err := tx.QueryRow("PRAGMA journal_mode").Scan(&is.journal); err != nil {
		return is, err
	}
	if is.application == applicationID {
		return is, nil
	}
	return is, tx.QueryRow("SELECT count(*) FROM sqlite_master").Scan(&is.tables)
}

// journalRetry is how long to wait before the journal mode is tried again: the
// other process needs some milliseconds for it.
const journalRetry = 5 * time.Millisecond

// journalAhead turns the journal into a write-ahead log, which the file remembers.
// SQLite ignores its timeout here: it asks for the lock while it holds a read lock,
// where it could wait forever (sqlite3BtreeSetVersion). So journalAhead waits, up to
// busy.
func (db *DB) journalAhead(ctx context.Context, busy time.Duration) error {
	for waited := time.Duration(0); ; waited += journalRetry {
		_, err := db.sql.ExecContext(ctx, "PRAGMA journal_mode = WAL")
		if err == nil || waited >= busy || !errors.Is(classify(err), ErrBusy) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(journalRetry):
		}
	}
}

// make gives a new database its schema.
func (db *DB) make(ctx context.Context) error {
	return db.transact(ctx, writing, func(tx *Tx) error {
		// Another process may have made it while this one waited.
		if is, err := tx.identity(); err != nil || is.application == applicationID {
			return err
		}
		if err := tx.makeSchema(); err != nil {
			return err
		}
		if _, err := tx.Exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
		_, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
		return err
	})
}

// makeSchema makes the tables, indexes and views.
func (tx *Tx) makeSchema() error {
	for _, statement := range splitStatements(schema) {
		if _, err := tx.Exec(statement); err != nil {
			return fmt.Errorf("schema: %w", err)
		}
	}
	return nil
}

// NoRow separates a missing row from other errors.
func NoRow(err error) (missing bool, other error) {
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	return false, err
}
