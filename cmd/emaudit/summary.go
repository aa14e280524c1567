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
		if s.elsewhere == "" {
			s.look(screen)
			plan, err := s.configuredPlan(ctx, db, true)
			if err != nil {
				return report.Answer{}, err
			}
			screen.Reclaimable = plan.Totals()
		}
		return report.Overview(screen, unread, answers, out), nil
	})
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
