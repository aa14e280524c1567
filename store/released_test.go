package store

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
)

// TestADatabaseOfTheFirstReleaseIsOpened loads a database as 1.0.0 wrote it. A change of
// schema.sql fails here: it needs another schemaVersion, a migration from 1, and then
// this test, which shows that no fact of the old database is lost. The file is written
// once for each schemaVersion and never changed: `sqlite3 emaudit.db .dump` of a host
// with a short log, and its two PRAGMAs.
func TestADatabaseOfTheFirstReleaseIsOpened(t *testing.T) {
	dump, err := os.ReadFile("testdata/schema-1.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "emaudit.db")
	raw(t, path, string(dump))
	db := open(t, path, Options{})
	err = db.View(context.Background(), func(tx *Tx) error {
		if err := tx.checkSchema(); err != nil {
			return err
		}
		for from, want := range map[string]int{
			"runs": 2, "merges WHERE outcome = 'merged'": 3, "merges WHERE outcome = 'interrupted'": 1, "installed_now": 1, "binpkgs": 11,
		} {
			var got int
			err := tx.Query(func(rows *sql.Rows) error { return rows.Scan(&got) }, "SELECT count(*) FROM "+from)
			if err != nil || got != want {
				t.Errorf("%s: %d rows, want %d (%v)", from, got, want, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
