package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// A database that comes from elsewhere may be made to do harm: views in place of
// tables that never end, triggers, values of other types, rows that share pages so
// that a small file has more of them than anybody can read, or a file that changes
// while it is read. So it is read from a copy, with its schema compared and its
// pages and values checked before anything of it is believed
// (https://sqlite.org/security.html, "Untrusted SQLite Database Files").

// Limits of a database from elsewhere.
const (
	maxForeign      = 16 << 30 // bytes of the file, and of its write-ahead log
	maxForeignValue = 16 << 20 // bytes of a value, and of a row
)

// foreignDriver opens databases from elsewhere.
const foreignDriver = "sqlite3-foreign"

func init() {
	sql.Register(foreignDriver, &sqlite3.SQLiteDriver{ConnectHook: func(conn *sqlite3.SQLiteConn) error {
		conn.SetLimit(sqlite3.SQLITE_LIMIT_LENGTH, maxForeignValue)
		conn.SetLimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
		for _, pragma := range []string{"trusted_schema = OFF", "query_only = ON", "cell_size_check = ON", "mmap_size = 0"} {
			if _, err := conn.Exec("PRAGMA "+pragma, nil); err != nil {
				return err
			}
		}
		return nil
	}})
}

// OpenForeign opens a copy of the database at path, which another machine made, to
// be read. scratch is a folder for the copy; it must not exist or be what a killed
// OpenForeign left, and nobody else may write beside it. Closing the database
// removes it. The original is neither locked nor changed, and the context ends
// every statement.
func OpenForeign(ctx context.Context, path, scratch string) (*DB, error) {
	db := &DB{path: path, readOnly: true, foreign: true}
	err := func() (err error) {
		// Most of what is refused need not be copied first.
		if err := checkOriginal(ctx, path); err != nil {
			return err
		}
		if db.remove, err = makeScratch(scratch); err != nil {
			return fmt.Errorf("copy to %s: %w", scratch, err)
		}
		copied := filepath.Join(scratch, "copy.db")
		if err := copyForeign(ctx, path, copied); err != nil {
			return err
		}
		if db.sql, err = sql.Open(foreignDriver, dsn(copied, false, DefaultBusyTimeout)); err != nil {
			return err
		}
		db.sql.SetMaxOpenConns(1)
		return db.View(ctx, (*Tx).checkForeign)
	}()
	if err != nil {
		return nil, errors.Join(about(path, err), db.Close())
	}
	return db, nil
}

// checkOriginal looks at the schema of a database that is not being written, as
// far as that can be done without a lock. What is read later is the copy.
func checkOriginal(ctx context.Context, path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if wal, err := fileState(abs + "-wal"); err != nil || wal != "" {
		return err
	}
	if state, err := fileState(abs); err != nil {
		return err
	} else if state == "" {
		return fs.ErrNotExist
	}
	original := &DB{path: path, readOnly: true, foreign: true}
	if original.sql, err = sql.Open(foreignDriver, dsn(abs, true, DefaultBusyTimeout)); err != nil {
		return err
	}
	return errors.Join(original.View(ctx, (*Tx).checkForeignSchema), original.Close())
}

// makeScratch makes the folder of a copy, or empties what was left of one. While
// it is in use its lock is held.
func makeScratch(dir string) (remove func() error, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, full(err)
	}
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%w: it is merging, too", ErrBusy)
	}
	left, err := os.ReadDir(dir)
	for _, entry := range left {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	remove = func() error { return errors.Join(os.RemoveAll(dir), f.Close()) }
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	return remove, nil
}

// copyForeign copies a database and, where it has one, its write-ahead log.
func copyForeign(ctx context.Context, path, to string) error {
	var before [2]string
	for i, suffix := range []string{"-wal", ""} {
		var err error
		if before[i], err = fileState(path + suffix); err != nil {
			return err
		}
		// The log first: folded into the file meanwhile, it would be lost.
		if before[i] != "" {
			if err := copyFile(ctx, path+suffix, to+suffix); err != nil {
				return err
			}
		} else if suffix == "" {
			return fs.ErrNotExist
		}
	}
	for i, suffix := range []string{"-wal", ""} {
		if after, err := fileState(path + suffix); err != nil {
			return err
		} else if after != before[i] {
			return fmt.Errorf("%w: it changed while it was copied; make a copy of it with sqlite3 %s 'VACUUM INTO ...' first", ErrBusy, path)
		}
	}
	return nil
}

// fileState is how one knows that a file was not written; "" where there is none.
func fileState(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", pathCause(err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%w: %s is not a regular file", ErrNotADatabase, filepath.Base(path))
	case info.Size() > maxForeign:
		return "", fmt.Errorf("%w: %s is larger than %d GiB", ErrNotADatabase, filepath.Base(path), maxForeign>>30)
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano()), nil
}

// copyFile copies a file. Holes stay holes.
func copyFile(ctx context.Context, path, to string) (err error) {
	in, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return pathCause(err)
	}
	defer in.Close()
	if info, err := in.Stat(); err != nil || !info.Mode().IsRegular() {
		return errors.Join(ErrNotADatabase, err)
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return full(err)
	}
	defer func() { err = errors.Join(err, full(out.Close())) }()
	chunk, zeros := make([]byte, 1<<20), make([]byte, 1<<20)
	size := int64(0)
	for size <= maxForeign {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := io.ReadFull(in, chunk)
		if size == 0 && !bytes.HasPrefix(chunk[:n], []byte("SQLite format 3\x00")) && !strings.HasSuffix(path, "-wal") {
			return ErrNotADatabase
		}
		if !bytes.Equal(chunk[:n], zeros[:n]) {
			if _, err := out.WriteAt(chunk[:n], size); err != nil {
				return full(err)
			}
		}
		size += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return full(out.Truncate(size))
		}
		if err != nil {
			return pathCause(err)
		}
	}
	return fmt.Errorf("%w: larger than %d GiB", ErrNotADatabase, maxForeign>>30)
}

// full turns what a file system says that has no room into [ErrFull].
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, pathCause(err))
	}
	return err
}

// checkForeignSchema wants a database of this version of emaudit.
func (tx *Tx) checkForeignSchema() error {
	is, err := tx.identity()
	if err != nil {
		return err
	}
	if err := is.known(); err != nil {
		return err
	}
	return tx.checkSchema()
}

// checkForeign believes nothing of a database but what was looked at: which
// program and version made it, its schema, its pages, the type of every value.
func (tx *Tx) checkForeign() error {
	if err := tx.checkForeignSchema(); err != nil {
		return err
	}
	// Also bounds what can be read: no page belongs to two rows, so that there
	// are no more of them than the file has room for.
	var problem string
	if err := tx.queryRow("PRAGMA quick_check(1)").Scan(&problem); err != nil {
		return err
	}
	if problem != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, strings.TrimSpace(problem))
	}
	return tx.checkTypes()
}

// checkTypes wants every value to have the type that its column declares. SQLite
// itself stores any value in any column.
func (tx *Tx) checkTypes() error {
	wrong := map[string][]string{} // table -> conditions of a wrong value
	err := tx.query(func(rows *sql.Rows) error {
		var table, column, declared string
		var notNull bool
		if err := rows.Scan(&table, &column, &declared, &notNull); err != nil {
			return err
		}
		allowed := "'" + strings.ToLower(declared) + "'"
		if !notNull {
			allowed += ", 'null'"
		}
		wrong[table] = append(wrong[table], `typeof("`+column+`") NOT IN (`+allowed+`)`)
		return nil
	}, `SELECT t.name, c.name, c.type, c."notnull" OR c.pk > 0 FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'`)
	if err != nil {
		return err
	}
	for table, conditions := range wrong {
		var is bool
		if err := tx.queryRow(`SELECT EXISTS (SELECT 1 FROM "` + table + `" WHERE ` + strings.Join(conditions, " OR ") + ")").Scan(&is); err != nil {
			return err
		}
		if is {
			return fmt.Errorf("%w: table %s has a value of another type than its column", ErrDamaged, table)
		}
	}
	return nil
}
