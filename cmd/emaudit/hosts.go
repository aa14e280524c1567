package main

import (
	"context"
	"errors"
	"fmt"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/report/states"
	"emaudit/store"
	"emaudit/store/fleet"
	"emaudit/store/merge"
	"emaudit/store/postgres"
)

// hostsCommand lists the hosts of the database.
type hostsCommand struct {
	Names []string `arg:"" optional:"" name:"host" help:"With --rename: the old and the new name. With --forget: the hosts to remove. With --merge-into: the hosts that are the same machine."`

	Rename bool `typed:"" xor:"what" help:"Give a host another name. Its history stays."`
	Stale  days `in:"fleet.stale" placeholder:"DAYS" default:"14" help:"Days without news after which a host is stale (14)."`
	Forget bool `typed:"" xor:"what" help:"Remove hosts and their history from the database. This cannot be undone."`

	MergeInto string `typed:"" xor:"what" placeholder:"HOST" help:"Give that host the history of other hosts, which are the same machine, and remove them. This cannot be undone."`
}

func (*hostsCommand) Help() string {
	return `A host is one Gentoo root: the running system, a chroot, a mounted disk, or one
that was imported with "emaudit merge". Choose one with --host NAME, and say
where its root is with --root DIR. --host all, or a glob such as --host 'web*',
asks several: every command that reads has it. JSON is then one document, and CSV
one table.

A machine whose database was begun anew is another host. Where an older database
turns up again, the host gets its history: what was installed before its first
ingest, pins, drills, and which messages were read.

  emaudit merge --as before old.db
  emaudit hosts --merge-into router before

The role that pushed a host to a fleet can remove it from there, and so can the owner
of the database:

  emaudit --db postgres://fleet.example.org/emaudit?user=OWNER hosts --forget router
` + exitStatus
}

func (c *hostsCommand) Run(ctx context.Context, s *session) error {
	switch {
	case c.Rename && len(c.Names) != 2:
		return usagef("hosts --rename: name the host and its new name")
	case c.Forget && len(c.Names) == 0:
		return usagef("hosts --forget: which hosts?")
	case c.MergeInto != "" && len(c.Names) == 0:
		return usagef("hosts --merge-into %s: which hosts are the same machine?", c.MergeInto)
	case !c.Rename && !c.Forget && c.MergeInto == "" && len(c.Names) > 0:
		return usagef("hosts: names are for --rename, --forget and --merge-into")
	case c.Rename || c.Forget || c.MergeInto != "":
		if err := c.change(ctx, s); err != nil {
			return err
		}
	}
	rows, err := s.hostRows(ctx, c.Stale.seconds())
	if err != nil {
		return err
	}
	out := s.out()
	return out.Write(states.Hosts(rows))
}

// hostRows prints a line for each host that --host names, or for all.
func (s *session) hostRows(ctx context.Context, stale int64) (rows []states.HostRow, err error) {
	chosen := *s.globals
	if !chosen.severalHosts() {
		chosen.Host = allHosts
	}
	list := &session{globals: &chosen, proc: s.proc, messages: s.messages, command: s.command, flags: s.flags}
	hosts, err := list.chosenHosts(ctx)
	if err != nil {
		return nil, err
	}
	if list.db, err = list.openDatabase(ctx, store.Options{ReadOnly: true}); err != nil {
		return nil, err
	}
	err = list.ask(ctx, func(db audit.Database) error {
		all, err := overview.AuditHosts(db, hosts, stale)
		rows = states.HostRows(all)
		for i := range rows {
			// A host of a fleet pushed its own database.
			rows[i].Merged = rows[i].Merged && !store.IsFleet(s.DB)
		}
		return err
	})
	return rows, errors.Join(err, list.close())
}

// change renames or removes hosts.
func (c *hostsCommand) change(ctx context.Context, s *session) error {
	if store.IsFleet(s.DB) && c.Forget {
		to, err := postgres.ParseAddress(s.DB)
		if err != nil {
			return usagef("hosts: %v", err)
		}
		err = fleet.Forget(ctx, to, c.Names)
		if errors.Is(err, fleet.ErrNoHost) {
			return usagef("hosts --forget: %w", err)
		}
		return err
	}
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
		if c.MergeInto != "" {
			return c.mergeInto(tx)
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
				err = merge.Forget(tx, host.ID)
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

// mergeInto gives a host the history of others.
func (c *hostsCommand) mergeInto(tx *store.Tx) error {
	find := func(name string) (store.Host, error) {
		host, ok, err := tx.FindHost(name)
		if err == nil && !ok {
			err = usagef("%q: no such host", name)
		}
		return host, err
	}
	into, err := find(c.MergeInto)
	if err != nil {
		return err
	}
	for _, name := range c.Names {
		from, err := find(name)
		if err != nil {
			return err
		}
		if from.ID == into.ID {
			return usagef("hosts --merge-into: %s is one host", name)
		}
		err = merge.Hosts(tx, from, into)
		switch {
		case errors.Is(err, merge.ErrLaterHost):
			return errHinted{fmt.Errorf("hosts --merge-into: %w", err), "the host that goes on stays: emaudit hosts --merge-into " + from.Name + " " + into.Name}
		case errors.Is(err, merge.ErrOlderRuns):
			return errHinted{fmt.Errorf("hosts --merge-into: %w", err), "read the old log for the host first: emaudit ingest --log FILE"}
		case err != nil:
			return err
		}
	}
	return nil
}

// hostSummaries reads only the list of hosts.
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
