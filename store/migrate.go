package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// applicationID marks a SQLite file as emaudit's ("emad"), so that a database
// of another program is never migrated by mistake.
const applicationID = 0x656d6164

// migration is one step of the schema; its number is the user_version that the
// database has afterwards.
type migration struct{ name string }

// conversions are what a step does after its statements that SQL cannot say, by
// the number of the step.
var conversions = map[int]func(*Tx) error{10: fillPages}

// migrations returns all steps in order.
func migrations() ([]migration, error) {
	entries, err := migrationFiles.ReadDir("migrations") // sorted
	if err != nil {
		return nil, err
	}
	all := make([]migration, 0, len(entries))
	for i, e := range entries {
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(e.Name(), want) {
			return nil, fmt.Errorf("migration %s: name does not begin with %s", e.Name(), want)
		}
		all = append(all, migration{e.Name()})
	}
	return all, nil
}

// statements are the step as SQL.
func (m migration) statements() ([]string, error) {
	b, err := migrationFiles.ReadFile(path.Join("migrations", m.name))
	return splitStatements(string(b)), err
}

// splitStatements splits a migration at the semicolons that end a line, since
// go-sqlite3 runs a long string of statements in quadratic time (its issue
// 1145). Comment lines are dropped; no migration has a semicolon inside a
// literal at the end of a line.
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

// prepare checks what the file is, has it journaled by a write-ahead log and
// brings its schema up to date. A file that is not emaudit's is not touched.
func (db *DB) prepare(ctx context.Context, busy time.Duration) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	var is identity
	// One moment: another process may be making the database just now, and what
	// was read at two would be the database of another program.
	err = db.View(ctx, func(tx *Tx) (err error) {
		if is, err = tx.identity(); err != nil || is == (identity{journal: is.journal}) {
			return err
		}
		if err = is.known(len(all)); err != nil || is.schema == len(all) {
			return err
		}
		// A version that somebody wrote there by hand would have steps done twice.
		return tx.checkSchema(is.schema)
	})
	if err != nil || is.schema == len(all) && (db.readOnly || is.journal == "wal") {
		return err
	}
	if db.readOnly {
		return fmt.Errorf("%w: its schema is %d and must first be brought to %d", ErrReadOnly, is.schema, len(all))
	}
	if is.journal != "wal" {
		if err := db.journalAhead(ctx, busy); err != nil {
			return err
		}
	}
	return db.migrate(ctx, all)
}

// identity is what a file says of itself.
type identity struct {
	schema, application int
	tables              int // counted only where application is not emaudit
	journal             string
}

// known tells whether a version of emaudit up to latest made the file.
func (is identity) known(latest int) error {
	switch {
	case is.application != applicationID:
		return fmt.Errorf("%w: it is a SQLite database of another program", ErrNotADatabase)
	case is.schema > latest:
		return fmt.Errorf("%w: its schema is %d, this emaudit knows %d", ErrNewer, is.schema, latest)
	case is.schema < 1:
		return fmt.Errorf("%w: there never was a schema %d", ErrSchema, is.schema)
	}
	return nil
}

// identity reads what the file says of itself. That of a new file is empty but for
// the journal.
func (tx *Tx) identity() (is identity, err error) {
	if err := tx.queryRow("PRAGMA user_version").Scan(&is.schema); err != nil {
		return is, err
	}
	if err := tx.queryRow("PRAGMA application_id").Scan(&is.application); err != nil {
		return is, err
	}
	if err := tx.queryRow("PRAGMA journal_mode").Scan(&is.journal); err != nil {
		return is, err
	}
	if is.application == applicationID {
		return is, nil
	}
	return is, tx.queryRow("SELECT count(*) FROM sqlite_master").Scan(&is.tables)
}

// journalRetry is how long to wait before the journal mode is tried again: the
// other process needs some milliseconds for it.
const journalRetry = 5 * time.Millisecond

// journalAhead turns the journal into a write-ahead log, which the file
// remembers. SQLite does not wait for the lock here, whatever its timeout: it
// asks for it while it holds one of reading, where waiting could be for ever
// (sqlite3BtreeSetVersion). So this waits, up to busy.
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

// migrate runs the missing steps, each in a transaction of its own.
func (db *DB) migrate(ctx context.Context, all []migration) error {
	for {
		done := false
		err := db.transact(ctx, nil, func(tx *Tx) error {
			// Another process may have migrated while this one waited.
			var version int
			if err := tx.queryRow("PRAGMA user_version").Scan(&version); err != nil {
				return err
			}
			if version >= len(all) {
				done = true
				return nil
			}
			if version < 0 {
				return fmt.Errorf("%w: there never was a schema %d", ErrSchema, version)
			}
			step := all[version]
			statements, err := step.statements()
			if err != nil {
				return err
			}
			for _, stmt := range statements {
				if _, err := tx.exec(stmt); err != nil {
					return fmt.Errorf("migration %s: %w", step.name, err)
				}
			}
			if convert := conversions[version+1]; convert != nil {
				if err := convert(tx); err != nil {
					return fmt.Errorf("migration %s: %w", step.name, err)
				}
			}
			if _, err := tx.exec(fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
				return err
			}
			_, err = tx.exec(fmt.Sprintf("PRAGMA user_version = %d", version+1))
			return err
		})
		if err != nil || done {
			return err
		}
	}
}

// noRow tells a missing row from an error.
func noRow(err error) (missing bool, other error) {
	if errors.Is(err, sql.ErrNoRows) {
		return true, nil
	}
	return false, err
}
