package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ask returns the rows of an answer, a line each.
func ask(ctx context.Context, db *DB, question string) (lines []string, err error) {
	err = db.Ask(ctx, question, func(columns []string, rows iter.Seq2[[]any, error]) error {
		lines = append(lines, strings.Join(columns, " "))
		for row, err := range rows {
			if err != nil {
				return err
			}
			lines = append(lines, strings.TrimSpace(fmt.Sprintln(row...)))
		}
		return nil
	})
	return lines, err
}

func TestQuestionsAreAnsweredAndNothingIsChanged(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "test.db"), Options{})
	update(t, db, func(tx *Tx) error {
		_, err := tx.EnsureHost("test", "/", 1)
		return err
	})
	got, err := ask(context.Background(), db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2) SELECT name, i FROM host, n")
	if diff := cmp.Diff([]string{"name i", "test 1", "test 2"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, question := range []string{
		"DELETE FROM host", "INSERT INTO host (name, root, identity, created_at) VALUES ('x', '/', 'x', 1)", "UPDATE host SET name = 'x'", "DROP TABLE pin", "CREATE TEMP TABLE a (b)",
		"ATTACH '/tmp/x' AS x", "PRAGMA user_version = 9", "PRAGMA query_only = OFF", "VACUUM INTO '/tmp/x'", "SELECT load_extension('/tmp/x')", "BEGIN", "REINDEX",
		"SELECT nothing FROM host", "no SQL", "", "SELECT 1; DELETE FROM host", "WITH a AS (SELECT 1) DELETE FROM host", "SELECT writefile('/tmp/x', 'y')",
		"SELECT hex(zeroblob(900000000))", // larger than SQLite's limit
	} {
		if _, err := ask(context.Background(), db, question); !errors.Is(err, ErrQuestion) {
			t.Errorf("%q: want ErrQuestion, got %v", question, err)
		}
	}
	if got, err := ask(context.Background(), db, "SELECT count(*) FROM host"); err != nil || got[1] != "1" {
		t.Errorf("hosts: %v (%v)", got, err)
	}
}

func TestAQuestionWithoutEndIsInterrupted(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "test.db"), Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("want the context's error, got %v", err)
	}
}

// TestEveryViewSaysWhatItIs: people have nothing else to go by.
func TestEveryViewSaysWhatItIs(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	err := db.View(context.Background(), func(tx *Tx) error {
		views, err := tx.Views()
		var names []string
		for _, v := range views {
			names = append(names, v.Name)
			if v.Meaning == "" || len(v.Columns) < 4 {
				t.Errorf("%+v", v)
			}
		}
		want := []string{"runs", "merges", "unmerges", "syncs", "package_stats", "installed_now", "binpkgs", "failures", "messages", "drills"}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Error(diff)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
