package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/store"
)

// hostsCommand lists the hosts of the database.
type hostsCommand struct {
	Names []string `arg:"" optional:"" name:"host" help:"With --rename: the old and the new name. With --forget: the hosts to remove."`

	Rename bool `typed:"" xor:"what" help:"Give a host another name. Its history stays."`
	Forget bool `typed:"" xor:"what" help:"Remove hosts and their history from the database. This cannot be undone."`
}

// Help is the long help of the command.
func (*hostsCommand) Help() string {
	return `A host is one Gentoo root: the running system, a chroot, a mounted disk, or one
that was imported with "emaudit merge". Choose one with --host NAME, and say
where its root is with --root DIR. --host all asks every host (audit, rollback,
report, metrics).
` + exitStatus
}

// Run answers.
func (c *hostsCommand) Run(ctx context.Context, s *session) error {
	switch {
	case c.Rename && len(c.Names) != 2:
		return usagef("hosts --rename: name the host and its new name")
	case c.Forget && len(c.Names) == 0:
		return usagef("hosts --forget: which hosts?")
	case !c.Rename && !c.Forget && len(c.Names) > 0:
		return usagef("hosts: names are for --rename and --forget")
	case c.Rename || c.Forget:
		if err := c.change(ctx, s); err != nil {
			return err
		}
	}
	hosts, err := s.hostSummaries(ctx)
	if err != nil {
		return err
	}
	rows := []report.HostRow{}
	for _, h := range hosts {
		row := report.HostRow{Name: h.Name, Root: h.Root, CreatedAt: h.CreatedAt, KnownUntil: h.KnownUntil, Installed: h.Installed, Binpkgs: h.Binpkgs, Runs: h.Runs}
		if h.Elsewhere() {
			row.Root, row.Merged = h.RootElsewhere(), true
		}
		rows = append(rows, row)
	}
	return s.out().Write(report.Hosts(rows))
}

// change renames or removes hosts.
func (c *hostsCommand) change(ctx context.Context, s *session) error {
	db, err := s.openDatabase(ctx, store.Options{})
	if err != nil {
		return err
	}
	err = db.Update(ctx, func(tx *store.Tx) error {
		if c.Rename {
			host, ok, err := tx.FindHost(c.Names[0])
			if err != nil {
				return err
			}
			if !ok {
				return usagef("%q: no such host", c.Names[0])
			}
			if err := tx.RenameHost(host.ID, c.Names[1]); errors.Is(err, store.ErrHostName) || errors.Is(err, store.ErrOtherHost) {
				return usagef("hosts --rename: %w", err)
			} else if err != nil {
				return err
			}
			return nil
		}
		for _, name := range c.Names {
			client, err := tx.RemoveClient(name)
			if err != nil {
				return err
			}
			host, known, err := tx.FindHost(name)
			switch {
			case err != nil:
				return err
			case known:
				err = tx.ForgetHost(host.ID)
			case !client:
				err = usagef("%q: no such host", name)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, db.Close())
}

// hostSummaries reads the list of hosts, and nothing else.
func (s *session) hostSummaries(ctx context.Context) (hosts []store.HostSummary, err error) {
	if s.db, err = s.openDatabase(ctx, store.Options{ReadOnly: true}); err != nil {
		return nil, err
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		hosts, err = tx.HostSummaries()
		return err
	})
	return hosts, err
}

// allHosts is the name that stands for every host of the database.
const allHosts = "all"

// commandsOfAllHosts can be asked of all hosts at once. Report and metrics put
// the answers together themselves.
var commandsOfAllHosts = []string{"audit", "rollback", "report", "metrics"}

// runCommand runs the command that was asked for: once, or with --host all for
// each host in turn.
func runCommand(kctx *kong.Context, ctx context.Context, s *session) error {
	switch {
	case s.Host != allHosts || s.command == "report" || s.command == "metrics" || s.command == "complete":
		return kctx.Run(s)
	case !slices.Contains(commandsOfAllHosts, s.command):
		return usagef("%s: no --host all; these have it: %s", s.command, strings.Join(commandsOfAllHosts, ", "))
	case s.Format == "csv":
		return usagef("%s --host all: no --format csv: each host would begin a table of its own", s.command)
	}
	first := true
	return s.eachHost(ctx, func(sub *session) error {
		if s.Format == "table" {
			if !first {
				fmt.Fprintln(s.proc.stdout)
			}
			fmt.Fprintln(s.proc.stdout, "== "+screen.Clean(sub.Host)+" ==")
		}
		first = false
		return kctx.Run(sub)
	})
}

// eachHost calls ask with a session for every host of the database, or with
// this one where --host does not say "all". One host that cannot be asked does
// not keep the others from being asked; the worst of the errors is returned.
func (s *session) eachHost(ctx context.Context, ask func(*session) error) error {
	if s.Host != allHosts {
		return ask(s)
	}
	list := &session{globals: s.globals, proc: s.proc, messages: s.messages, command: s.command}
	hosts, err := list.hostSummaries(ctx)
	if err := errors.Join(err, list.close()); err != nil {
		return err
	}
	var worst error
	for _, h := range hosts {
		globals := *s.globals
		globals.Host = h.Name
		if !h.Elsewhere() {
			globals.Root = h.Root
			if info, err := os.Stat(h.Root); err != nil || !info.IsDir() {
				s.messages.Warning(fmt.Sprintf("host %s: its root %s is not there; answering from what is stored", screen.Clean(h.Name), screen.Clean(h.Root)))
				globals.Root, globals.NoIngest = "/", true
			}
		}
		sub := &session{globals: &globals, proc: s.proc, messages: s.messages, command: s.command, flags: s.flags, configured: s.configured}
		err := ask(sub)
		if closeErr := sub.close(); err == nil {
			err = closeErr
		}
		worst = worseOf(ctx, worst, err)
		if ctx.Err() != nil {
			return worst
		}
		if _, silent := exitCodeOf(ctx, err); !silent {
			s.messages.Error(fmt.Errorf("host %s: %w", screen.Clean(h.Name), err))
			worst = worseOf(ctx, worst, errFailedHost{})
		}
	}
	return worst
}

// errFailedHost ends a command that could not ask one of several hosts; what
// kept it was printed.
type errFailedHost struct{}

func (errFailedHost) Error() string { return "a host could not be asked" }
func (errFailedHost) exitCode() int { return exitError }

// worseOf returns the error whose exit code says more: an error, then findings,
// then damage.
func worseOf(ctx context.Context, a, b error) error {
	rank := func(err error) int {
		code, _ := exitCodeOf(ctx, err)
		return slices.Index([]int{exitClean, exitDamaged, exitFindings, exitUsage, exitError, exitInterrupted}, code)
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}
