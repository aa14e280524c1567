package store

import (
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"
)

// DatabaseError is an error about a database. It occurs only once in a chain of
// errors, however many transactions and packages the error passes.
type DatabaseError struct {
	Path string // as given to Open
	Err  error
}

// Error names the database.
func (e *DatabaseError) Error() string { return "database " + e.Path + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *DatabaseError) Unwrap() error { return e.Err }

// About wraps an error with the path of the database, unless it has one. It also
// maps errors of SQLite to the errors of this package.
func About(path string, err error) error {
	var known *DatabaseError
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &DatabaseError{path, classify(err)}
}

// scanError begins the errors of database/sql about values of a wrong type, which
// have no type of their own.
const scanError = "sql: Scan error on column index "

// IsOfDatabase reports whether an error comes from SQLite, or from rows that
// emaudit has not written. Other errors come from the caller.
func IsOfDatabase(err error) bool {
	var e sqlite3.Error
	var ofFleet *pgconn.PgError
	var connecting *pgconn.ConnectError
	return err != nil && (errors.As(err, &e) || errors.As(err, &ofFleet) || errors.As(err, &connecting) || isKind(err) || errors.Is(err, errCode) || errors.Is(err, sql.ErrNoRows) || strings.Contains(err.Error(), scanError))
}

// IsUnusable reports whether err concerns the database as a whole, so that nothing
// can be stored now.
func IsUnusable(err error) bool {
	var e sqlite3.Error
	isSQLite := errors.As(err, &e)
	if errors.Is(err, ErrDamaged) {
		// A single row may be damaged.
		return isSQLite && e.Code == sqlite3.ErrCorrupt
	}
	return isKind(err) || errors.Is(err, sql.ErrConnDone) || isSQLite && (e.Code == sqlite3.ErrIoErr || e.Code == sqlite3.ErrNomem)
}

// isKind reports whether an error is one of kinds.
func isKind(err error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}

// classify maps errors of SQLite, its driver and database/sql to the errors of this
// package.
func classify(err error) error {
	if isKind(err) {
		return err
	}
	var e sqlite3.Error
	var ofFleet *pgconn.PgError
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &ofFleet):
		return classifyFleet(ofFleet)
	case errors.As(err, &certificate):
		return fmt.Errorf("%w: %w", ErrCertificate, certificate.Err)
	case errors.Is(err, errCode):
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
