package report

import (
	"fmt"
	"io"

	"emaudit/audit"
	"emaudit/audit/history"
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
		Text: func(s *Screen) {
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

func statsTable(s *Screen, rows *history.StatsRows) {
	t := periodTable(s, rows.Divided(),
		Column{Title: "PACKAGE", Shrink: CutMiddle, Yield: 1, Min: readableCPV},
		Column{Title: "MERGES", Align: Right},
		Column{Title: "TOTAL", Align: Right},
		Column{Title: "AVERAGE", Align: Right, Optional: true},
		Column{Title: "MEDIAN", Align: Right, Optional: true},
		Column{Title: "SPREAD", Align: Right, Optional: true},
		Column{Title: "TREND", Align: Right, Optional: true},
		Column{Title: "NEXT", Align: Right},
		Column{Title: "BINARY", Align: Right, Optional: true},
		Column{Title: "FAILED", Align: Right},
		Column{Title: "REMOVED", Align: Right, Optional: true},
		Column{Title: "LAST"},
	)
	term := s.Terminal()
	for r := range rows.All() {
		last := NotKnown
		if r.LastAt != nil {
			last = term.Date(*r.LastAt)
		}
		trend := NotKnown
		if r.Source.Trend != nil {
			trend = change(*r.Source.Trend - 100)
		}
		failed := Plain.Text("0")
		if r.Failures > 0 {
			failed = Bad.Text(Number(int64(r.Failures)))
		}
		t.row(r.Period, Plain.Text(r.CP), Plain.Text(Number(int64(r.Merges))), Plain.Text(inAll(r.Seconds, r.Average)), Plain.Text(SecondsOrNone(r.Average)),
			Plain.Text(SecondsOrNone(r.Source.Median)), Plain.Text(SecondsOrNone(r.Source.Spread)), Plain.Text(trend), Plain.Text(SecondsOrNone(r.Predicted)),
			Plain.Text(Number(int64(r.Binary))), failed, Plain.Text(Number(int64(r.Unmerges))), Dim.Text(last))
	}
	t.End()
}

// change returns a change in percent: "+4 %", "-12 %".
func change(percent int64) string {
	sign := ""
	if percent >= 0 {
		sign = "+"
	}
	return sign + inUnit(percent, " %")
}

// tableOfPeriods is a table whose first column is the stretch of time, where
// there is one.
type tableOfPeriods struct {
	*Table
	divided bool
}

func periodTable(s *Screen, divided bool, columns ...Column) tableOfPeriods {
	if !divided {
		return tableOfPeriods{s.Table(columns...), false}
	}
	return tableOfPeriods{s.Table(append([]Column{{Title: "PERIOD"}}, columns...)...), true}
}

func (t tableOfPeriods) row(period string, cells ...Cell) {
	if t.divided {
		cells = append([]Cell{Plain.Text(period)}, cells...)
	}
	t.Row(cells...)
}

// inAll is a sum of durations, unknown where none of them is known.
func inAll(sum int64, average *int64) string {
	if average == nil {
		return NotKnown
	}
	return Seconds(sum)
}

func statsTotal(s *Screen, r *history.StatsSum) {
	if r == nil {
		return
	}
	took := NotKnown
	if r.Timed {
		took = Seconds(r.Seconds)
	}
	s.Blank()
	s.Facts(
		Bold.Text(Count(int64(r.Merges), "merge", "merges")+" in "+took),
		Plain.Text(fmt.Sprintf("%s of them binary", Number(int64(r.Binary)))),
		Plain.Text(fmt.Sprintf("%s failed", Number(int64(r.Failures)))),
		Plain.Text(Count(int64(r.Unmerges), "removal", "removals")),
	)
}

func syncTable(s *Screen, rows []history.RepoStats) {
	if len(rows) == 0 {
		return
	}
	s.Blank()
	t := periodTable(s, rows[0].Period != "", Column{Title: "REPOSITORY"}, Column{Title: "SYNCS", Align: Right}, Column{Title: "TOTAL", Align: Right},
		Column{Title: "AVERAGE", Align: Right}, Column{Title: "MEDIAN", Align: Right}, Column{Title: "FAILED", Align: Right})
	for _, r := range rows {
		t.row(r.Period, Plain.Text(repoName(r.Repo)), Plain.Text(Number(int64(r.Syncs))), Plain.Text(inAll(r.Seconds, r.Average)), Plain.Text(SecondsOrNone(r.Average)),
			Plain.Text(SecondsOrNone(r.Median)), Plain.Text(Number(int64(r.Failures))))
	}
	t.End()
}

func runStatsTable(s *Screen, rows []history.RunStats) {
	if len(rows) == 0 {
		return
	}
	s.Blank()
	t := periodTable(s, rows[0].Period != "", Column{Title: "RUNS"}, Column{Title: "COUNT", Align: Right}, Column{Title: "OK", Align: Right},
		Column{Title: "FAILED", Align: Right}, Column{Title: "CUT OFF", Align: Right}, Column{Title: "TOTAL", Align: Right})
	for _, r := range rows {
		t.row(r.Period, Plain.Text(r.Action), Plain.Text(Number(int64(r.Runs))), Plain.Text(Number(int64(r.Succeeded))),
			Plain.Text(Number(int64(r.Failed))), Plain.Text(Number(int64(r.Interrupted))), Plain.Text(Seconds(r.Seconds)))
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
