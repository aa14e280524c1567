package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/report"
)

// doctorCommand judges the settings.
type doctorCommand struct{}

// Help returns the long help of the command.
func (*doctorCommand) Help() string {
	return `Checks that every merge leaves a binary package and overwrites none, that the
index lists the files that are there, that messages and logs are kept, and that
there is enough free space. Shows each setting and the file that sets it.
` + exitStatus
}

// Run executes the command.
func (*doctorCommand) Run(ctx context.Context, s *session) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	space := s.rollbackOptions().Space
	var doctor *overview.Doctor
	err := s.ask(ctx, func(db audit.Database) (err error) {
		doctor, err = overview.AuditDoctor(db, space)
		return err
	})
	if err != nil {
		return err
	}
	doctor.Settings = append(doctor.Settings, s.flags...)
	out := s.out()
	if err := out.Write(report.Doctor(doctor, out)); err != nil {
		return err
	}
	return s.verdict(doctor.Findings, "warning")
}
