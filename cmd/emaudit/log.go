package main

import (
	"context"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/merges"
)

// logCommand prints the history.
type logCommand struct {
	Packages []string `arg:"" optional:"" name:"package" help:"Only these packages."`
	periodFlags
	newestFlags
	searchFlags
	Only    []string `short:"o" placeholder:"KIND" help:"Only merge, unmerge or sync events; may be repeated or separated by commas."`
	Outcome []string `placeholder:"WORD" help:"Only events with this outcome: merged, failed, interrupted, built, fetched, running, ok, unknown."`
}

func (*logCommand) Help() string {
	return `Lists every merge, removal and sync by time, including those that failed or
were interrupted.

` + searchHelp + exitStatus
}

func (c *logCommand) Run(ctx context.Context, s *session) error {
	query := history.LogQuery{First: c.First, Last: c.Last, Outcomes: c.Outcome}
	var err error
	if query.Period, query.Search, err = s.about(&c.periodFlags, &c.searchFlags, c.Packages); err != nil {
		return err
	}
	if query.Kinds, err = eventKinds(c.Only); err != nil {
		return err
	}
	for _, word := range c.Outcome {
		if !slices.Contains(history.EventOutcomes, word) {
			return usagef("no outcome %q; there is: %s", word, strings.Join(history.EventOutcomes, ", "))
		}
	}
	if err := c.check(); err != nil {
		return err
	}
	return s.answerLog(ctx, query.Search, func(db audit.Database, source audit.LogSource, out report.Output) (report.Answer, error) {
		about := asked(db, query.Search, query.Period, newestEvent(query))
		c.limit(s, query.Period, &about)
		query.Last, query.InTable = c.Last, out.Format == report.FormatTable
		return merges.History(history.AuditLog(db, query), source, about, out), nil
	})
}
