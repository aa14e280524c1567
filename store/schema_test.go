package store

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("update", false, "write what was generated anew")

func TestOnlyADatabaseOfThisSchemaIsOpened(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		application, version int
		want                 error
	}{
		"of this one":              {applicationID, schemaVersion, nil},
		"of a newer one":           {applicationID, schemaVersion + 1, ErrNewer},
		"with a lowered version":   {applicationID, schemaVersion - 1, ErrSchema},
		"with a negative version":  {applicationID, -1, ErrSchema},
		"of a development version": {developmentIDs[0], 12, ErrOlder},
		"of a later one":           {developmentIDs[1], 1, ErrOlder},
		"of another program":       {0x12345678, schemaVersion, ErrNotADatabase},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "emaudit.db")
			open(t, path, Options{}).Close()
			old, err := sql.Open("sqlite3", path)
			if err != nil {
				t.Fatal(err)
			}
			for _, statement := range []string{
				fmt.Sprintf("PRAGMA application_id = %d", test.application), fmt.Sprintf("PRAGMA user_version = %d", test.version),
			} {
				if _, err := old.Exec(statement); err != nil {
					t.Fatal(err)
				}
			}
			old.Close()
			db, err := Open(context.Background(), path, Options{})
			if err == nil {
				db.Close()
			}
			if !errors.Is(err, test.want) {
				t.Errorf("want %v, got %v", test.want, err)
			}
		})
	}
}

func TestStatementsAreSplitAtTheSemicolonsThatEndALine(t *testing.T) {
	t.Parallel()
	got := splitStatements("-- a comment; with a semicolon\nCREATE TABLE a (\n\tb TEXT -- why; so\n);\nCREATE INDEX c ON a(b);\n")
	want := []string{"CREATE TABLE a (\n\tb TEXT -- why; so\n);", "CREATE INDEX c ON a(b);"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatementsAreComparedWithoutComments(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{"CREATE TABLE a (\n\tb TEXT, -- why; so\n\tc\n)", "CREATE TABLE a ( b TEXT, c )"},
		{"a '-- b' -- c", "a '-- b'"},
		{"a \"-- b\n\" c", "a \"-- b\n\" c"},
		{"a [x  y] `z  '` --", "a [x  y] `z  '`"},
		{"a 'open -- b", "a 'open -- b"},
		{"a /* -- */ b\nc", "a /* c"},
	} {
		if got := withoutComments(c[0]); got != c[1] {
			t.Errorf("%q: got %q, want %q", c[0], got, c[1])
		}
	}
}
