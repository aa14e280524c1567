package page

import (
	"fmt"
	"strings"
	"time"

	"emaudit/audit/history"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// How many intervals a page has room for at least.
const (
	fewestWeeks  = 26
	fewestMonths = 12
)

// weeks shows the runs of the last weeks, so that every failure is seen.
func (b *pageBuilder) weeks() pageBlock {
	strip := columnStrip{room: 96, text: screen.Number}
	var failed, weeks int
	var last *history.Interval
	for i := range b.facts.Weeks {
		w := &b.facts.Weeks[i]
		var said []string
		for _, n := range []struct {
			count int
			what  string
		}{{w.Succeeded, "ok"}, {w.Syncs, "sync"}, {w.Others(), "declined or unknown"}, {w.Failed, "failed"}, {w.CutOff, "killed or interrupted"}} {
			if n.count > 0 {
				said = append(said, screen.Number(int64(n.count))+" "+n.what)
			}
		}
		strip.Columns = append(strip.Columns, column{
			Title: "week of " + b.weekOf(w) + ": " + strings.Join(said, ", "),
			above: []columnValue{{"accent", int64(w.Succeeded)}, {"accent-2", int64(w.Syncs)}, {"unknown", int64(w.Others())}},
			below: []columnValue{{"bad", int64(w.Failed)}, {"warn", int64(w.CutOff)}},
		})
		if w.Failed > 0 {
			failed += w.Failed
			weeks++
			last = w
		}
	}
	head := chartHead{ID: "runs-weeks", Title: "Runs by week", Desc: "What succeeded stands on the line, what failed hangs below it. No run is known to have failed."}
	if last != nil {
		head.Desc = fmt.Sprintf("What succeeded stands on the line, what failed hangs below it. %s failed in %s of %d weeks, the last in the week of %s.",
			screen.Count(int64(failed), "run", "runs"), screen.Number(int64(weeks)), len(b.facts.Weeks), b.weekOf(last))
	}
	head.Table = fill(b, &pageTable{ID: "runs-weeks-numbers"}, weekColumns, table.Where(b.facts.Weeks, func(w *history.Interval) bool { return w.Runs > 0 }))
	legend := []legendItem{{"ok", "accent"}, {"sync", "accent-2"}, {"declined or unknown", "unknown"}, {"failed", "bad"}, {"killed or interrupted", "warn"}}
	chart := newColumnChart(head, fewestWeeks, legend, []columnStrip{strip}, b.intervalTicks(b.facts.Weeks, fewestWeeks))
	if chart == nil {
		return pageBlock{Note: fmt.Sprintf("No run in the last %d weeks is known.", len(b.facts.Weeks))}
	}
	return pageBlock{Columns: chart}
}

// weekOf is the first day of a week.
func (b *pageBuilder) weekOf(w *history.Interval) string {
	return time.Unix(w.Begin, 0).In(b.Terminal.Zone()).Format("2006-01-02")
}

// months shows what the months did to the host, and what that cost.
func (b *pageBuilder) months() pageBlock {
	changed := columnStrip{Title: "Packages changed", room: 72, text: screen.Number, divided: true}
	hours := columnStrip{Title: "Build time", room: 72, text: screen.Seconds, divided: true}
	var runs columnStrip
	if len(b.facts.Months) > 12 {
		runs = columnStrip{Title: "Runs, and below the line those that failed", room: 48, text: screen.Number}
	}
	var packages, seconds int64
	for i := range b.facts.Months {
		m := &b.facts.Months[i]
		n := int64(m.Source + m.Binary + m.Removed)
		packages += n
		seconds += m.BuildSeconds
		changed.Columns = append(changed.Columns, column{
			Title: fmt.Sprintf("%s: %s from source, %s binary, %s removed", m.Name, screen.Number(int64(m.Source)), screen.Number(int64(m.Binary)), screen.Number(int64(m.Removed))),
			above: []columnValue{{"accent", int64(m.Source)}, {"accent-3", int64(m.Binary)}, {"accent-2", int64(m.Removed)}},
		})
		hours.Columns = append(hours.Columns, column{Title: m.Name + ": " + screen.Seconds(m.BuildSeconds), above: []columnValue{{"accent", m.BuildSeconds}}})
		runs.Columns = append(runs.Columns, column{
			Title: fmt.Sprintf("%s: %s, %s failed", m.Name, screen.Count(int64(m.Runs), "run", "runs"), screen.Number(int64(m.Failed))),
			above: []columnValue{{"accent", int64(m.Runs - m.Failed - m.CutOff)}}, below: []columnValue{{"bad", int64(m.Failed)}, {"warn", int64(m.CutOff)}},
		})
	}
	if runs.Title == "" {
		runs.Columns = nil // the weeks show them all
	}
	head := chartHead{ID: "runs-months", Title: "Month by month", Desc: fmt.Sprintf("%s changed and %s built in %s.", screen.Count(packages, "package", "packages"), screen.Seconds(seconds), screen.Count(int64(len(b.facts.Months)), "month", "months"))}
	head.Table = fill(b, &pageTable{ID: "runs-months-numbers"}, monthColumns, table.Where(b.facts.Months, func(m *history.Interval) bool { return m.Runs+m.Source+m.Binary+m.Removed > 0 }))
	legend := []legendItem{{"from source", "accent"}, {"binary", "accent-3"}, {"removed", "accent-2"}}
	return pageBlock{Columns: newColumnChart(head, fewestMonths, legend, []columnStrip{runs, changed, hours}, b.intervalTicks(b.facts.Months, fewestMonths))}
}

// intervalTicks marks the axis of time of columns, where they are.
func (b *pageBuilder) intervalTicks(all []history.Interval, fewest int) []chartTick {
	n := len(all)
	if n < 2 {
		return nil
	}
	first, last := all[0].Begin, all[n-1].Begin
	until := first + (last-first)*int64(max(n, fewest))/int64(n-1)
	return timeTicks(first, last, until, b.Terminal.Zone())
}

func countColumn(title string, count func(*history.Interval) int) table.Column[history.Interval] {
	return table.Column[history.Interval]{Title: title, Type: table.Number, Value: func(i *history.Interval) any { return int64(count(i)) }}
}

var weekColumns = table.Table[history.Interval]{
	{Title: "Week", Value: func(i *history.Interval) any { return i.Name }},
	countColumn("Ok", func(i *history.Interval) int { return i.Succeeded }),
	countColumn("Sync", func(i *history.Interval) int { return i.Syncs }),
	countColumn("Declined or unknown", (*history.Interval).Others),
	countColumn("Failed", func(i *history.Interval) int { return i.Failed }),
	countColumn("Killed or interrupted", func(i *history.Interval) int { return i.CutOff }),
}

var monthColumns = table.Table[history.Interval]{
	{Title: "Month", Value: func(i *history.Interval) any { return i.Name }},
	countColumn("Runs", func(i *history.Interval) int { return i.Runs }),
	countColumn("Failed", func(i *history.Interval) int { return i.Failed }),
	countColumn("From source", func(i *history.Interval) int { return i.Source }),
	countColumn("Binary", func(i *history.Interval) int { return i.Binary }),
	countColumn("Removed", func(i *history.Interval) int { return i.Removed }),
	{Title: "Build time", Type: table.Seconds, Value: func(i *history.Interval) any { return i.BuildSeconds }},
}
