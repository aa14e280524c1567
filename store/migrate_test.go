package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// schemaOf returns every table and index of a database as SQL.
func schemaOf(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	schema := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		schema[name] = text
	}
	return schema
}

// TestEveryOldDatabaseMigrates builds the database that each earlier version
// of the schema made, with a row in every table that it had, migrates it, and
// wants the schema of a new database with the rows still there.
func TestEveryOldDatabaseMigrates(t *testing.T) {
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	fresh := open(t, filepath.Join(t.TempDir(), "fresh.db"), Options{})
	want := schemaOf(t, fresh.sql)
	for version := 1; version < len(all); version++ {
		t.Run(fmt.Sprintf("from schema %d", version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "old.db")
			old, err := sql.Open("sqlite3", path)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range all[:version] {
				for _, stmt := range step.statements {
					if _, err := old.Exec(stmt); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, stmt := range []string{
				"INSERT INTO host (name, root, created_at) VALUES ('old', '/', 1)",
				"INSERT INTO cp (value) VALUES ('app-misc/hello')",
				"INSERT INTO cpv (value, cp) VALUES ('app-misc/hello-1', 1)",
				"INSERT INTO source (host, kind, path) VALUES (1, 'vdb', '/var/db/pkg')",
				fmt.Sprintf("PRAGMA application_id = %d", applicationID),
				fmt.Sprintf("PRAGMA user_version = %d", version),
			} {
				if _, err := old.Exec(stmt); err != nil {
					t.Fatal(err)
				}
			}
			old.Close()
			db := open(t, path, Options{})
			if diff := cmp.Diff(want, schemaOf(t, db.sql)); diff != "" {
				t.Errorf("the migrated schema differs from a new one (-new +migrated):\n%s", diff)
			}
			err = db.View(context.Background(), func(tx *Tx) error {
				host, ok, err := tx.FindHost("old")
				if err == nil && (!ok || host.ID != 1) {
					t.Errorf("the host is gone: %v", host)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestStoredDatabasesOpen opens the databases that released versions wrote,
// kept in testdata as they were.
func TestStoredDatabasesOpen(t *testing.T) {
	stored, err := filepath.Glob("testdata/*.db")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stored {
		t.Run(filepath.Base(path), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(t.TempDir(), "stored.db")
			if err := os.WriteFile(copied, b, 0o600); err != nil {
				t.Fatal(err)
			}
			db := open(t, copied, Options{})
			err = db.View(context.Background(), func(tx *Tx) error {
				hosts, err := tx.Hosts()
				if err != nil {
					return err
				}
				for _, h := range hosts {
					installed, err := tx.InstalledWithMetadata(h.ID)
					if err != nil {
						return err
					}
					if len(installed) == 0 {
						t.Errorf("host %s has no installed package", h.Name)
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStatementsAreSplitAtTheSemicolonsThatEndALine(t *testing.T) {
	got := splitStatements("-- a comment; with a semicolon\nCREATE TABLE a (\n\tb TEXT -- why; so\n);\nCREATE INDEX c ON a(b);\n")
	want := []string{"CREATE TABLE a (\n\tb TEXT -- why; so\n);", "CREATE INDEX c ON a(b);"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
