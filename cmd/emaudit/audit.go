package main

import (
	"context"
	"slices"

	"emaudit/audit"
	"emaudit/report"
)

// auditCommand checks, and lets the findings decide the exit code.
type auditCommand struct {
	Checks []string `arg:"" optional:"" name:"check" help:"coverage (all checks where none is named)."`
}

// Help is the long help of the command.
func (*auditCommand) Help() string {
	return `The checks:
  coverage  does every installed package have a binary package: the very file
            (exact), another file of the same build (same-build), another build
            of the same version (same-version), or none

Findings of severity warning and error give exit code 3; see --fail-on.
` + exitStatus
}

// checks are the checks by name, in the order in which they are done.
var checks = []string{"coverage"}

// Run answers.
func (c *auditCommand) Run(ctx context.Context, s *session) error {
	for _, name := range c.Checks {
		if !slices.Contains(checks, name) {
			return usagef("audit: no check %q; there is: coverage", name)
		}
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var coverage *audit.Coverage
	err := s.ask(ctx, func(db audit.Database) (err error) {
		coverage, err = audit.AuditCoverage(db)
		return err
	})
	if err != nil {
		return err
	}
	out := s.out()
	if err := out.Write(report.Coverage(coverage, out)); err != nil {
		return err
	}
	return s.verdict(coverage.Findings, "warning")
}
