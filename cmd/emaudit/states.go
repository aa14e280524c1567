package main

import (
	"context"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/states"
)

// statesCommand lists the states of the host.
type statesCommand struct {
	Runs bool `help:"List the state before each run, including those within an update."`
}

func (*statesCommand) Help() string {
	return `Lists the state before every update that changed what is installed, and says
which of them are known. States since the first ingest were recorded. Older ones
are replayed backward through emerge.log from what is installed. If the log and
the installed packages disagree, a state is unknown, and a finding says where.

An update is one command and the runs that finish it: a run that overlaps with
it; --resume, --depclean and @preserved-rebuild within a day; and a run that
tries again what failed. An update that left the same builds installed is not
listed.
` + exitStatus
}

func (c *statesCommand) Run(ctx context.Context, s *session) error {
	return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		ask := state.AuditStates
		if c.Runs {
			ask = state.AuditStatesOfRuns
		}
		known, err := ask(db)
		if err != nil {
			return report.Answer{}, err
		}
		return states.States(known, c.Runs, out), nil
	})
}

// momentHelp is the end of the help of commands with a state.
const momentHelp = `STATE is one of
  now               what is installed
  previous          before the last update that changed what is installed
  #12, run:12       before that run; run:-1 is before the newest
  2026-05-10 14:30  at that time (also: yesterday, 2w3d, unix seconds)
  NAME              a pin (emaudit pin NAME)
`

// moment parses the name of a state.
func (s *session) moment(text string) (state.Moment, error) {
	m, err := state.ParseMoment(text, s.proc.now(), s.zone())
	if err != nil {
		return m, usagef("%v", err)
	}
	return m, nil
}
