package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/report"
)

// diffCommand compares two states.
type diffCommand struct {
	A string `arg:"" name:"a" help:"The earlier state."`
	B string `arg:"" optional:"" name:"b" default:"now" help:"The later state (now)."`
}

// Help is the long help of the command.
func (*diffCommand) Help() string {
	return `Shows what leads from state A to state B: upgrades, downgrades, installs,
removals, and rebuilds with their changes in USE and dependencies.

` + momentHelp + exitStatus
}

// Run answers.
func (c *diffCommand) Run(ctx context.Context, s *session) error {
	a, err := s.moment(c.A)
	if err != nil {
		return err
	}
	b, err := s.moment(c.B)
	if err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var diff *state.Diff
	err = s.ask(ctx, func(db audit.Database) (err error) {
		diff, err = state.AuditDiff(db, a, b)
		return err
	})
	if err != nil {
		return err
	}
	out := s.out()
	if err := out.Write(report.Diff(diff, out)); err != nil {
		return err
	}
	return s.verdict(diff.Findings, "never")
}
