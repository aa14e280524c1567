package report

import (
	"fmt"
	"io"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report/screen"
)

// currentLeft is what is left of all that is at work.
type currentLeft struct {
	Packages int    `json:"packages"` // those of unknown duration included
	Unknown  int    `json:"unknown"`  // of which nothing is expected
	Seconds  int64  `json:"seconds"`
	EndsAt   *int64 `json:"ends_at"`
}

// Current is the answer to: what is being merged now? left is nil where nothing
// is.
func Current(runs []history.CurrentRun, left *history.Prediction, source audit.LogSource, o Output) Answer {
	if runs == nil {
		runs = []history.CurrentRun{}
	}
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys: func(j *JSON) {
			j.Value("runs", runs)
			var rest *currentLeft
			if left != nil {
				rest = &currentLeft{len(left.Packages) + left.Unlisted, left.Unknown + left.Unlisted, left.Total, left.EndsAt}
			}
			j.Value("left", rest)
		},
		Rows: func(w io.Writer) error { return currentRows(w, runs) },
		Text: func(s *screen.Screen) {
			if len(runs) == 0 {
				s.Line(screen.Plain.Text("no emerge is running"))
			}
			for i := range runs {
				if i > 0 {
					s.Blank()
				}
				currentRun(s, &runs[i])
			}
			if left != nil && len(left.Packages)+left.Unlisted > 1 {
				predictTotal(s, left)
			}
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

func currentRun(s *screen.Screen, r *history.CurrentRun) {
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
	t := s.Table(
		screen.Column{Title: "PACKAGE", Shrink: screen.CutMiddle, Yield: 1, Min: readableCPV},
		screen.Column{Title: "KIND", Optional: true},
		screen.Column{Title: "PHASE"},
		screen.Column{Title: "ELAPSED", Align: screen.Right},
		screen.Column{Title: "EXPECTED", Align: screen.Right},
		screen.Column{Title: "LEFT", Align: screen.Right},
		screen.Column{Title: "UNTIL"},
	)
	for i := range r.Merges {
		m := &r.Merges[i]
		left, until := screen.Plain.Text(SecondsOrNone(m.Remaining)), screen.NotKnown
		switch {
		case m.Late:
			left, until = screen.Warn.Text("late"), "any moment"
		case m.EndsAt != nil:
			until = term.Time(*m.EndsAt)
		}
		t.Row(screen.Plain.Text(m.CPV), screen.Plain.Text(m.Kind), screen.Plain.Text(m.Phase), screen.Plain.Text(SecondsOrNone(m.Elapsed)), screen.Plain.Text(SecondsOrNone(m.Predicted)), left, screen.Plain.Text(until))
	}
	t.End()
	lines := s.Table(screen.Column{Title: "BUILD", Shrink: screen.CutMiddle, Yield: 2, Min: readableCPV}, screen.Column{Title: "LAST LINE", Shrink: screen.CutEnd, Yield: 1})
	some := false
	for i := range r.Merges {
		if m := &r.Merges[i]; m.LastLine != "" {
			if !some {
				some = true
				s.Blank()
			}
			lines.Row(screen.Plain.Text(m.CPV), screen.Dim.Text(m.LastLine))
		}
	}
	lines.End()
	for _, repo := range r.Syncs {
		s.Line(screen.Plain.Text("syncing " + repo))
	}
}

func currentRows(w io.Writer, runs []history.CurrentRun) error {
	rows := NewCSV(w, "run", "pid", "cpv", "kind", "n", "of", "phase", "started_at", "elapsed_seconds", "predicted_seconds", "remaining_seconds", "ends_at", "late", "certain", "last_line")
	for i := range runs {
		r := &runs[i]
		for j := range r.Merges {
			m := &r.Merges[j]
			rows.Row(r.Run, r.PID, m.CPV, m.Kind, m.N, m.Of, m.Phase, m.StartedAt, m.Elapsed, m.Predicted, m.Remaining, m.EndsAt, m.Late, r.Certain, m.LastLine)
		}
	}
	return rows.Close()
}
