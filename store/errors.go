package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// DatabaseError is an error about a database. It is made once, however many
// transactions and rooms the error passes.
type DatabaseError struct {
	Path string // as it was opened with
	Err  error
}

// Error names the database.
func (e *DatabaseError) Error() string { return "database " + e.Path + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *DatabaseError) Unwrap() error { return e.Err }

// about says which database an error is about, unless it says so already, and
// turns what SQLite says into the errors of this package.
func about(path string, err error) error {
	var known *DatabaseError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &DatabaseError{path, classify(err)}
}

// scanError begins the errors of database/sql about values that do not fit. They
// have no type of their own.
const scanError = "sql: Scan error on column index "

// isOfDatabase tells errors of SQLite, and those of rows that no emaudit wrote,
// from those of whoever asked.
func isOfDatabase(err error) bool {
	var e sqlite3.Error
	return err != nil && (errors.As(err, &e) || isKind(err) || errors.Is(err, errWord) || errors.Is(err, sql.ErrNoRows) || strings.Contains(err.Error(), scanError))
}

// IsUnusable tells whether err is of the database as a whole, so that nothing more
// can be stored now, and not of what was to be stored.
func IsUnusable(err error) bool {
	var e sqlite3.Error
	isSQLite := errors.As(err, &e)
	if errors.Is(err, ErrDamaged) {
		// One row may be damaged, and the others not.
		return isSQLite && e.Code == sqlite3.ErrCorrupt
	}
	return isKind(err) || errors.Is(err, sql.ErrConnDone) || isSQLite && (e.Code == sqlite3.ErrIoErr || e.Code == sqlite3.ErrNomem)
}

// isKind tells whether an error is one of those that callers tell apart.
func isKind(err error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

// classify turns what SQLite, its driver and database/sql say into the errors of
// this package.
func classify(err error) error {
	if isKind(err) {
		return err
	}
	var e sqlite3.Error
	switch {
	case errors.Is(err, errWord):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%w: a row that another one refers to is not there", ErrDamaged)
	case errors.As(err, &e):
	case strings.Contains(err.Error(), scanError):
		_, column, _ := strings.Cut(err.Error(), ", name ")
		column, _, _ = strings.Cut(column, ": ")
		return fmt.Errorf("%w: a value of column %s is of another type than emaudit writes", ErrDamaged, column)
	default:
		return err
	}
	kind := error(nil)
	switch e.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		kind = ErrBusy
	case sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm:
		kind = ErrReadOnly
	case sqlite3.ErrNotADB:
		kind = ErrNotADatabase
	case sqlite3.ErrCorrupt, sqlite3.ErrTooBig:
		kind = ErrDamaged
	case sqlite3.ErrFull:
		kind = ErrFull
	case sqlite3.ErrIoErr:
		if e.SystemErrno == unix.ENOSPC || e.SystemErrno == unix.EDQUOT {
			kind = ErrFull
		}
	}
	if kind == nil {
		return err
	}
	return fmt.Errorf("%w: %w", kind, err)
}
