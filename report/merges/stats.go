package merges

import (
	"fmt"
	"iter"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Stats is the answer to: how often, and how long?
func Stats(st *history.Stats, source audit.LogSource, asked Asked, o report.Output) report.Answer {
	return report.Answer{
		Findings:    source.Findings,
		Diagnostics: report.LogDiagnostics(source),
		Keys: func(j *report.JSON) {
			report.WriteArray(j, "packages", rowsOf(st.Packages))
			j.Value("syncs", st.Syncs)
			j.Value("runs", st.Runs)
			j.Value("totals", st.Totals())
		},
		Rows: statsColumns.CSV(rowsOf(st.Packages)),
		Text: func(s *screen.Screen) {
			some := st.Packages.Len() > 0 || len(st.Syncs) > 0 || len(st.Runs) > 0
			noneOf(s, source, "merge, removal or sync", some, asked)
			ofPeriods(statsColumns, st.Packages.Divided()).Screen(s, 0, rowsOf(st.Packages))
			if some && st.Packages.Len() != 1 {
				statsTotal(s, st.Sum())
			}
			if len(st.Syncs) > 0 {
				s.Blank()
				ofPeriods(repoColumns, st.Syncs[0].Period != "").Screen(s, 0, table.All(st.Syncs))
			}
			if len(st.Runs) > 0 {
				s.Blank()
				ofPeriods(runStatsColumns, st.Runs[0].Period != "").Screen(s, 0, table.All(st.Runs))
			}
			s.Findings(source.Findings, o.FindingOptions())
		},
	}
}

// statsColumns describe the statistics of packages.
var statsColumns = table.Table[history.PackageStats]{
	{Title: "Period", Of: "period"},
	{Title: "Package", Of: "cp", Shrink: screen.CutMiddle, Yield: 1, Min: readableCPV},
	{Title: "Merges", Of: "merges", Type: table.Number},
	{Title: "Total", Type: table.Seconds, Value: func(r *history.PackageStats) any { return inAll(r.Seconds, r.Average) }},
	{Title: "Average", Of: "average_seconds", Type: table.Seconds, Optional: true},
	{Title: "Median", Of: "source.median_seconds", Type: table.Seconds, Optional: true},
	{Title: "Spread", Of: "source.spread_seconds", Type: table.Seconds, Optional: true},
	{Title: "Trend", Type: table.Digits, Optional: true, Show: func(r *history.PackageStats) screen.Cell {
		if r.Source.Trend == nil {
			return screen.Plain.Text(screen.NotKnown)
		}
		return screen.Plain.Text(fmt.Sprintf("%+d %%", *r.Source.Trend-100))
	}},
	{Title: "Next", Of: "predicted_seconds", Type: table.Seconds},
	{Title: "Binary", Of: "binary_merges", Type: table.Number, Optional: true},
	{Title: "Failed", Type: table.Number, Show: func(r *history.PackageStats) screen.Cell {
		if r.Failures > 0 {
			return screen.Bad.Text(screen.Number(int64(r.Failures)))
		}
		return screen.Plain.Text("0")
	}},
	{Title: "Removed", Of: "unmerges", Type: table.Number, Optional: true},
	{Title: "Last", Of: "last_at", Type: table.Day, Role: screen.Dim},
}.With(table.Data[history.PackageStats]("cp", "period", "merges", "total_seconds", "average_seconds", "predicted_seconds", "source_merges=source.merges",
	"source_median_seconds=source.median_seconds", "source_spread_seconds=source.spread_seconds", "source_trend_percent=source.trend_percent", "binary_merges",
	"binary_median_seconds=binary.median_seconds", "unmerges", "failures", "failure_percent", "first_at", "last_at")...)

// inAll returns a sum of durations, or unknown if none is known.
func inAll(sum int64, average *int64) any {
	if average == nil {
		return nil
	}
	return sum
}

// ofPeriods omits the period if there is only one.
func ofPeriods[R any](columns table.Table[R], divided bool) table.Table[R] {
	if divided {
		return columns
	}
	return columns.Without("Period")
}

// rowsOf yields the statistics of packages.
func rowsOf(rows *history.StatsRows) iter.Seq2[*history.PackageStats, error] {
	return func(yield func(*history.PackageStats, error) bool) {
		for r := range rows.All() {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func statsTotal(s *screen.Screen, r *history.StatsSum) {
	if r == nil {
		return
	}
	took := screen.NotKnown
	if r.Timed {
		took = screen.Seconds(r.Seconds)
	}
	s.Blank()
	s.Facts(
		screen.Bold.Text(screen.Count(int64(r.Merges), "merge", "merges")+" in "+took),
		screen.Plain.Text(fmt.Sprintf("%s of them binary", screen.Number(int64(r.Binary)))),
		screen.Plain.Text(fmt.Sprintf("%s failed", screen.Number(int64(r.Failures)))),
		screen.Plain.Text(screen.Count(int64(r.Unmerges), "removal", "removals")),
	)
}

// repoColumns describe the statistics of syncs.
var repoColumns = table.Table[history.RepoStats]{
	{Title: "Period", Of: "period"},
	{Title: "Repository", Show: func(r *history.RepoStats) screen.Cell { return screen.Plain.Text(repoName(r.Repo)) }},
	{Title: "Syncs", Of: "syncs", Type: table.Number},
	{Title: "Total", Type: table.Seconds, Value: func(r *history.RepoStats) any { return inAll(r.Seconds, r.Average) }},
	{Title: "Average", Of: "average_seconds", Type: table.Seconds},
	{Title: "Median", Of: "median_seconds", Type: table.Seconds},
	{Title: "Failed", Of: "failures", Type: table.Number},
}

// runStatsColumns describe the statistics of runs.
var runStatsColumns = table.Table[history.RunStats]{
	{Title: "Period", Of: "period"},
	{Title: "Runs", Of: "action"},
	{Title: "Count", Of: "runs", Type: table.Number},
	{Title: "OK", Of: "succeeded", Type: table.Number},
	{Title: "Failed", Of: "failed", Type: table.Number},
	{Title: "Cut off", Of: "interrupted", Type: table.Number},
	{Title: "Total", Of: "total_seconds", Type: table.Seconds},
}
