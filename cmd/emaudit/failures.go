package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/report"
	"emaudit/report/merges"
)

// failuresCommand lists failed merges.
type failuresCommand struct {
	Packages []string `arg:"" optional:"" name:"package" help:"Only these packages."`
	periodFlags
	searchFlags
	Last int `short:"n" placeholder:"N" help:"Only the newest N."`
}

func (*failuresCommand) Help() string {
	return `Lists every merge that failed, newest first: the phase, the first real cause
in the build log with the lines to quote in a bug report, the path of the log,
and whether the package was merged since. emaudit keeps the cause after Portage
has deleted the log.

` + searchHelp + exitStatus
}

func (c *failuresCommand) Run(ctx context.Context, s *session) error {
	period, search, err := s.about(&c.periodFlags, &c.searchFlags, c.Packages)
	if err != nil {
		return err
	}
	if c.Last < 0 {
		return usagef("--last counts from 1")
	}
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		if err := s.known(db, search); err != nil {
			return report.Answer{}, err
		}
		wanted, err := search.Matcher(db)
		if err != nil {
			return report.Answer{}, err
		}
		span, err := period.Span(db)
		if err != nil {
			return report.Answer{}, err
		}
		failures, err := aftermath.AuditFailures(db, span.Since)
		if err != nil {
			return report.Answer{}, err
		}
		failures.Only(wanted, span, c.Last)
		about := asked(db, search, period, func(db audit.Database) (*merges.Newest, error) {
			all, err := aftermath.AuditFailures(db, 0)
			if err != nil {
				return nil, err
			}
			if all.Only(wanted, audit.Period{}, 1); len(all.Rows) == 0 {
				return nil, nil
			}
			return &merges.Newest{Name: all.Rows[0].CPV, At: all.Rows[0].At}, nil
		})
		return merges.Failures(failures, about, out), nil
	})
}
