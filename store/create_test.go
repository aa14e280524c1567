package store

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"syscall"
	"testing"
)

// Nobody but its owner and Portage's group reads the database, whatever the umask,
// nor what SQLite lays beside it.
func TestTheDatabaseIsPrivateFromItsFirstByte(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	path := filepath.Join(t.TempDir(), "new", "test.db")
	db, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	want := os.FileMode(0o600)
	if _, err := user.LookupGroup(readers); err == nil && os.Geteuid() == 0 {
		want = 0o640
	}
	if _, err := db.sql.Exec("CREATE TABLE t (a)"); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s: mode %v, want %v", path+suffix, info.Mode().Perm(), want)
		}
	}
}

func TestTheDatabaseOfRootBelongsToAGroup(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	group, err := user.LookupGroup("daemon")
	if err != nil {
		t.Skip("no such group here: ", err)
	}
	for name, want := range map[string]struct {
		mode os.FileMode
		gid  string
	}{"daemon": {0o640, group.Gid}, "no-such-group": {0o600, "0"}} {
		path := filepath.Join(t.TempDir(), "test.db")
		if err := create(path, name); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		db, err := Open(context.Background(), path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, suffix := range []string{"-wal", "-shm"} {
			beside, err := os.Stat(path + suffix)
			if err != nil {
				t.Fatal(err)
			}
			if s := beside.Sys().(*syscall.Stat_t); s.Gid != owner.Gid || beside.Mode() != info.Mode() {
				t.Errorf("group %s: %s has group %d and mode %v", name, suffix, s.Gid, beside.Mode())
			}
		}
		if gid, err := user.LookupGroupId(want.gid); err != nil || info.Mode().Perm() != want.mode || owner.Uid != 0 || gid.Gid != want.gid || want.gid != "0" && owner.Gid == 0 {
			t.Errorf("group %s: mode %v, owner %d:%d, %v", name, info.Mode(), owner.Uid, owner.Gid, err)
		}
	}
}

// A database that is there keeps the mode that its administrator gave it.
func TestADatabaseThatIsThereKeepsItsMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	db, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// No source can bring the credentials of a URL into the database, and what is
// looked up by such a text is found.
func TestNoCredentialsReachTheDatabase(t *testing.T) {
	t.Parallel()
	db, err := Open(context.Background(), filepath.Join(t.TempDir(), "test.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	const text = "fetching https://user:secret@host/x"
	var first, second int64
	err = db.Update(context.Background(), func(tx *Tx) (err error) {
		first, err = tx.TextID(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(context.Background(), func(tx *Tx) (err error) {
		if second, err = tx.TextID(text); err != nil {
			return err
		}
		b := tx.Bulk("text", "value")
		for _, value := range []string{"a", text + " again", "b"} {
			if err := b.Add(value); err != nil {
				return err
			}
		}
		return b.Flush()
	})
	if err != nil || first != second {
		t.Errorf("ids %d and %d, %v", first, second, err)
	}
	var secrets, kept int
	err = db.View(context.Background(), func(tx *Tx) error {
		return tx.QueryRow("SELECT sum(value LIKE '%secret%'), sum(value LIKE 'fetching https:_/host/x%') FROM text").Scan(&secrets, &kept)
	})
	if err != nil || secrets != 0 || kept != 2 {
		t.Errorf("%d texts with the secret, %d without; %v", secrets, kept, err)
	}
}
