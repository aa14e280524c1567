package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"path"
	"strings"
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

// prepare checks what the file is and brings its schema up to date.
func (db *DB) prepare(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	var version, id int
	if err := db.sql.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if err := db.sql.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	switch {
	case version > len(all) && id == applicationID:
		return fmt.Errorf("%w: its schema is %d, this emaudit knows %d", ErrNewer, version, len(all))
	case version == len(all) && id == applicationID:
		return nil
	case id != applicationID:
		var tables int
		if err := db.sql.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
			return err
		}
		if tables > 0 {
			return fmt.Errorf("%w: it is a SQLite database of another program", ErrNotADatabase)
		}
	}
	if db.readOnly {
		return fmt.Errorf("%w: its schema is %d and must first be brought to %d", ErrReadOnly, version, len(all))
	}
	return db.migrate(ctx, all)
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
