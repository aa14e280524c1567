package main

import (
	"context"

	"emaudit/audit"
	"emaudit/report"
)

// currentCommand tells what is being merged now.
type currentCommand struct{}

// Help is the long help of the command.
func (*currentCommand) Help() string {
	return `From Portage's live status where FEATURES has observability, else from the log
and from the processes of the running system; with the last line of each build.

` + exitStatus
}

// Run answers.
func (*currentCommand) Run(ctx context.Context, s *session) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	var source audit.LogSource
	err := s.ask(ctx, func(db audit.Database) error {
		var err error
		if source, err = audit.AuditLogSource(db); err != nil {
			return err
		}
		runs, err := audit.AuditCurrent(db, s.readLive())
		if err != nil {
			return err
		}
		s.lastLines(runs)
		out := s.out()
		return out.Write(report.Current(runs, source, out))
	})
	if err != nil {
		return err
	}
	return s.verdict(source.Findings, "never")
}
