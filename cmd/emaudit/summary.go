package main

import (
	"context"
	"slices"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/ingest/live"
	"emaudit/report"
)

// summaryCommand is the command that runs by default.
type summaryCommand struct{}

// Help returns the long help of the command.
func (*summaryCommand) Help() string {
	return `Answers each question in one line, lists what to do first, and names the command
that says more.
` + exitStatus
}

// Run executes the command.
func (*summaryCommand) Run(ctx context.Context, s *session) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	out := s.out()
	var screen *overview.Overview
	var answers []report.Check
	var unread []audit.Finding
	err := s.ask(ctx, func(db audit.Database) (err error) {
		db = audit.Share(db)
		if screen, err = overview.AuditOverview(db); err != nil {
			return err
		}
		if unread, err = audit.AuditUnread(db); err != nil {
			return err
		}
		if answers, err = s.askChecks(db, briefChecks(), out); err != nil || s.elsewhere != "" {
			return err
		}
		s.look(screen)
		plan, err := s.configuredPlan(ctx, db, true)
		if err == nil {
			screen.Reclaimable = plan.Totals()
		}
		return err
	})
	if err != nil {
		return err
	}
	answer := report.Overview(screen, unread, answers, out)
	if err := out.Write(answer); err != nil {
		return err
	}
	return s.verdict(answer.Findings, "never")
}

// look adds what the database does not hold: the name of the system and the free space.
// It does not measure another root, because the disk of a copy says nothing about the
// machine.
func (s *session) look(o *overview.Overview) {
	system := live.ReadSystem(s.root)
	o.System, o.OtherSystem = system.Name, system.Name != "" && !system.Gentoo
	if !s.root.IsSystem() {
		return
	}
	for i := range o.PkgDirs {
		if space, err := s.root.FreeSpace(o.PkgDirs[i].Path); err == nil {
			o.PkgDirs[i].Free = &space.Available
		}
	}
}

// briefChecks are the checks of the summary: all but compatibility, which matters to
// people only through the rollback.
func briefChecks() []check {
	return slices.DeleteFunc(slices.Clone(checks), func(c check) bool { return c.name == "compatibility" })
}
