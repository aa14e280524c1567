package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestAVersionThatEmauditDidNotWriteIsRefused: steps would be done twice, or not at
// all. The file is left as it is.
func TestAVersionThatEmauditDidNotWriteIsRefused(t *testing.T) {
	t.Parallel()
	for version := -5; version < schemaVersion; version++ {
		for _, readOnly := range []bool{false, true} {
			path := filepath.Join(t.TempDir(), "emaudit.db")
			open(t, path, Options{}).Close()
			raw(t, path, "PRAGMA user_version = "+strconv.Itoa(version))
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(context.Background(), path, Options{ReadOnly: readOnly}); !errors.Is(err, ErrSchema) {
				t.Errorf("version %d: want ErrSchema, got %v", version, err)
			}
			if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
				t.Errorf("version %d: the database was changed (%v)", version, err)
			}
		}
	}
}

// TestErrorsAreSaidOnceAndInWordsOfThisPackage: each case is what a hand or a disk
// did to a database of the right version.
func TestErrorsAreSaidOnceAndInWordsOfThisPackage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, sql string
		want      error
		says      string
	}{
		{"a table that is gone", "DROP TABLE pin", ErrSchema, "no such table: pin"},
		{"a column that is gone", "ALTER TABLE host RENAME COLUMN root TO r", ErrSchema, "no such column: root"},
		{"a value of another type", "INSERT INTO host (id, name, root, identity, created_at) VALUES (1, 'h', '/', 'i', 1); INSERT INTO source (host, kind, path, read_at) VALUES (1, 'vdb', '/', 'x')", ErrDamaged, `a value of column "read_at" is of another type`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "emaudit.db")
			open(t, path, Options{}).Close()
			raw(t, path, c.sql)
			db := open(t, path, Options{})
			err := db.View(context.Background(), func(tx *Tx) error {
				if _, err := tx.Hosts(); err != nil {
					return err
				}
				if _, err := tx.Pins(1); err != nil {
					return err
				}
				_, _, err := tx.FindSource(1, SourceVDB, "/")
				return err
			})
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("want %v, %q; got %v", c.want, c.says, err)
			}
			for _, once := range []string{"database " + path, c.want.Error()} {
				if strings.Count(err.Error(), once) != 1 {
					t.Errorf("%q is not said once: %v", once, err)
				}
			}
			if strings.Contains(err.Error(), "sql:") {
				t.Errorf("words of database/sql reach people: %v", err)
			}
		})
	}
}

func TestNamesOfHostsAreOfAClosedGrammar(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"alpha": true, "a": true, "7": true, "build-2.example.org": true, "x86_64": true, "alpha@/mnt/gentoo": true, "a@/": true,
		"": false, "all": false, "-a": false, ".": false, "..": false, "../x": false, "a/b": false, "a@/../b": false, "a@b": false, "a@": false, "a@//": false, "a@/b/": false, "a b": false,
		"a\n": false, "a\x00": false, "ä": false, "a\x1b[2J": false, strings.Repeat("a", 256): false,
	} {
		if err := CheckHostName(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, text := range []string{"my root", "..", "all", "", "ä\x1b", strings.Repeat("x", 999), "-x"} {
		if err := CheckHostName(HostName(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
