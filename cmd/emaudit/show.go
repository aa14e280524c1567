package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/report"
)

// showCommand tells everything known of a package.
type showCommand struct {
	Atom string `arg:"" help:"Package: name, category/name, or an atom."`
}

// Help is the long help of the command.
func (*showCommand) Help() string {
	return `Everything known of one package: what is installed and which binary package
matches it, every merge with its duration, outcome and what it took of disk and
memory, failures with their cause, messages, QA notices, and which installed
packages need it.
` + exitStatus
}

// Run answers.
func (c *showCommand) Run(ctx context.Context, s *session) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	var pkg *overview.Package
	err := s.ask(ctx, func(db audit.Database) error {
		cp, err := overview.FindPackage(db, c.Atom)
		if err != nil {
			return err
		}
		pkg, err = overview.ShowPackage(db, cp)
		return err
	})
	if err != nil {
		return err
	}
	out := s.out()
	if err := out.Write(report.Package(pkg, out)); err != nil {
		return err
	}
	return s.verdict(nil, "never")
}
