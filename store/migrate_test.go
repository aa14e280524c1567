package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
				statements, err := step.statements()
				if err != nil {
					t.Fatal(err)
				}
				for _, stmt := range statements {
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

var updateStored = flag.Bool("update", false, "write testdata/schema-N.db.gz of this version's schema N anew")

// writeStored writes testdata/schema-N.db.gz: one host with two packages, one of
// them removed again. A file of an earlier schema is never written again.
func writeStored(t *testing.T, version int) {
	t.Helper()
	path := filepath.Join("testdata", fmt.Sprintf("schema-%d.db.gz", version))
	if err := errors.Join(os.MkdirAll("testdata", 0o755), os.RemoveAll(path)); err != nil {
		t.Fatal(err)
	}
	made := filepath.Join(t.TempDir(), "made.db")
	db := open(t, made, Options{})
	err := db.Update(context.Background(), func(tx *Tx) error {
		host, err := tx.EnsureHost("stored", "/", 1)
		if err != nil {
			return err
		}
		source := Source{Host: host, Kind: SourceVDB, Path: "/var/db/pkg", ReadAt: 2}
		if err := tx.PutSource(&source); err != nil {
			return err
		}
		for _, cpv := range []string{"app-misc/hello-1", "sys-apps/gone-2"} {
			p := Installed{CPV: cpv, Slot: "0", Repo: "gentoo", BuildTime: 1, MetadataState: "fresh", Metadata: &Metadata{EAPI: "8", Use: "nls"}}
			if err := tx.AddInstalled(host, &p, 2); err != nil {
				return err
			}
			if cpv == "sys-apps/gone-2" {
				if err := tx.RemoveInstalled(p.ID, 3); err != nil {
					return err
				}
			}
		}
		return tx.PutSnapshot(host, true, 1, 3)
	})
	if err != nil {
		t.Fatal(err)
	}
	// VACUUM INTO leaves the write-ahead log and free pages behind.
	packed := filepath.Join(t.TempDir(), "packed.db")
	if _, err := db.sql.Exec("VACUUM INTO ?", packed); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	_, err = w.Write(b)
	if err = errors.Join(err, w.Close(), os.WriteFile(path, gz.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// TestStoredDatabasesOpen opens the databases that versions of emaudit wrote,
// kept in testdata as they were, one for each schema from the first stored one
// on. "go test ./store -run Stored -update" writes that of this schema: do so
// when a migration is added, and commit the file beside the older ones.
func TestStoredDatabasesOpen(t *testing.T) {
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	if *updateStored {
		writeStored(t, len(all))
	}
	stored, err := filepath.Glob("testdata/schema-*.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	if current := filepath.Join("testdata", fmt.Sprintf("schema-%d.db.gz", len(all))); !slices.Contains(stored, current) {
		t.Errorf("%s is missing: write it with -update", current)
	}
	for _, path := range stored {
		t.Run(filepath.Base(path), func(t *testing.T) {
			db := openStored(t, path)
			var got [2][]string
			err := db.View(context.Background(), func(tx *Tx) error {
				host, ok, err := tx.FindHost("stored")
				if err != nil || !ok {
					return fmt.Errorf("host stored: found %v: %w", ok, err)
				}
				now, err := tx.InstalledWithMetadata(host.ID)
				if err != nil {
					return err
				}
				ever, err := tx.InstalledEver(host.ID, MetadataSet{})
				for i, rows := range [][]Installed{now, ever} {
					for _, p := range rows {
						got[i] = append(got[i], p.CPV+" "+p.Metadata.Use)
					}
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			want := [2][]string{{"app-misc/hello-1 nls"}, {"app-misc/hello-1 nls", "sys-apps/gone-2 nls"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
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

// openStored opens a copy of a database that an earlier version wrote.
func openStored(t *testing.T, path string) *DB {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "stored.db")
	if err := os.WriteFile(copied, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, copied, Options{})
}
