package main

import (
	"context"
	"errors"

	"github.com/alecthomas/kong"

	"emaudit/audit"
	"emaudit/store"
)

// The exit codes are an interface. docs/ and the help of each command state them.
const (
	exitClean       = 0   // done, nothing to report
	exitError       = 1   // not done
	exitUsage       = 2   // the command line cannot be understood
	exitFindings    = 3   // done; findings at or above --fail-on
	exitDamaged     = 4   // done, but part of the input was damaged
	exitInterrupted = 130 // SIGINT or SIGTERM; what was stored is whole
)

// exitStatus is the text that ends the help of every command.
const exitStatus = `
EXIT STATUS
  0    done, nothing to report
  1    error
  2    usage
  3    done; there are findings at or above --fail-on
  4    done, but part of the input was damaged
  130  interrupted; what was stored before is whole`

// exitCoder is an error that decides the exit code. The ones in this package have no
// message: the reason is already printed.
type exitCoder interface {
	error
	exitCode() int
}

// errFindings means that there is a finding at or above --fail-on.
type errFindings struct{}

func (errFindings) Error() string { return "there are findings at or above --fail-on" }
func (errFindings) exitCode() int { return exitFindings }

// errDamaged means that the command succeeded on damaged input.
type errDamaged struct{}

func (errDamaged) Error() string { return "part of the input was damaged" }
func (errDamaged) exitCode() int { return exitDamaged }

// errUsage means that a command line parses but makes no sense.
type errUsage struct{ error }

func (errUsage) exitCode() int   { return exitUsage }
func (e errUsage) Unwrap() error { return e.error }

// exitCodeOf returns the exit code of an error. silent is true if the reason is
// already printed.
func exitCodeOf(ctx context.Context, err error) (code int, silent bool) {
	var coder exitCoder
	var parse *kong.ParseError
	switch {
	case err == nil:
		return exitClean, true
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return exitInterrupted, false
	case errors.As(err, &parse):
		return exitUsage, false
	case errors.As(err, &coder):
		_, usage := coder.(errUsage)
		return coder.exitCode(), !usage
	}
	return exitError, false
}

// hintFor returns the remedy of an error about the database at db, or "".
func hintFor(err error, db string) string {
	var of *store.DatabaseError
	if errors.As(err, &of) && store.IsFleet(of.Path) {
		return hintForFleet(err)
	}
	if errors.As(err, &of) && of.Path != db {
		return hintForForeign(err)
	}
	switch {
	case errors.Is(err, store.ErrNewer):
		return "install the newer emaudit, or use another database with --db FILE"
	case errors.Is(err, store.ErrNotADatabase):
		return "name another file with --db FILE; this one is left as it is"
	case errors.Is(err, store.ErrReadOnly):
		return "run emaudit as the owner of the database, or use another one with --db FILE"
	case errors.Is(err, store.ErrFull):
		return "make room there, or use another database with --db FILE; what was stored before is whole"
	case errors.Is(err, store.ErrOlder):
		return audit.Files("mv", db, db+".old").String() + "; the next command makes a new one of what the files still say"
	case errors.Is(err, store.ErrSchema):
		return audit.Files("mv", db, db+".odd").String() + "; what the files still say is then ingested anew"
	case errors.Is(err, store.ErrDamaged):
		away := db + ".damaged"
		return audit.Files("mv", db, away).String() + "; what the files still say is then ingested anew, and what only the database knew may be saved first: (umask 077; " +
			audit.Files("sqlite3", away, ".recover").String() + " | " + audit.Files("sqlite3", db).String() + ")"
	case errors.Is(err, store.ErrBusy):
		return "wait for the other emaudit to finish, or ask the stored facts with --no-ingest"
	}
	return ""
}

// hintForForeign returns the remedy of an error about the database of another
// machine.
func hintForForeign(err error) string {
	switch {
	case errors.Is(err, store.ErrNewer):
		return "install the newer emaudit here, too"
	case errors.Is(err, store.ErrOlder):
		return "let this version of emaudit answer on the machine that made it, and copy it then"
	case errors.Is(err, store.ErrHostName):
		return "emaudit merge --as NAME gives it another"
	case errors.Is(err, store.ErrDamaged), errors.Is(err, store.ErrSchema):
		return "nothing of it was merged; copy it anew from the machine that made it"
	}
	return ""
}
