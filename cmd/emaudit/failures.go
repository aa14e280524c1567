package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/report/merges"
)

// failuresCommand lists failed merges.
type failuresCommand struct {
	Packages []string `arg:"" optional:"" name:"package" help:"Only these packages."`
	periodFlags
	searchFlags
	Last int `short:"n" placeholder:"N" help:"Only the newest N."`
}

// Help returns the long help of the command.
func (*failuresCommand) Help() string {
	return `Lists every merge that failed, newest first: the phase, the first real cause
in the build log with the lines to quote in a bug report, the path of the log,
and whether the package was merged since. emaudit keeps the cause after Portage
has deleted the log.

` + searchHelp + exitStatus
}

// Run executes the command.
func (c *failuresCommand) Run(ctx context.Context, s *session) error {
	period, err := c.period(s)
	if err != nil {
		return err
	}
	search, err := c.search(c.Packages)
	if err != nil {
		return err
	}
	if c.Last < 0 {
		return usagef("--last counts from 1")
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var failures *aftermath.Failures
	about := merges.Asked{Packages: search.String(), Period: period}
	err = s.ask(ctx, func(db audit.Database) error {
		if err := s.known(db, search); err != nil {
			return err
		}
		wanted, err := search.Matcher(db)
		if err != nil {
			return err
		}
		span, err := period.Span(db)
		if err != nil {
			return err
		}
		if failures, err = aftermath.AuditFailures(db, span.Since); err != nil {
			return err
		}
		failures.Only(wanted, span, c.Last)
		if len(failures.Rows) > 0 || !period.Bounded() {
			return nil
		}
		all, err := aftermath.AuditFailures(db, 0)
		if err != nil {
			return err
		}
		if all.Only(wanted, audit.Period{}, 1); len(all.Rows) > 0 {
			about.Newest = func() *merges.Newest { return &merges.Newest{Name: all.Rows[0].CPV, At: all.Rows[0].At} }
		}
		return nil
	})
	if err != nil {
		return err
	}
	out := s.out()
	if err := out.Write(merges.Failures(failures, about, out)); err != nil {
		return err
	}
	return s.verdict(append(failures.Findings, failures.Source.Findings...), "never")
}
