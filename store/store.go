// Package store keeps all facts that emaudit has ever read in one SQLite database.
// It outlives rotated logs, deleted binary packages and replaced installed
// packages. All SQL is here and in the sub-rooms; other packages see typed rows.
//
// This package holds the file, its schema, its transactions, the dictionaries of
// names, and what belongs to a host as a whole: its sources, their damage, its pins and
// its drills. The other facts are in store/logs (what emerge did), store/inventory
// (what lies on the disk) and store/config (the configuration of Portage).
//
// # Rules of the schema
//
// Every fact belongs to a host (one Gentoo root). Times are unix seconds, sizes
// bytes, hashes raw bytes. Names are in dictionaries (tables text, cp, cpv). The
// SQL is portable: ON CONFLICT, integers for times, and no functions that only
// SQLite has, so that several hosts may later share a server.
//
// # Transactions
//
// There is one writer. [DB.Update] takes the write lock at once (BEGIN IMMEDIATE)
// and waits for another emaudit up to [Options.BusyTimeout]. It stores facts
// together with the bookmark of their source, so that a process killed at any time
// leaves the last complete state. Readers use [DB.View], which gives a whole answer
// one consistent snapshot. With the write-ahead log, readers and the writer do not
// wait for each other.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// DB is an open database. It is safe for concurrent use.
type DB struct {
	path     string
	sql      *sql.DB
	readOnly bool
	foreign  bool         // made by another machine; the context ends its statements
	fleet    bool         // in PostgreSQL; so does it there
	remove   func() error // removes the copy at Close; may be nil
}

// Options are the parameters of Open.
type Options struct {
	// ReadOnly opens an existing database without writing to it or to its folder.
	ReadOnly bool
	// BusyTimeout is the time to wait for the lock of another process. 0 means
	// [DefaultBusyTimeout].
	BusyTimeout time.Duration
}

// DefaultBusyTimeout is long enough for the first ingest of an ordinary machine by
// another emaudit.
const DefaultBusyTimeout = 30 * time.Second

// The errors with different remedies.
var (
	// ErrNewer means that the database was written by a newer emaudit.
	ErrNewer = errors.New("the database was written by a newer emaudit")
	// ErrOlder means that an older emaudit wrote the database, with a schema that
	// this one does not know.
	ErrOlder = errors.New("the database was written by an older emaudit")
	// ErrNotADatabase means that the file is not an emaudit database.
	ErrNotADatabase = errors.New("not an emaudit database")
	// ErrBusy means that another process held the lock longer than
	// [Options.BusyTimeout].
	ErrBusy = errors.New("another emaudit is writing to the database")
	// ErrReadOnly means that the file or its folder cannot be written.
	ErrReadOnly = errors.New("the database cannot be written")
	// ErrFull means that the file system of the database, or of its temporary
	// files, is full.
	ErrFull = errors.New("no room to write the database")
	// ErrDamaged means that the content of the file is inconsistent: by a faulty
	// disk, a copy made during a write, or a missing part.
	ErrDamaged = errors.New("the database is damaged")
	// ErrSchema means that the file has emaudit's application id, but not the
	// tables of its version.
	ErrSchema = errors.New("not as any version of emaudit made it")
)

// kinds are the errors above.
var kinds = []error{ErrNewer, ErrOlder, ErrNotADatabase, ErrBusy, ErrReadOnly, ErrFull, ErrDamaged, ErrSchema, ErrNoFleet, ErrForbidden, ErrCertificate}

// Open opens the database at path. Unless opts.ReadOnly is set, it creates a
// missing database and its folder. It creates the schema of a new database.
func Open(ctx context.Context, path string, opts Options) (*DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if opts.ReadOnly {
		if _, err := os.Stat(abs); err != nil {
			return nil, fmt.Errorf("database %s: %w", path, pathCause(err))
		}
	} else if err := os.MkdirAll(filepath.Dir(abs), 0o755); err != nil {
		return nil, fmt.Errorf("database %s: %w: %w", path, ErrReadOnly, pathCause(err))
	}
	// SQLite would open a FIFO or a device, and block.
	if info, err := os.Stat(abs); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("database %s: %w: not a regular file", path, ErrNotADatabase)
	}
	if !opts.ReadOnly {
		if err := create(abs, readers); err != nil {
			return nil, fmt.Errorf("database %s: %w: %w", path, ErrReadOnly, pathCause(err))
		}
	}
	busy := opts.BusyTimeout
	if busy == 0 {
		busy = DefaultBusyTimeout
	}
	pool, err := sql.Open("sqlite3", dsn(abs, opts.ReadOnly, busy))
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db := &DB{path: path, sql: pool, readOnly: opts.ReadOnly}
	if err := db.prepare(ctx, busy); err != nil {
		pool.Close()
		err = classify(err)
		if errors.Is(err, ErrReadOnly) && !opts.ReadOnly {
			// SQLite's "unable to open database file" names neither the folder nor
			// the reason.
			if cause := unwritable(abs); cause != nil {
				err = fmt.Errorf("%w: %w", ErrReadOnly, cause)
			}
		}
		return nil, About(path, err)
	}
	return db, nil
}

// unwritable returns the reason why the file at abs, or its folder, which holds
// SQLite's log, cannot be written, or nil.
func unwritable(abs string) error {
	if err := unix.Access(filepath.Dir(abs), unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("its folder: %w", err)
	}
	if err := unix.Access(abs, unix.W_OK); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

// dsn returns the data source name of the database file at abs for go-sqlite3.
func dsn(abs string, readOnly bool, busy time.Duration) string {
	q := url.Values{}
	q.Set("_busy_timeout", fmt.Sprint(busy.Milliseconds()))
	q.Set("_foreign_keys", "on")
	// database/sql never uses a connection concurrently, so SQLite need not lock it
	// at every call.
	q.Set("_mutex", "no")
	if readOnly {
		q.Set("mode", "ro")
		// A database with a write-ahead log cannot be opened in a folder in which
		// the shared memory file neither exists nor can be created. If there is no
		// log, nobody is writing, and the file can be read as immutable.
		if info, err := os.Stat(abs + "-wal"); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
			q.Set("immutable", "1")
		}
	} else {
		// NORMAL may lose the last transactions in a power failure, but never
		// consistency. Lost facts are ingested again.
		q.Set("_synchronous", "NORMAL")
	}
	return "file:" + url.PathEscape(abs) + "?" + q.Encode()
}

// Path returns the path that the database was opened with.
func (db *DB) Path() string { return db.path }

// ReadOnly reports whether the database was opened only for reading.
func (db *DB) ReadOnly() bool { return db.readOnly }

// Close merges the write-ahead log into the file and closes it.
func (db *DB) Close() (err error) {
	if db.sql != nil {
		err = db.sql.Close()
	}
	if db.remove != nil {
		err = errors.Join(err, db.remove())
	}
	return err
}

// The page cache in KiB. A transaction that writes more pages than fit into the
// cache writes some of them to the log repeatedly and reads them back. With
// SQLite's default of 2 MiB, a first ingest wrote six times the size of the
// database. Readers gain nothing.
const (
	writerPages = "PRAGMA cache_size = -16384"
	readerPages = "PRAGMA cache_size = -2048"
)

// ReadOnce says that the transaction now reads tables from one end to the other. SQLite
// keeps few pages then: each one that it keeps takes new memory and a system call, and
// nothing asks for it again.
func (tx *Tx) ReadOnce() error {
	if tx.fleet {
		return nil
	}
	_, err := tx.conn.ExecContext(tx.ctx, "PRAGMA cache_size = -256")
	return err
}

// Update runs fn in a transaction that may write. If fn returns an error, the
// transaction has no effect.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	if db.readOnly {
		return About(db.path, ErrReadOnly)
	}
	return db.transact(ctx, writing, fn)
}

// Load is like [DB.Update] for a transaction that adds many rows and deletes none
// that others refer to. Foreign keys are checked once, at its end: for each row, the
// check would take as long as the rest of the insertion.
func (db *DB) Load(ctx context.Context, fn func(*Tx) error) error {
	if db.readOnly {
		return About(db.path, ErrReadOnly)
	}
	return db.transact(ctx, loading, fn)
}

// View runs fn in a transaction that sees one consistent state and does not write.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return db.transact(ctx, reading, fn)
}

// mode is what a transaction does.
type mode int

const (
	reading mode = iota
	writing
	loading
)

func (db *DB) transact(ctx context.Context, mode mode, fn func(*Tx) error) error {
	conn, err := db.sql.Conn(ctx)
	if err != nil {
		return About(db.path, err)
	}
	defer conn.Close()
	var begin []string
	switch {
	case db.fleet:
		begin = []string{beginFleet}
	case mode == reading:
		begin = []string{readerPages, "BEGIN"}
	case mode == writing:
		begin = []string{writerPages, "BEGIN IMMEDIATE"}
	default:
		begin = []string{"PRAGMA foreign_keys = OFF", writerPages, "BEGIN IMMEDIATE"}
		defer conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA foreign_keys = ON")
	}
	// Statements run without the caller's context, because go-sqlite3 starts a
	// goroutine for each statement whose context can end. Cancellation is checked
	// between statements and rows. Only statements on a database of another
	// machine, which may never end, use the context.
	tx := &Tx{ctx: context.WithoutCancel(ctx), cancelled: ctx.Err, conn: conn, fleet: db.fleet, stmts: map[string]*sql.Stmt{}, raw: map[string][]driver.Stmt{}, written: map[string]bool{}}
	if db.foreign || db.fleet {
		tx.ctx = ctx
	}
	for _, statement := range begin {
		if _, err := conn.ExecContext(tx.ctx, statement); err != nil {
			return About(db.path, err)
		}
	}
	err = fn(tx)
	if err == nil && mode == loading {
		err = tx.checkReferences()
	}
	if err == nil {
		err = tx.markWritten()
	}
	tx.closeStatements()
	if err == nil {
		err = ctx.Err()
	}
	if err == nil {
		_, err = conn.ExecContext(tx.ctx, "COMMIT")
	}
	if err != nil {
		if IsOfDatabase(err) {
			err = About(db.path, err)
		}
		_, rollbackErr := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		var sqliteErr sqlite3.Error
		if rollbackErr != nil && !db.fleet && !errors.As(rollbackErr, &sqliteErr) {
			return errors.Join(err, rollbackErr)
		}
		return err
	}
	return nil
}

// checkReferences returns an error if a row of a table that was written refers to
// nothing.
func (tx *Tx) checkReferences() error {
	for table := range tx.written {
		err := tx.Query(func(rows *sql.Rows) error {
			var child, parent string
			var row, key sql.NullInt64
			if err := rows.Scan(&child, &row, &parent, &key); err != nil {
				return err
			}
			return fmt.Errorf("%w: a row of %s refers to nothing in %s", ErrDamaged, child, parent)
		}, "PRAGMA foreign_key_check("+table+")")
		if err != nil {
			return err
		}
	}
	return nil
}

// pathCause removes the path from an error that will be wrapped with one.
func pathCause(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// readers is the group that may read the database of the system. It can also read
// Portage's logs and binary packages.
const readers = "portage"

// create creates an empty file for a new database, so that its mode does not depend
// on the umask: 0640 for root and the group, or 0600 for another user or if the
// group does not exist. It does not change an existing file. SQLite gives the
// write-ahead log and the shared memory file the same owner and mode.
func create(path, group string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if os.Geteuid() != 0 {
		return nil
	}
	found, err := user.LookupGroup(group)
	if err != nil {
		return nil // no such group: only root reads it
	}
	gid, err := strconv.Atoi(found.Gid)
	if err != nil {
		return err
	}
	if err := file.Chown(0, gid); err != nil {
		return err
	}
	return file.Chmod(0o640)
}
