package main

import (
	"context"
	"errors"

	"emaudit/report"
	"emaudit/store"
)

// mergeCommand brings another machine's database in.
type mergeCommand struct {
	Database string `arg:"" name:"other.db" type:"existingfile" help:"Database of the other machine, or a copy of it."`
	As       string `typed:"" placeholder:"NAME" help:"Name for its host in this database; only if it has a single host."`
}

// Help is the long help of the command.
func (*mergeCommand) Help() string {
	return `Copies everything that another database knows about its hosts into this one.
Importing the same database again changes nothing. A newer copy replaces the
facts of the older one. The other file is only read. Ask about an imported host
with --host NAME or --host all; nothing is ingested for it on this machine.

  scp build:/var/lib/emaudit/emaudit.db /tmp/build.db
  emaudit merge /tmp/build.db
` + exitStatus
}

// Run merges.
func (c *mergeCommand) Run(ctx context.Context, s *session) (err error) {
	if c.As != "" {
		if err := store.CheckHostName(c.As); err != nil {
			return usagef("merge --as: %v", err)
		}
	}
	if s.db, err = s.openDatabase(ctx, store.Options{}); err != nil {
		return err
	}
	other, err := store.OpenForeign(ctx, c.Database, s.DB+".merge")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.Close()) }()
	var rename func(string) string
	if c.As != "" {
		hosts := 0
		err := other.View(ctx, func(tx *store.Tx) error {
			all, err := tx.Hosts()
			hosts = len(all)
			return err
		})
		if err != nil {
			return err
		}
		if hosts != 1 {
			return usagef("merge --as: %s has %d hosts, and only one can get the name", c.Database, hosts)
		}
		rename = func(string) string { return c.As }
	}
	merged, err := s.db.Merge(ctx, other, rename)
	if err != nil {
		return err
	}
	rows := []report.MergedRow{}
	for _, h := range merged {
		rows = append(rows, report.MergedRow{Host: h.Name, Rows: h.Rows, Changed: h.Changed})
	}
	out := s.out()
	return out.Write(report.Merged(rows))
}
