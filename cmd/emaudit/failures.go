package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/report/merges"
)

// failuresCommand lists what failed.
type failuresCommand struct {
	Since string `placeholder:"TIME" help:"Only failures since then: 2026-10-01, '3 days ago', 2w, run:-1."`
}

// Help is the long help of the command.
func (*failuresCommand) Help() string {
	return `Lists every merge that failed, newest first: the phase, the first real cause
in the build log with the lines to quote in a bug report, the path of the log,
and whether the package was merged since. emaudit keeps the cause after Portage
has deleted the log.
` + exitStatus
}

// Run answers.
func (c *failuresCommand) Run(ctx context.Context, s *session) error {
	period, err := s.since(c.Since)
	if err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var failures *aftermath.Failures
	err = s.ask(ctx, func(db audit.Database) error {
		since, err := period.Begin(db)
		if err != nil {
			return err
		}
		failures, err = aftermath.AuditFailures(db, since)
		return err
	})
	if err != nil {
		return err
	}
	out := s.out()
	if err := out.Write(merges.Failures(failures, out)); err != nil {
		return err
	}
	return s.verdict(append(failures.Findings, failures.Source.Findings...), "never")
}

// since reads the value of --since.
func (s *session) since(text string) (audit.Period, error) {
	period, err := audit.ParsePeriod(text, "", s.proc.now(), s.zone())
	if err != nil {
		return period, usagef("--since: %w", err)
	}
	return period, nil
}
