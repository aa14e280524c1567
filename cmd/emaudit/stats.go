package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/merges"
)

// statsCommand prints counts and durations.
type statsCommand struct {
	Packages []string `arg:"" optional:"" name:"package" help:"Only these packages."`
	periodFlags
	limitFlags
	searchFlags
	By      string `enum:"package,category,total" default:"package" help:"One row for each of: ${enum}."`
	Per     string `enum:",year,month,week,day" default:"" placeholder:"STRETCH" help:"Divide by year, month, week or day."`
	Sort    string `short:"s" placeholder:"COLUMN" help:"Sort by this column: name, period, merges, total, average, median, predicted, spread, trend, binary, unmerges, failures, first, last."`
	Reverse bool   `short:"r" help:"Reverse the order."`
}

// largestBuilds is the number of builds shown below the statistics: those that took
// most of PORTAGE_TMPDIR.
const largestBuilds = 5

func (*statsCommand) Help() string {
	return `AVERAGE, MEDIAN, SPREAD (half of the merges took a time within it) and TREND
(the last third compared with the first) are about merges from source. NEXT is
the expected time of the next merge. Merges of unknown duration are counted, not
timed. --verbose also lists the builds that took most disk space and memory.

` + searchHelp + exitStatus
}

func (c *statsCommand) Run(ctx context.Context, s *session) error {
	if !slices.Contains(history.StatsColumns, strings.TrimPrefix(c.Sort, "-")) && c.Sort != "" {
		return usagef("stats: no column %q; there is: %s", c.Sort, strings.Join(history.StatsColumns, ", "))
	}
	if c.Reverse {
		c.Sort = "-" + cmp.Or(strings.TrimPrefix(c.Sort, "-"), "name")
	}
	query := history.StatsQuery{By: history.StatsBy(c.By), Per: history.StatsPer(c.Per), Sort: c.Sort, First: c.First, Last: c.Last, Zone: s.zone()}
	var err error
	if query.Period, query.Search, err = s.about(&c.periodFlags, &c.searchFlags, c.Packages); err != nil {
		return err
	}
	if err := c.check(); err != nil {
		return err
	}
	return s.answerLog(ctx, query.Search, func(db audit.Database, source audit.LogSource, out report.Output) (report.Answer, error) {
		stats, err := history.AuditStats(db, query)
		if err != nil {
			return report.Answer{}, err
		}
		about := asked(db, query.Search, query.Period, newestEvent(history.LogQuery{Search: query.Search}))
		answer := merges.Stats(stats, source, about, out)
		if c.By != "package" || c.Per != "" {
			return answer, nil
		}
		builds, err := history.AuditLargestBuilds(db, query.Search, largestBuilds)
		return merges.WithLargestBuilds(answer, builds, out), err
	})
}
