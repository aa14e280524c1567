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
	return `Shows everything that is known about one package: the installed version and its
binary package; every merge with its time, result, disk space and memory;
failures with their cause; messages; QA notices; and the installed packages that
need it.
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
