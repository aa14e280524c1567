package main

import (
	"bytes"
	"context"
	"time"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/ingest"
	"emaudit/ingest/live"
	"emaudit/ingest/sources"
	"emaudit/report"
	"emaudit/report/merges"
)

// currentCommand prints what emerge is merging now.
type currentCommand struct {
	Follow   bool          `short:"f" help:"Update the screen until no emerge is running."`
	Interval time.Duration `placeholder:"TIME" default:"2s" help:"With --follow: time between two updates (${default})."`
}

func (*currentCommand) Help() string {
	return `Reads Portage's live status if FEATURES has observability. Otherwise it reads
emerge.log and the running processes. Each build is shown with the last line of
its log.

With --follow the screen is updated until no emerge is running, and the exit
code is then 0. If the output is no terminal, each update follows the last one;
with --format json each is a document of its own.

    emaudit current --follow && notify-send 'emerge is done'

` + exitStatus
}

func (c *currentCommand) Run(ctx context.Context, s *session) error {
	switch {
	case c.Interval <= 0:
		return usagef("current: --interval is a time such as 2s")
	case c.Follow && s.NoIngest:
		return usagef("current: --follow reads the log, which --no-ingest forbids")
	case c.Follow && s.Format == report.FormatCSV:
		return usagef("current: --follow prints a table or json")
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	if !c.Follow {
		findings, _, err := c.answer(ctx, s, s.out())
		if err != nil {
			return err
		}
		return s.verdict(findings, "never")
	}
	if s.elsewhere != "" {
		return usagef("current: host %s is of another machine: there is nothing to follow", s.hostName)
	}
	return c.follow(ctx, s)
}

// answer prints one answer. It reports whether an emerge is running.
func (*currentCommand) answer(ctx context.Context, s *session, out report.Output) (findings []audit.Finding, working bool, err error) {
	err = s.ask(ctx, func(db audit.Database) error {
		source, err := audit.AuditLogSource(db)
		if err != nil {
			return err
		}
		now := history.Live(live.ReadLive(s.root, s.settings))
		runs, err := history.AuditCurrent(db, now)
		if err != nil {
			return err
		}
		lastLine, closeLogs := live.LastLines(s.root, s.settings)
		defer closeLogs()
		for i := range runs {
			for j := range runs[i].Merges {
				runs[i].Merges[j].LastLine = lastLine(runs[i].Merges[j].CPV)
			}
		}
		findings, working = source.Findings, len(runs) > 0
		var left *history.Prediction
		if list, unlisted, from, ok := history.PlanOfCurrent(runs, now); ok {
			if left, err = history.AuditPredict(db, from, list, 1); err != nil {
				return err
			}
			left.Unlisted = unlisted
		}
		return out.Write(merges.Current(runs, left, now.Emerge != nil, source, out))
	})
	return findings, working, err
}

// follow prints answers until no emerge is running.
func (c *currentCommand) follow(ctx context.Context, s *session) error {
	canvas := newCanvas(s.proc)
	tick := time.NewTicker(c.Interval)
	defer tick.Stop()
	for {
		out := s.out()
		var drawn bytes.Buffer
		out.W = &drawn
		findings, working, err := c.answer(ctx, s, out)
		if err == nil {
			err = canvas.draw(drawn.Bytes())
		}
		if err == nil && !working {
			return s.verdict(findings, "never")
		}
		if err == nil {
			select {
			case <-ctx.Done():
			case <-tick.C:
				err = s.ingestLog(ctx)
			}
		}
		if ctx.Err() != nil {
			return errStopped{}
		}
		if err != nil {
			return err
		}
	}
}

// errStopped means that the user interrupted a command that runs until then.
type errStopped struct{}

func (errStopped) Error() string { return "interrupted" }
func (errStopped) exitCode() int { return exitInterrupted }

// ingestLog reads only emerge.log, which shows what is running.
func (s *session) ingestLog(ctx context.Context) (err error) {
	s.ingested, err = sources.IngestEmergeLog(ctx, s.db, ingest.Host{ID: s.host, Root: s.root, Settings: s.settings},
		ingest.Options{Now: s.proc.now().Unix(), Jobs: s.Jobs})
	s.sayFailed()
	return err
}
