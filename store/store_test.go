package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// open opens a database of the test's own.
func open(t *testing.T, path string, opts Options) *DB {
	t.Helper()
	db, err := Open(context.Background(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// update runs fn in a transaction that must succeed.
func update(t *testing.T, db *DB, fn func(*Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestAFolderThatDoesNotExistIsMade(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "emaudit.db")
	open(t, path, Options{})
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
}

func TestANewerDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "emaudit.db")
	open(t, path, Options{}).Close()
	raw(t, path, "PRAGMA user_version = 9999")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path, Options{}); !errors.Is(err, ErrNewer) {
		t.Errorf("want ErrNewer, got %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the database was changed (%v)", err)
	}
}

func TestADatabaseOfAnotherProgramIsRefusedAndLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other.db")
	raw(t, path, "CREATE TABLE bookmark (url TEXT)")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), path, Options{}); !errors.Is(err, ErrNotADatabase) {
		t.Errorf("want ErrNotADatabase, got %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the database was changed (%v)", err)
	}
}

// TestADatabaseThatManyMakeAtOnceIsMadeOnce: each of them finds it in another
// state of being made.
func TestADatabaseThatManyMakeAtOnceIsMadeOnce(t *testing.T) {
	for round := range 20 {
		path := filepath.Join(t.TempDir(), strconv.Itoa(round), "emaudit.db")
		var makers sync.WaitGroup
		for range 8 {
			makers.Go(func() {
				db, err := Open(context.Background(), path, Options{})
				if err != nil {
					t.Error(err)
					return
				}
				defer db.Close()
				if err := db.Update(context.Background(), func(tx *Tx) error {
					_, err := tx.EnsureHost("alpha", "/", 1)
					return err
				}); err != nil {
					t.Error(err)
				}
			})
		}
		makers.Wait()
	}
}

// TestACopyWithAnotherJournalIsWrittenAheadAgain: VACUUM INTO, the way to copy a
// database in use, does not keep the journal mode.
func TestACopyWithAnotherJournalIsWrittenAheadAgain(t *testing.T) {
	dir := t.TempDir()
	path, copied := filepath.Join(dir, "emaudit.db"), filepath.Join(dir, "copy.db")
	open(t, path, Options{}).Close()
	raw(t, path, "VACUUM INTO '"+copied+"'")
	db := open(t, copied, Options{})
	err := db.View(context.Background(), func(tx *Tx) error {
		is, err := tx.identity()
		if is.journal != "wal" {
			t.Errorf("journal: want wal, got %q", is.journal)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestADamagedDatabaseIsSaidToBe overwrites the pages behind the schema.
func TestADamagedDatabaseIsSaidToBe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "emaudit.db")
	open(t, path, Options{}).Close()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const page = 4096
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 20*page), page); err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), path, Options{})
	if err == nil {
		defer db.Close()
		err = db.View(context.Background(), func(tx *Tx) error { _, err := tx.Hosts(); return err })
	}
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
		t.Errorf("want ErrDamaged with the path, got %v", err)
	}
}

// TestOnlyARegularFileIsOpened: SQLite would wait for the writer of a FIFO.
func TestOnlyARegularFileIsOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, filepath.Dir(path), "/dev/null"} {
		for _, readOnly := range []bool{false, true} {
			if _, err := Open(context.Background(), path, Options{ReadOnly: readOnly}); !errors.Is(err, ErrNotADatabase) {
				t.Errorf("%s: want ErrNotADatabase, got %v", path, err)
			}
		}
	}
}

// TestAFullFileSystemIsSaidToBe bounds the file, which SQLite answers as it does
// a full disk.
func TestAFullFileSystemIsSaidToBe(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	err := db.Update(context.Background(), func(tx *Tx) error {
		if _, err := tx.Exec("PRAGMA max_page_count = 1"); err != nil {
			return err
		}
		for i := range 1000 {
			if _, err := tx.TextID(strings.Repeat("x", 4096) + strconv.Itoa(i)); err != nil {
				return err
			}
		}
		return nil
	})
	if !errors.Is(err, ErrFull) {
		t.Errorf("want ErrFull, got %v", err)
	}
}

func TestAReadOnlyDatabaseIsReadInAReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "emaudit.db")
	db := open(t, path, Options{})
	update(t, db, func(tx *Tx) error { _, err := tx.EnsureHost("alpha", "/", 1); return err })
	db.Close()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
	ro := open(t, path, Options{ReadOnly: true})
	err := ro.View(context.Background(), func(tx *Tx) error {
		hosts, err := tx.Hosts()
		if err == nil && len(hosts) != 1 {
			t.Errorf("want 1 host, got %d", len(hosts))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := ro.Update(context.Background(), func(*Tx) error { return nil }); !errors.Is(err, ErrReadOnly) {
		t.Errorf("want ErrReadOnly, got %v", err)
	}
}

func TestAFailedUpdateKeepsNothing(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	boom := errors.New("boom")
	err := db.Update(context.Background(), func(tx *Tx) error {
		if _, err := tx.EnsureHost("alpha", "/", 1); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("want the error of the function, got %v", err)
	}
	update(t, db, func(tx *Tx) error {
		hosts, err := tx.Hosts()
		if len(hosts) != 0 {
			t.Errorf("want no host, got %v", hosts)
		}
		return err
	})
}

func TestACancelledUpdateKeepsNothing(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	ctx, cancel := context.WithCancel(context.Background())
	err := db.Update(ctx, func(tx *Tx) error {
		_, err := tx.EnsureHost("alpha", "/", 1)
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("want context.Canceled, got %v", err)
	}
	update(t, db, func(tx *Tx) error {
		_, ok, err := tx.FindHost("alpha")
		if ok {
			t.Error("the host was kept")
		}
		return err
	})
}

func TestTheLockOfAnotherProcessIsWaitedForAndThenReported(t *testing.T) {
	path := filepath.Join(t.TempDir(), "emaudit.db")
	db := open(t, path, Options{})
	other := open(t, path, Options{BusyTimeout: 50 * time.Millisecond})
	update(t, db, func(*Tx) error {
		err := other.Update(context.Background(), func(*Tx) error { return nil })
		if !errors.Is(err, ErrBusy) {
			t.Errorf("want ErrBusy, got %v", err)
		}
		// Readers do not wait for the writer.
		if err := other.View(context.Background(), func(tx *Tx) error { _, err := tx.Hosts(); return err }); err != nil {
			t.Error(err)
		}
		return nil
	})
}

func TestNamesAreStoredOnceAcrossTransactions(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	names := []string{"app-misc/hello-1.0", "app-misc/hello-2.0", "not a cpv", "app-misc/hello-1.0"}
	ids := map[string]int64{}
	for range 2 {
		update(t, db, func(tx *Tx) error {
			for _, name := range names {
				id, err := tx.CPVID(name)
				if err != nil {
					return err
				}
				if known, ok := ids[name]; ok && known != id {
					t.Errorf("%s: want id %d, got %d", name, known, id)
				}
				ids[name] = id
			}
			return nil
		})
	}
	if len(ids) != 3 || ids["app-misc/hello-1.0"] == ids["app-misc/hello-2.0"] {
		t.Errorf("ids are not one for each name: %v", ids)
	}
	update(t, db, func(tx *Tx) error {
		var cps, without int
		if err := tx.QueryRow("SELECT count(DISTINCT cp), sum(cp IS NULL) FROM cpv").Scan(&cps, &without); err != nil {
			return err
		}
		if cps != 1 || without != 1 {
			t.Errorf("want one category/pn and one name that is no cpv, got %d and %d", cps, without)
		}
		return nil
	})
}

func TestABulkInsertKeepsEveryRowOfFullAndPartBatches(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "emaudit.db"), Options{})
	for _, n := range []int{0, 1, batchRows - 1, batchRows, batchRows + 1, 3*batchRows + 7} {
		update(t, db, func(tx *Tx) error {
			if _, err := tx.Exec("DELETE FROM text"); err != nil {
				return err
			}
			b := tx.Bulk("text", "id", "value")
			for i := range n {
				if err := b.Add(i+1, time.Duration(i).String()); err != nil {
					return err
				}
			}
			if err := b.Flush(); err != nil {
				return err
			}
			var rows, sum int
			if err := tx.QueryRow("SELECT count(*), coalesce(sum(id), 0) FROM text").Scan(&rows, &sum); err != nil {
				return err
			}
			if rows != n || sum != n*(n+1)/2 {
				t.Errorf("%d rows added: got %d rows with ids adding up to %d", n, rows, sum)
			}
			return nil
		})
	}
}

// raw runs SQL on a file without emaudit.
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
