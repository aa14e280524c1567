package report

import (
	"fmt"
	"io"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report/screen"
)

// Stats is the answer to: how often, and how long?
func Stats(st *history.Stats, source audit.LogSource, o Output) Answer {
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys: func(j *JSON) {
			WriteArray(j, "packages", func(yield func(*history.PackageStats, error) bool) {
				for r := range st.Packages.All() {
					if !yield(r, nil) {
						return
					}
				}
			})
			j.Value("syncs", st.Syncs)
			j.Value("runs", st.Runs)
			j.Value("totals", st.Totals())
		},
		Rows: func(w io.Writer) error { return statsRows(w, st) },
		Text: func(s *screen.Screen) {
			noneOf(s, source, "package", st.Packages.Len() > 0 || len(st.Syncs) > 0 || len(st.Runs) > 0)
			statsTable(s, st.Packages)
			if st.Packages.Len() != 1 {
				statsTotal(s, st.Sum())
			}
			syncTable(s, st.Syncs)
			runStatsTable(s, st.Runs)
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

func statsTable(s *screen.Screen, rows *history.StatsRows) {
	t := periodTable(s, rows.Divided(),
		screen.Column{Title: "PACKAGE", Shrink: screen.CutMiddle, Yield: 1, Min: readableCPV},
		screen.Column{Title: "MERGES", Align: screen.Right},
		screen.Column{Title: "TOTAL", Align: screen.Right},
		screen.Column{Title: "AVERAGE", Align: screen.Right, Optional: true},
		screen.Column{Title: "MEDIAN", Align: screen.Right, Optional: true},
		screen.Column{Title: "SPREAD", Align: screen.Right, Optional: true},
		screen.Column{Title: "TREND", Align: screen.Right, Optional: true},
		screen.Column{Title: "NEXT", Align: screen.Right},
		screen.Column{Title: "BINARY", Align: screen.Right, Optional: true},
		screen.Column{Title: "FAILED", Align: screen.Right},
		screen.Column{Title: "REMOVED", Align: screen.Right, Optional: true},
		screen.Column{Title: "LAST"},
	)
	term := s.Terminal()
	for r := range rows.All() {
		last := screen.NotKnown
		if r.LastAt != nil {
			last = term.Date(*r.LastAt)
		}
		trend := screen.NotKnown
		if r.Source.Trend != nil {
			trend = change(*r.Source.Trend - 100)
		}
		failed := screen.Plain.Text("0")
		if r.Failures > 0 {
			failed = screen.Bad.Text(screen.Number(int64(r.Failures)))
		}
		t.row(r.Period, screen.Plain.Text(r.CP), screen.Plain.Text(screen.Number(int64(r.Merges))), screen.Plain.Text(inAll(r.Seconds, r.Average)), screen.Plain.Text(SecondsOrNone(r.Average)),
			screen.Plain.Text(SecondsOrNone(r.Source.Median)), screen.Plain.Text(SecondsOrNone(r.Source.Spread)), screen.Plain.Text(trend), screen.Plain.Text(SecondsOrNone(r.Predicted)),
			screen.Plain.Text(screen.Number(int64(r.Binary))), failed, screen.Plain.Text(screen.Number(int64(r.Unmerges))), screen.Dim.Text(last))
	}
	t.End()
}

// change returns a change in percent: "+4 %", "-12 %".
func change(percent int64) string { return fmt.Sprintf("%+d %%", percent) }

// tableOfPeriods is a table whose first column is the stretch of time, where
// there is one.
type tableOfPeriods struct {
	*screen.Table
	divided bool
}

func periodTable(s *screen.Screen, divided bool, columns ...screen.Column) tableOfPeriods {
	if !divided {
		return tableOfPeriods{s.Table(columns...), false}
	}
	return tableOfPeriods{s.Table(append([]screen.Column{{Title: "PERIOD"}}, columns...)...), true}
}

func (t tableOfPeriods) row(period string, cells ...screen.Cell) {
	if t.divided {
		cells = append([]screen.Cell{screen.Plain.Text(period)}, cells...)
	}
	t.Row(cells...)
}

// inAll is a sum of durations, unknown where none of them is known.
func inAll(sum int64, average *int64) string {
	if average == nil {
		return screen.NotKnown
	}
	return screen.Seconds(sum)
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

func syncTable(s *screen.Screen, rows []history.RepoStats) {
	if len(rows) == 0 {
		return
	}
	s.Blank()
	t := periodTable(s, rows[0].Period != "", screen.Column{Title: "REPOSITORY"}, screen.Column{Title: "SYNCS", Align: screen.Right}, screen.Column{Title: "TOTAL", Align: screen.Right},
		screen.Column{Title: "AVERAGE", Align: screen.Right}, screen.Column{Title: "MEDIAN", Align: screen.Right}, screen.Column{Title: "FAILED", Align: screen.Right})
	for _, r := range rows {
		t.row(r.Period, screen.Plain.Text(repoName(r.Repo)), screen.Plain.Text(screen.Number(int64(r.Syncs))), screen.Plain.Text(inAll(r.Seconds, r.Average)), screen.Plain.Text(SecondsOrNone(r.Average)),
			screen.Plain.Text(SecondsOrNone(r.Median)), screen.Plain.Text(screen.Number(int64(r.Failures))))
	}
	t.End()
}

func runStatsTable(s *screen.Screen, rows []history.RunStats) {
	if len(rows) == 0 {
		return
	}
	s.Blank()
	t := periodTable(s, rows[0].Period != "", screen.Column{Title: "RUNS"}, screen.Column{Title: "COUNT", Align: screen.Right}, screen.Column{Title: "OK", Align: screen.Right},
		screen.Column{Title: "FAILED", Align: screen.Right}, screen.Column{Title: "CUT OFF", Align: screen.Right}, screen.Column{Title: "TOTAL", Align: screen.Right})
	for _, r := range rows {
		t.row(r.Period, screen.Plain.Text(r.Action), screen.Plain.Text(screen.Number(int64(r.Runs))), screen.Plain.Text(screen.Number(int64(r.Succeeded))),
			screen.Plain.Text(screen.Number(int64(r.Failed))), screen.Plain.Text(screen.Number(int64(r.Interrupted))), screen.Plain.Text(screen.Seconds(r.Seconds)))
	}
	t.End()
}

func statsRows(w io.Writer, st *history.Stats) error {
	rows := NewCSV(w, "cp", "period", "merges", "total_seconds", "average_seconds", "predicted_seconds", "source_merges", "source_median_seconds",
		"source_spread_seconds", "source_trend_percent", "binary_merges", "binary_median_seconds", "unmerges", "failures", "failure_percent", "first_at", "last_at")
	for r := range st.Packages.All() {
		rows.Row(r.CP, r.Period, r.Merges, r.Seconds, r.Average, r.Predicted, r.Source.Merges, r.Source.Median, r.Source.Spread, r.Source.Trend,
			r.Binary, r.Binaries.Median, r.Unmerges, r.Failures, r.FailureRate, r.FirstAt, r.LastAt)
	}
	return rows.Close()
}
