package main

import (
	"context"

	"emaudit/audit"
	"emaudit/report"
)

// summaryCommand is what runs when nothing else is asked.
type summaryCommand struct{}

// Help is the long help of the command.
func (*summaryCommand) Help() string {
	return `One line for each question, the worst things to do, and the command that says
more about each.
` + exitStatus
}

// Run answers.
func (*summaryCommand) Run(ctx context.Context, s *session) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	var summary *audit.Summary
	err := s.ask(ctx, func(db audit.Database) (err error) {
		summary, err = audit.AuditSummary(db)
		return err
	})
	if err != nil {
		return err
	}
	out := s.out()
	if err := out.Write(report.Overview(summary, out)); err != nil {
		return err
	}
	return s.verdict(summary.Findings, "never")
}
