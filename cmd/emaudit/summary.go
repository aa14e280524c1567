package main

import (
	"context"
	"slices"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/report"
)

// summaryCommand is the command that runs by default.
type summaryCommand struct{}

func (*summaryCommand) Help() string {
	return `Answers each question in one line, lists what to do first, and names the command
that says more.
` + exitStatus
}

func (*summaryCommand) Run(ctx context.Context, s *session) error {
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		db = audit.Share(db)
		screen, err := overview.AuditOverview(db)
		if err != nil {
			return report.Answer{}, err
		}
		unread, err := audit.AuditUnread(db)
		if err != nil {
			return report.Answer{}, err
		}
		answers, err := s.askChecks(db, briefChecks(), out)
		if err != nil {
			return report.Answer{}, err
		}
		s.look(screen)
		if s.elsewhere == "" {
			plan, err := s.configuredPlan(ctx, db, true)
			if err != nil {
				return report.Answer{}, err
			}
			screen.Reclaimable = plan.Totals()
		}
		return report.Overview(screen, unread, answers, out), nil
	})
}

// briefChecks are the checks of the summary: all but compatibility, which matters to
// people only through the rollback.
func briefChecks() []check {
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return c.name == "compatibility" })
}
