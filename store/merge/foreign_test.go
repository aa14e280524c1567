package merge_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"emaudit/store"
	"emaudit/store/merge"
)

// foreignDatabase makes a database as another machine would, with one host that has a
// row of several tables, and returns its path.
func foreignDatabase(t *testing.T, host string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "other.db")
	db := open(t, path, store.Options{})
	update(t, db, func(tx *store.Tx) error {
		id, err := tx.Insert("INSERT INTO host (name, root, identity, created_at) VALUES (?, '/', hex(randomblob(16)), 1)", host)
		if err != nil {
			return err
		}
		if err := tx.PutSource(&store.Source{Host: store.HostID(id), Kind: store.SourceVDB, Path: "/var/db/pkg", ReadAt: 2}); err != nil {
			return err
		}
		cpv, err := tx.CPVID("app-misc/hello-1")
		if err != nil {
			return err
		}
		metadata, err := tx.MetadataID(&store.Metadata{EAPI: "8"})
		if err != nil {
			return err
		}
		_, err = tx.Exec(`INSERT INTO installed (host, cpv, slot, subslot, repo, build_time, build_id, counter, size, has_environment, metadata, metadata_state,
			dir_inode, dir_mtime_ns, added_at) VALUES (?, ?, '0', '0', 'gentoo', 1, 0, 0, 0, 0, ?, 'fresh', 0, 0, 2)`, id, cpv, metadata)
		return err
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// mergeForeign merges a database from elsewhere into a new one.
func mergeForeign(t *testing.T, path string) ([]merge.Merged, error) {
	t.Helper()
	own := filepath.Join(t.TempDir(), "own.db")
	db := open(t, own, store.Options{})
	scratch := own + ".merge"
	other, err := store.OpenForeign(context.Background(), path, scratch)
	if err == nil {
		var merged []merge.Merged
		merged, err = merge.Databases(context.Background(), db, other, nil)
		if closeErr := other.Close(); closeErr != nil {
			t.Error(closeErr)
		}
		if err == nil {
			return merged, nil
		}
	}
	if _, statErr := os.Stat(scratch); !errors.Is(statErr, os.ErrNotExist) {
		t.Errorf("the copy was left: %v", statErr)
	}
	update(t, db, func(tx *store.Tx) error {
		if hosts, err := tx.Hosts(); err != nil || len(hosts) > 0 {
			t.Errorf("something was merged: %v (%v)", hosts, err)
		}
		return nil
	})
	return nil, err
}

// endless counts without an end.
const endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) "

// TestADatabaseFromElsewhereIsNotBelieved: each case makes one thing of it
// another than emaudit would. Where a view has no end, the test has none either
// unless the view is refused unread.
func TestADatabaseFromElsewhereIsNotBelieved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		sql  []string
		want error
		says string
	}{
		{"a view in place of a table", []string{"DROP TABLE pin", "CREATE VIEW pin AS " + endless + "SELECT n AS host, 'x' AS name, n AS state, n AS created_at FROM t"}, store.ErrSchema, "view pin"},
		{"one more view", []string{"CREATE VIEW more AS " + endless + "SELECT n FROM t"}, store.ErrSchema, "view more"},
		{"a trigger", []string{"CREATE TRIGGER tr AFTER INSERT ON host BEGIN DELETE FROM pin; END"}, store.ErrSchema, "trigger tr"},
		{"one more table", []string{"CREATE TABLE more (x)"}, store.ErrSchema, "table more"},
		{"a virtual table", []string{"CREATE VIRTUAL TABLE more USING fts3(x)"}, store.ErrSchema, "more"},
		{"one more index, over an expression", []string{"CREATE INDEX more ON host(abs(created_at))"}, store.ErrSchema, "index more"},
		{"an index less", []string{"DROP INDEX cpv_by_cp"}, store.ErrSchema, "index cpv_by_cp"},
		{"a generated column", []string{"ALTER TABLE pin ADD COLUMN more AS (1)"}, store.ErrSchema, "table pin"},
		{"a column with another default", []string{"DROP TABLE pin", "CREATE TABLE pin (host, name, state, created_at DEFAULT (randomblob(9)))"}, store.ErrSchema, "pin"},
		{"a text in place of a number", []string{"UPDATE source SET read_at = 'x'"}, store.ErrDamaged, "table source has a value of another type"},
		{"bytes in place of a text", []string{"UPDATE host SET root = x'00'"}, store.ErrDamaged, "table host has a value of another type"},
		{"a fraction in place of a number", []string{"UPDATE host SET created_at = 1.5"}, store.ErrDamaged, "table host"},
		{"a value that is too long", []string{fmt.Sprintf("UPDATE host SET root = hex(zeroblob(%d))", 16<<20)}, store.ErrDamaged, "too big"},
		{"a reference to nothing", []string{"UPDATE installed SET cpv = 99"}, store.ErrDamaged, "not there"},
		{"a negative version", []string{"PRAGMA user_version = -1"}, store.ErrSchema, "never was a schema -1"},
		{"an earlier version", []string{fmt.Sprintf("PRAGMA application_id = %d", 0x656d6164)}, store.ErrOlder, "before its first release"},
		{"a later version", []string{"PRAGMA user_version = 9999"}, store.ErrNewer, "9999"},
		{"the mark of another program", []string{"PRAGMA application_id = 7"}, store.ErrNotADatabase, "another program"},
		{"a host without a name", []string{"UPDATE host SET name = ''"}, store.ErrHostName, `""`},
		{"a host called all", []string{"UPDATE host SET name = 'all'"}, store.ErrHostName, `stands for every host`},
		{"a host that is a path", []string{"UPDATE host SET name = '../../x'"}, store.ErrHostName, `"../../x"`},
		{"a host that speaks to the terminal", []string{"UPDATE host SET name = char(27) || ']0;x' || char(7)"}, store.ErrHostName, `"\x1b]0;x\a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := foreignDatabase(t, "evil")
			for _, stmt := range c.sql {
				raw(t, path, stmt)
			}
			merged, err := mergeForeign(t, path)
			if err == nil {
				t.Fatalf("it was merged: %v", merged)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("want %v, got %v", c.want, err)
			}
			var of *store.DatabaseError
			if !errors.As(err, &of) || of.Path != path || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %q about %s, got %v", c.says, path, err)
			}
			if strings.Count(err.Error(), "database "+path) != 1 {
				t.Errorf("the database is not named once: %v", err)
			}
		})
	}
}

func TestWhatEmauditWroteElsewhereIsMerged(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"build", "build-2.example.org", "alpha@/mnt/gentoo", "x86_64@/"} {
		merged, err := mergeForeign(t, foreignDatabase(t, host))
		if err != nil || len(merged) != 1 || merged[0].Name != host || merged[0].Rows == 0 {
			t.Errorf("%s: got %v (%v)", host, merged, err)
		}
	}
}

// TestADatabaseFromElsewhereIsReadWithItsLog: what a killed emaudit had not yet
// folded into the file belongs to it.
func TestADatabaseFromElsewhereIsReadWithItsLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "other.db")
	db := open(t, path, store.Options{})
	update(t, db, func(tx *store.Tx) error { _, err := tx.EnsureHost("late", "/", 1); return err })
	if info, err := os.Stat(path + "-wal"); err != nil || info.Size() == 0 {
		t.Fatalf("there is no log: %v", err)
	}
	merged, err := mergeForeign(t, path)
	if err != nil || len(merged) != 1 {
		t.Errorf("got %v (%v)", merged, err)
	}
}

// TestPagesThatRowsShareAreFound: a file of some pages in which a table has one
// page more often than once has more rows than anybody can read.
func TestPagesThatRowsShareAreFound(t *testing.T) {
	t.Parallel()
	path := foreignDatabase(t, "evil")
	raw(t, path, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'cp') WHERE name = 'text'; UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_cp_1') WHERE name = 'sqlite_autoindex_text_1'")
	if _, err := mergeForeign(t, path); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("want store.ErrDamaged, got %v", err)
	}
}

func TestOnlyARegularFileIsCopied(t *testing.T) {
	t.Parallel()
	path := foreignDatabase(t, "evil")
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("root:x:0:0:\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	hole := filepath.Join(t.TempDir(), "hole")
	if err := errors.Join(os.WriteFile(hole, []byte("SQLite format 3\x00"), 0o600), os.Truncate(hole, store.MaxForeign+1)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path+"-wal", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, path + "-wal", "/dev/zero", text, hole} {
		if _, err := mergeForeign(t, path); !errors.Is(err, store.ErrNotADatabase) || strings.Contains(err.Error(), "root:x") {
			t.Errorf("%s: want store.ErrNotADatabase, got %v", path, err)
		}
	}
}

// TestAMergeEndsWithItsContext asks a question that has no end.
func TestAMergeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	other, err := store.OpenForeign(context.Background(), foreignDatabase(t, "evil"), filepath.Join(t.TempDir(), "scratch"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err = other.View(ctx, func(tx *store.Tx) error {
		var n int
		return tx.QueryRow(endless + "SELECT count(*) FROM t").Scan(&n)
	})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > 10*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begin))
	}
}

// TestTheOwnDatabaseIsFreeWhileTheOtherIsLookedAt: another process can write all
// the time until the other database was copied and checked.
func TestTheOwnDatabaseIsFreeWhileTheOtherIsLookedAt(t *testing.T) {
	t.Parallel()
	own := filepath.Join(t.TempDir(), "own.db")
	db := open(t, own, store.Options{BusyTimeout: time.Millisecond})
	other, err := store.OpenForeign(context.Background(), foreignDatabase(t, "evil"), own+".merge")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	update(t, db, func(tx *store.Tx) error { _, err := tx.EnsureHost("own", "/", 1); return err })
}

// TestAKilledMergeIsInNobodysWay: its copy is removed by the next one, but not
// while it is in use.
func TestAKilledMergeIsInNobodysWay(t *testing.T) {
	t.Parallel()
	path, scratch := foreignDatabase(t, "evil"), filepath.Join(t.TempDir(), "scratch")
	if err := errors.Join(os.Mkdir(scratch, 0o700), os.WriteFile(scratch+"/copy.db", []byte("left"), 0o600)); err != nil {
		t.Fatal(err)
	}
	first, err := store.OpenForeign(context.Background(), path, scratch)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.OpenForeign(context.Background(), path, scratch); !errors.Is(err, store.ErrBusy) {
		t.Errorf("want store.ErrBusy, got %v", err)
	}
	if err := first.View(context.Background(), func(tx *store.Tx) error { _, err := tx.Hosts(); return err }); err != nil {
		t.Errorf("the copy in use was taken away: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
}

// open opens a database for the test.
func open(t *testing.T, path string, opts store.Options) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// update runs fn in a transaction that must succeed.
func update(t *testing.T, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// raw changes a database as emaudit never does.
func raw(t *testing.T, path, query string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(query); err != nil {
		t.Fatal(err)
	}
}
