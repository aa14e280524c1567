package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/parse/needs"
	"emaudit/report/states"
)

// needsCommand lists the builds that a host must still be able to get.
type needsCommand struct {
	KeepStates int    `placeholder:"N" default:"3" help:"List what the states before the last N updates need (3)."`
	KeepDays   int    `placeholder:"M" default:"30" help:"List what the states of the last M days need (30)."`
	Valid      days   `placeholder:"DAYS" default:"14" help:"Days after the last ingest for which the list is valid (14)."`
	Output     string `short:"o" placeholder:"FILE" type:"path" help:"Write to FILE instead of standard output, completely or not at all. In a folder, the file gets the name of the host."`
}

func (*needsCommand) Help() string {
	return `Lists the builds that this host must still be able to get: those that are
installed, those of the states that it would go back to, and those of pins. They
are what "emaudit prune" keeps here.

A binhost keeps them, too, if it gets the list as JSON: "emaudit prune --needs DIR"
reads all files below DIR. Each file has the name of its host: router.json.

  emaudit needs --format json --output /srv/needs
` + exitStatus
}

func (c *needsCommand) Run(ctx context.Context, s *session) error {
	if c.KeepStates < 0 || c.KeepDays < 0 {
		return usagef("needs: --keep-states and --keep-days count from 0")
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var list *needs.List
	err := s.ask(ctx, func(db audit.Database) (err error) {
		list, err = cleanup.ListNeeds(db, cleanup.PrunePolicy{KeepStates: c.KeepStates, KeepDays: c.KeepDays}, s.systemPackages(), c.Valid.seconds())
		return err
	})
	if err != nil {
		return err
	}
	output := c.Output
	if info, err := os.Stat(output); err == nil && info.IsDir() {
		output = filepath.Join(output, cleanup.NeedsFile(s.hostName))
	}
	err = s.writeTo(output, func(w io.Writer) error {
		out := s.out()
		out.W = w
		return out.Write(states.Needs(list, out))
	})
	if err != nil {
		return err
	}
	return s.verdict(nil, "never")
}
