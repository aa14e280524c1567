package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrExists means that a file is there already.
var ErrExists = errors.New("the file exists")

// Export writes a copy of the database to a new file: one consistent state, without
// a write-ahead log, also while another process writes. The file appears when it is
// whole, with the mode of a new database; see create. Export never overwrites a file:
// the error wraps [ErrExists].
func (db *DB) Export(ctx context.Context, path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("export to %s: %w", path, err)
		}
	}()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = ErrExists
		}
		return pathCause(err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".emaudit-export-")
	if err != nil {
		return full(pathCause(err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	part := filepath.Join(dir, "part.db")
	if err := create(part, readers); err != nil {
		return full(pathCause(err))
	}
	// This is how SQLite copies a database in use. A copy of its files could be torn.
	if _, err := db.sql.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return classify(err)
	}
	if err := syncFile(part); err != nil {
		return full(pathCause(err))
	}
	err = unix.Renameat2(unix.AT_FDCWD, part, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = os.Link(part, path) // file systems that do not have the flag
	}
	if errors.Is(err, fs.ErrExist) {
		err = ErrExists
	}
	return pathCause(err)
}

// syncFile writes a file through to its disk.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
