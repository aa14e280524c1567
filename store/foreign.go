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

// A database from another machine may be hostile. It may have views in place of
// tables that never end, triggers, values of wrong types, or rows that share pages
// so that a small file has endless rows. It may change while it is read. So it is
// copied, its schema is compared, and its pages and values are checked before
// anything is used (https://sqlite.org/security.html, "Untrusted SQLite Database
// Files").

// The limits of a database from another machine.
const (
	MaxForeign      = 16 << 30 // bytes of the file, and of its write-ahead log
	maxForeignValue = 16 << 20 // bytes of a value, and of a row
)

// foreignDriver opens databases from other machines.
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

// OpenForeign opens a copy of the database at path, from another machine, for
// reading. scratch is a folder for the copy. It must not exist, except as the
// remains of a killed OpenForeign, and no other user may write in its parent.
// Closing the database removes it. OpenForeign neither locks nor changes the
// original. ctx ends every statement.
func OpenForeign(ctx context.Context, path, scratch string) (*DB, error) {
	db := &DB{path: path, readOnly: true, foreign: true}
	err := func() (err error) {
		// Most refused databases need not be copied first.
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
		return nil, errors.Join(About(path, err), db.Close())
	}
	return db, nil
}

// checkOriginal checks the schema of a database that nobody is writing, as far as
// possible without a lock. The copy is checked again.
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

// makeScratch creates the folder of a copy, or empties an old one. It holds a lock
// on the folder until remove is called.
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

// copyForeign copies a database and its write-ahead log, if there is one.
func copyForeign(ctx context.Context, path, to string) error {
	var before [2]string
	for i, suffix := range []string{"-wal", ""} {
		var err error
		if before[i], err = fileState(path + suffix); err != nil {
			return err
		}
		// Copy the log first. It would be lost if it were merged into the file
		// meanwhile.
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
			return fmt.Errorf("%w: it changed while it was copied; copy it with emaudit --db %s export FILE", ErrBusy, path)
		}
	}
	return nil
}

// fileState returns a text that changes when a file is written, or "" if there is
// no file.
func fileState(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", pathCause(err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%w: %s is not a regular file", ErrNotADatabase, filepath.Base(path))
	case info.Size() > MaxForeign:
		return "", fmt.Errorf("%w: %s is larger than %d GiB", ErrNotADatabase, filepath.Base(path), MaxForeign>>30)
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano()), nil
}

// copyFile copies a file and keeps its holes.
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
	for size <= MaxForeign {
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
	return fmt.Errorf("%w: larger than %d GiB", ErrNotADatabase, MaxForeign>>30)
}

// full maps the error of a full file system to [ErrFull].
func full(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, pathCause(err))
	}
	return err
}

// checkForeignSchema returns an error unless the database has the version of this
// emaudit.
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

// checkForeign checks the program and version that made the database, its schema,
// its pages, and the type of every value.
func (tx *Tx) checkForeign() error {
	if err := tx.checkForeignSchema(); err != nil {
		return err
	}
	// This also bounds the number of rows: no page belongs to two rows, so the size
	// of the file limits them.
	var problem string
	if err := tx.QueryRow("PRAGMA quick_check(1)").Scan(&problem); err != nil {
		return err
	}
	if problem != "ok" {
		return fmt.Errorf("%w: %s", ErrDamaged, strings.TrimSpace(problem))
	}
	return tx.checkTypes()
}

// checkTypes returns an error unless every value has the declared type of its
// column. SQLite stores any value in any column.
func (tx *Tx) checkTypes() error {
	wrong := map[string][]string{} // table -> conditions for a wrong value
	err := tx.Query(func(rows *sql.Rows) error {
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
		if err := tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM "` + table + `" WHERE ` + strings.Join(conditions, " OR ") + ")").Scan(&is); err != nil {
			return err
		}
		if is {
			return fmt.Errorf("%w: table %s has a value of another type than its column", ErrDamaged, table)
		}
	}
	return nil
}
