package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/report"
	"emaudit/store"
)

// doctorCommand judges the settings.
type doctorCommand struct{}

func (*doctorCommand) Help() string {
	return `Checks that every merge leaves a binary package and overwrites none, that the
index lists the files that are there, that messages and logs are kept, and that
there is enough free space. Shows each setting and the file that sets it.
` + exitStatus
}

func (*doctorCommand) Run(ctx context.Context, s *session) error {
	return s.answer(ctx, "warning", func(db audit.Database, out report.Output) (report.Answer, error) {
		doctor, err := overview.AuditDoctor(db, s.rollbackOptions().Space)
		if err != nil {
			return report.Answer{}, err
		}
		if !store.IsFleet(s.DB) { // the flags are those of a command on another machine
			doctor.Settings = append(doctor.Settings, s.flags...)
		}
		return report.Doctor(doctor, out), nil
	})
}
