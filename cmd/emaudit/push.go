package main

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"emaudit/hostfs"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/store"
	"emaudit/store/fleet"
	"emaudit/store/postgres"
)

// commandsOfFleet are the commands that a fleet can answer. They only read stored
// facts.
var commandsOfFleet = []string{
	"summary", "hosts", "show", "runs", "log", "stats", "failures", "messages", "states", "diff", "audit", "rollback", "doctor", "report", "metrics", "sql", "needs", "complete",
}

// notOfFleet is the error of a command that needs the database of a host.
func (s *session) notOfFleet() error {
	return usagef("%s: no --db postgres://...: it needs the database of a host, which is a file", s.command)
}

// databaseName accepts the path of a file or the address of a fleet.
func databaseName(ctx *kong.DecodeContext, target reflect.Value) error {
	var name string
	if err := ctx.Scan.PopValueInto("file", &name); err != nil {
		return err
	}
	if !store.IsFleet(name) {
		name = kong.ExpandPath(name)
	}
	target.SetString(name)
	return nil
}

// withoutCredentials returns the value of a flag for output. The address of a fleet
// loses its user and password.
func withoutCredentials(value string) string {
	if !store.IsFleet(value) {
		return value
	}
	to, err := postgres.ParseAddress(value)
	if err != nil {
		return "postgres://..."
	}
	return to.String()
}

// openFleet connects to a fleet and finds the host in it. It reads nothing of this
// machine: the facts belong to another one, or are older than its own.
func (s *session) openFleet(ctx context.Context) (err error) {
	if !slices.Contains(commandsOfFleet, s.command) {
		return s.notOfFleet()
	}
	if s.root, err = hostfs.Open("/"); err != nil {
		return err
	}
	if s.db, err = s.openDatabase(ctx, store.Options{ReadOnly: true}); err != nil {
		return err
	}
	if s.Host == "" {
		// The role of a host sees only that host.
		err := s.db.View(ctx, func(tx *store.Tx) error {
			hosts, err := tx.Hosts()
			switch len(hosts) {
			case 0:
			case 1:
				s.Host = hosts[0].Name
			default:
				return usagef("%s: the fleet has %d hosts: name one with --host, or all of them with --host all", s.command, len(hosts))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return s.findHost(ctx)
}

// pushCommand sends the host to a fleet.
type pushCommand struct {
	Fleet   string `arg:"" name:"postgres://..." help:"Address of the fleet, as for psql. User, password and certificates may come from the environment (PGUSER, PGPASSFILE, PGSSLROOTCERT, ...) or a service file."`
	As      string `typed:"" placeholder:"NAME" help:"Name of this host in the fleet."`
	Replace bool   `typed:"" help:"Remove from the fleet what the database of this host lacks: after a restore from a copy, or with a new database."`
}

func (*pushCommand) Help() string {
	return `Sends what changed since the last push to a database of PostgreSQL, the memory of
a fleet. It arrives completely or not at all, and a push that was ended is made up
for by the next. "emaudit fleet-schema" makes the tables; docs/guide-fleet.md says
how. The other commands read a fleet with --db postgres://... --host NAME.

  emaudit push 'postgres://fleet.example.org/emaudit?user=alpha'

The certificate of the server is checked, unless the address says otherwise
(sslmode). Keep the password out of the address: other users can see the arguments
of a program. It belongs in ~/.pgpass.
` + exitStatus
}

// maxClockSkew is the difference between two clocks, in seconds, above which there is
// a warning.
const maxClockSkew = 300

func (c *pushCommand) Run(ctx context.Context, s *session) error {
	if !store.IsFleet(c.Fleet) {
		return usagef("push: the address of a fleet begins with postgres://")
	}
	if s.NoIngest {
		return usagef("push: no --no-ingest: it stores here how far the fleet is")
	}
	if c.As != "" {
		if err := store.CheckHostName(c.As); err != nil {
			return usagef("push --as: %v", err)
		}
	}
	to, err := postgres.ParseAddress(c.Fleet)
	if err != nil {
		return usagef("push: %v", err)
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if err := s.recordForFleet(ctx); err != nil {
		return err
	}
	pushed, err := fleet.Push(ctx, s.db, s.host, to, fleet.Options{Name: c.As, Replace: c.Replace, Now: s.proc.now().Unix()})
	if err != nil {
		return fmt.Errorf("push: %w", err)
	}
	if skew := pushed.ClockSkew; skew > maxClockSkew || skew < -maxClockSkew {
		s.messages.Warning(fmt.Sprintf("the clock of %s is %s this one; times of hosts cannot be compared", to, ahead(skew)))
	}
	if err := s.out().Write(report.Pushed(report.PushedRow{Host: pushed.Name, Fleet: to.String(), Rows: pushed.Rows, Removed: pushed.Removed, Changed: pushed.Rows+pushed.Removed > 0})); err != nil {
		return err
	}
	return s.verdict(nil, "never")
}

// ahead describes the difference of a clock, from its lead in seconds.
func ahead(seconds int64) string {
	lead := time.Duration(seconds) * time.Second
	if lead < 0 {
		return screen.Duration(-lead) + " behind"
	}
	return screen.Duration(lead) + " ahead of"
}

// hintForFleet returns the remedy of an error about a fleet.
func hintForFleet(err error) string {
	switch {
	case errors.Is(err, fleet.ErrKnowsMore):
		return "if this database was restored from a copy, emaudit push --replace makes the fleet equal to it; if this machine is a copy of another one, emaudit hosts --forget NAME and a new ingest give it an identity of its own"
	case errors.Is(err, fleet.ErrOtherRole):
		return "emaudit push --as NAME gives this host another name; if it is the same host with a new role, the owner of the database hands it over: UPDATE host SET role = 'ROLE' WHERE name = 'NAME'"
	case errors.Is(err, fleet.ErrOtherHost):
		return "emaudit push --as NAME gives this host another name; if it is the same machine with a new database, emaudit push --replace takes its place"
	case errors.Is(err, store.ErrNoFleet):
		return "the owner of the database makes its tables: emaudit fleet-schema | psql -v ON_ERROR_STOP=1 DATABASE"
	case errors.Is(err, store.ErrForbidden):
		return "the owner of the database grants the rights: GRANT emaudit_host TO ROLE for a host, GRANT emaudit_reader TO ROLE for a reader"
	case errors.Is(err, store.ErrCertificate):
		return "sslrootcert=FILE in the address names the certificate of the authority that signed that of the server; the host of the address must be one that it names"
	case errors.Is(err, store.ErrNewer):
		return "install the newer emaudit here, too"
	case errors.Is(err, store.ErrOlder):
		return "the owner of the database brings it up to date with the emaudit of this version"
	case errors.Is(err, store.ErrFull):
		return "make room on the server of PostgreSQL; what was pushed before is whole"
	}
	return ""
}

// fleetSchemaCommand writes the SQL statements that create the tables of a fleet.
type fleetSchemaCommand struct{}

func (*fleetSchemaCommand) Help() string {
	return `Writes the SQL that makes the tables, views and roles of a fleet in PostgreSQL 15 or
later, for its owner:

  createdb emaudit
  emaudit fleet-schema | psql -v ON_ERROR_STOP=1 emaudit

A role that is granted emaudit_host sees and writes the rows of its own hosts; one that
is granted emaudit_reader sees all and writes none. A database that has the tables
already is left as it is.
` + exitStatus
}

func (*fleetSchemaCommand) Run(s *session) error {
	_, err := strings.NewReader(store.FleetSchema()).WriteTo(s.proc.stdout)
	return err
}
