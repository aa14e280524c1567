package main

import (
	"cmp"
	"context"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/states"
)

// diffCommand compares two states.
type diffCommand struct {
	A    string `arg:"" name:"a" help:"The earlier state, or a range A..B."`
	B    string `arg:"" optional:"" name:"b" help:"The later state (now)."`
	Stat bool   `help:"Show counts, builds and sizes."`
}

func (*diffCommand) Help() string {
	return `Shows what happened between state A and state B: upgrades, downgrades, installs,
removals, and rebuilds with their changes in USE and dependencies; and what
changed in /etc/portage and the profile.

A range A..B is from the beginning of A to the end of B, each a run or a time:
run:9..run:12 is what these runs did, 2026-05..2026-06 what happened in those
months. Without B it goes on until now. As two arguments, run:9 run:12 are the
states before these runs: what run 12 did is not shown.

` + momentHelp + exitStatus
}

func (c *diffCommand) Run(ctx context.Context, s *session) error {
	a, b, isRange, err := state.ParseRange(c.A, s.proc.now(), s.zone())
	if err != nil {
		return usagef("%w", err)
	}
	if isRange && c.B != "" {
		return usagef("diff: %s names both ends: leave %s out", c.A, c.B)
	}
	if !isRange {
		if a, err = s.moment(c.A); err != nil {
			return err
		}
		if b, err = s.moment(cmp.Or(c.B, "now")); err != nil {
			return err
		}
	}
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		diff, err := state.AuditDiff(db, a, b)
		if err != nil {
			return report.Answer{}, err
		}
		return states.Diff(diff, c.Stat, out), nil
	})
}
