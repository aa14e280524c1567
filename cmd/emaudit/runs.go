package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/merges"
)

// runsCommand prints the runs of emerge.
type runsCommand struct {
	ID string `arg:"" optional:"" name:"id" help:"Show this run in full; the newest is last or run:-1."`
	periodFlags
	newestFlags
	Package []string `short:"p" placeholder:"PACKAGE" help:"Only runs that touched this package; may be repeated."`
	searchFlags
}

func (*runsCommand) Help() string {
	return `A run is one invocation of emerge. Runs are numbered in the order of the log.
With an ID, every package of that run is listed: the version before, whether it
was built or unpacked, how long it took, how it ended, and the binary package
that was used or made.

` + searchHelp + exitStatus
}

func (c *runsCommand) Run(ctx context.Context, s *session) error {
	query := history.RunQuery{First: c.First, Last: c.Last}
	var err error
	if query.Period, query.Search, err = s.about(&c.periodFlags, &c.searchFlags, c.Package); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	id := int64(0)
	if c.ID != "" {
		if id, err = runNumber(c.ID); err != nil {
			return err
		}
	}
	return s.answerLog(ctx, query.Search, func(db audit.Database, source audit.LogSource, out report.Output) (report.Answer, error) {
		if id == 0 {
			about := asked(db, query.Search, query.Period, newestRun(query))
			c.limit(s, query.Period, &about)
			query.Last = c.Last
			return merges.Runs(history.AuditRuns(db, query), source, about, out), nil
		}
		run, ok, err := history.AuditRun(db, id)
		if err == nil && !ok {
			err = history.ErrNoRun(id)
		}
		if err != nil {
			return report.Answer{}, err
		}
		output, err := aftermath.AuditRunOutput(db, run)
		if err != nil {
			return report.Answer{}, err
		}
		return merges.WithRunOutput(merges.OneRun(run, source, out), output, out), nil
	})
}

// newestRun returns the newest run of a query, ignoring its period.
func newestRun(query history.RunQuery) func(audit.Database) (*merges.Newest, error) {
	query.Period, query.First, query.Last = audit.Period{}, 0, 1
	return func(db audit.Database) (last *merges.Newest, err error) {
		for r, err := range history.AuditRuns(db, query) {
			if err != nil {
				return nil, err
			}
			last = &merges.Newest{Name: fmt.Sprintf("#%d", r.ID), At: r.StartedAt}
		}
		return last, nil
	}
}

// runNumber parses the number of a run: 12, #12, run:12, run:-1 or last.
func runNumber(text string) (int64, error) {
	if text == "last" {
		return -1, nil
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimPrefix(text, "run:"), "#"), 10, 64)
	if err != nil || id == 0 {
		return 0, usagef("%q is no number of a run: try 12, #12, run:-1 or last", text)
	}
	return id, nil
}
