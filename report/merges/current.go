package merges

import (
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// currentLeft is the remaining time of all running merges.
type currentLeft struct {
	Packages int    `json:"packages"` // including those of unknown duration
	Unknown  int    `json:"unknown"`  // without a prediction
	Seconds  int64  `json:"seconds"`
	EndsAt   *int64 `json:"ends_at"`
}

// Current is the answer to: what is being merged now? left is nil where nothing
// is. known says that the processes of the host tell, and not only its log.
func Current(runs []history.CurrentRun, left *history.Prediction, known bool, source audit.LogSource, o report.Output) report.Answer {
	return report.Answer{
		Findings:    source.Findings,
		Diagnostics: report.LogDiagnostics(source),
		Keys: func(j *report.JSON) {
			j.Value("runs", runs)
			var rest *currentLeft
			if left != nil {
				rest = &currentLeft{len(left.Packages) + left.Unlisted, left.Unknown + left.Unlisted, left.Total, left.EndsAt}
			}
			j.Value("left", rest)
		},
		Rows: currentColumns(o.Terminal).CSV(table.All(mergesAtWork(runs))),
		Text: func(s *screen.Screen) {
			switch lost := source.Lost(o.Envelope.GeneratedAt); {
			case len(runs) > 0:
			case lost != "" && !known:
				s.Line(screen.Unknown.Text("unknown"), screen.Plain.Text(": "+lost))
			default:
				s.Line(screen.Plain.Text("no emerge is running"))
			}
			for i := range runs {
				if i > 0 {
					s.Blank()
				}
				currentRun(s, &runs[i], o)
			}
			if left != nil && len(left.Packages)+left.Unlisted > 1 {
				predictTotal(s, left)
			}
			s.Findings(source.Findings, o.FindingOptions())
		},
	}
}

func currentRun(s *screen.Screen, r *history.CurrentRun, o report.Output) {
	term := s.Terminal()
	facts := []screen.Cell{screen.Bold.Text("emerge " + AskedBriefly(r.Args))}
	if r.Run != nil {
		facts = append(facts, screen.Plain.Text(fmt.Sprintf("run %d", *r.Run)))
	}
	if r.PID != nil {
		facts = append(facts, screen.Plain.Text(fmt.Sprintf("process %d", *r.PID)))
	}
	if r.StartedAt != nil {
		facts = append(facts, screen.Plain.Text("since "+term.Time(*r.StartedAt)))
	}
	if r.Of > 0 {
		facts = append(facts, screen.Plain.Text(fmt.Sprintf("%d of %d done", r.Done, r.Of)))
	}
	if !r.Certain {
		facts = append(facts, screen.Unknown.Text("perhaps: the log does not say that it ended"))
	}
	s.Facts(facts...)
	rows := mergesAtWork([]history.CurrentRun{*r})
	currentColumns(o.Terminal).Screen(s, 0, table.All(rows))
	if slices.ContainsFunc(rows, hasLastLine) {
		s.Blank()
		lastLines.Screen(s, 0, table.Where(rows, func(m *mergeAtWork) bool { return hasLastLine(*m) }))
	}
	for _, repo := range r.Syncs {
		s.Line(screen.Plain.Text("syncing " + repo))
	}
}

// mergeAtWork is a merge with the run that does it.
type mergeAtWork struct {
	InRun *history.CurrentRun `json:"in_run"`
	history.CurrentMerge
}

func mergesAtWork(runs []history.CurrentRun) []mergeAtWork {
	var all []mergeAtWork
	for i := range runs {
		for _, m := range runs[i].Merges {
			all = append(all, mergeAtWork{&runs[i], m})
		}
	}
	return all
}

func hasLastLine(m mergeAtWork) bool { return m.LastLine != "" }

// currentColumns describe the merges at work.
func currentColumns(t screen.Terminal) table.Table[mergeAtWork] {
	return table.Table[mergeAtWork]{
		{Name: "run", Of: "in_run.run"},
		{Name: "pid", Of: "in_run.pid"},
		{Name: "cpv", Title: "Package", Shrink: screen.CutMiddle, Yield: 1, Min: readableCPV},
		{Name: "kind", Title: "Kind", Optional: true},
		{Name: "n"},
		{Name: "of"},
		{Name: "phase", Title: "Phase"},
		{Name: "started_at"},
		{Name: "elapsed_seconds", Title: "Elapsed", Type: table.Seconds},
		{Name: "predicted_seconds", Title: "Expected", Type: table.Seconds},
		{Name: "remaining_seconds", Title: "Left", Type: table.Seconds, Show: func(m *mergeAtWork) screen.Cell {
			if m.Late {
				return screen.Warn.Text("late")
			}
			return screen.Plain.Text(screen.SecondsOrNone(m.Remaining))
		}},
		{Name: "ends_at", Title: "Until", Show: func(m *mergeAtWork) screen.Cell {
			switch {
			case m.Late:
				return screen.Plain.Text("any moment")
			case m.EndsAt == nil:
				return screen.Plain.Text(screen.NotKnown)
			}
			return screen.Plain.Text(t.Time(*m.EndsAt))
		}},
		{Name: "late"},
		{Name: "certain", Of: "in_run.certain"},
		{Name: "last_line"},
	}
}

// lastLines are the columns with the last lines of logs of running merges.
var lastLines = table.Table[mergeAtWork]{
	{Of: "cpv", Title: "Build", Shrink: screen.CutMiddle, Yield: 2, Min: readableCPV},
	{Of: "last_line", Title: "Last line", Role: screen.Dim, Shrink: screen.CutEnd, Yield: 1},
}
