package report

import (
	"fmt"
	"io"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report/screen"
)

// Predict is the answer to: how long will it take?
func Predict(p *history.Prediction, source audit.LogSource, o Output) Answer {
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys:        func(j *JSON) { j.Fields(p) },
		Rows:        func(w io.Writer) error { return predictRows(w, p) },
		Text: func(s *screen.Screen) {
			predictTable(s, p)
			predictTotal(s, p)
			if p.From != "stdin" && len(p.Packages) > 0 {
				s.Line(screen.Dim.Text("the list is that of " + listNames[p.From]))
			}
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

func predictTable(s *screen.Screen, p *history.Prediction) {
	t := s.Table(
		screen.Column{Title: "PACKAGE", Shrink: screen.CutMiddle, Yield: 1, Min: readableCPV},
		screen.Column{Title: "KIND"},
		screen.Column{Title: "ELAPSED", Align: screen.Right, Optional: true},
		screen.Column{Title: "EXPECTED", Align: screen.Right},
		screen.Column{Title: "PHASE", Optional: true},
		screen.Column{Title: "MOSTLY", Align: screen.Right, Optional: true},
		screen.Column{Title: "SAMPLES", Align: screen.Right, Optional: true},
	)
	for i := range p.Packages {
		m := &p.Packages[i]
		expected, mostly := screen.Unknown.Text("never merged"), ""
		if m.Seconds != nil {
			expected = screen.Plain.Text(screen.Seconds(*m.Seconds))
			mostly = spreadText(*m.Low, *m.High)
		}
		elapsed := ""
		if m.Elapsed != nil {
			elapsed = screen.Seconds(*m.Elapsed)
		}
		t.Row(screen.Plain.Text(m.CPV), screen.Plain.Text(m.Kind), screen.Plain.Text(elapsed), expected, screen.Plain.Text(m.Phase), screen.Dim.Text(mostly), screen.Dim.Text(fmt.Sprint(m.Samples)))
	}
	t.End()
}

// spreadText is "38m to 41m", or "38m" where both are the same.
func spreadText(low, high int64) string {
	a, b := screen.Seconds(low), screen.Seconds(high)
	if a == b {
		return a
	}
	return a + " to " + b
}

// listNames are the lists that can be asked about.
var listNames = map[string]string{"stdin": "the list on standard input", "running": "the running emerge", "status": "the running emerge", "log": "the running emerge", "resume": "emerge --resume"}

func predictTotal(s *screen.Screen, p *history.Prediction) {
	if len(p.Packages) == 0 {
		s.Line(screen.Plain.Text("nothing is to be merged, says " + listNames[p.From]))
		return
	}
	s.Blank()
	known := len(p.Packages) - p.Unknown
	if known == 0 {
		s.Line(screen.Unknown.Text("unknown"), screen.Plain.Text(": none of these packages was merged before"))
		return
	}
	facts := []screen.Cell{screen.Bold.Text(screen.Count(int64(len(p.Packages)), "package", "packages") + " in about " + screen.Seconds(p.Total))}
	if p.High > p.Low {
		facts = append(facts, screen.Plain.Text("mostly "+spreadText(p.Low, p.High)))
	}
	if p.EndsAt != nil {
		facts = append(facts, screen.Plain.Text("until "+s.Terminal().Time(*p.EndsAt)))
	}
	if p.Jobs > 1 {
		facts = append(facts, screen.Plain.Text(fmt.Sprintf("%d at once", p.Jobs)))
	}
	if p.Unknown > 0 {
		were := " that were"
		if p.Unknown == 1 {
			were = " that was"
		}
		facts = append(facts, screen.Unknown.Text("without "+screen.Count(int64(p.Unknown), "package", "packages")+were+" never merged"))
	}
	if p.Unlisted > 0 {
		facts = append(facts, screen.Unknown.Text("without "+screen.Count(int64(p.Unlisted), "package", "packages")+" still to come, not known by name"))
	}
	s.Facts(facts...)
}

func predictRows(w io.Writer, p *history.Prediction) error {
	rows := NewCSV(w, "cpv", "kind", "seconds", "low_seconds", "high_seconds", "samples", "elapsed_seconds", "phase", "root")
	for i := range p.Packages {
		m := &p.Packages[i]
		rows.Row(m.CPV, m.Kind, m.Seconds, m.Low, m.High, m.Samples, m.Elapsed, m.Phase, m.Root)
	}
	return rows.Close()
}

// Accuracy is the answer to: how good are the predictions?
func Accuracy(a *history.Accuracy, source audit.LogSource, o Output) Answer {
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys:        func(j *JSON) { j.Value("accuracy", a) },
		Rows: func(w io.Writer) error {
			rows := NewCSV(w, "cp", "kind", "merges", "total_seconds", "mean_error_seconds")
			for _, p := range a.Packages {
				rows.Row(p.CP, p.Kind, p.Merges, p.Seconds, p.MeanError)
			}
			return rows.Close()
		},
		Text: func(s *screen.Screen) {
			accuracyText(s, a)
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

func accuracyText(s *screen.Screen, a *history.Accuracy) {
	if a.Merges == 0 {
		s.Line(screen.Unknown.Text("unknown"), screen.Plain.Text(": no package was merged twice"))
		return
	}
	s.Pairs(0, []screen.Pair{
		{Key: "compared", Value: screen.Plain.Text(screen.Count(int64(a.Merges), "merge", "merges") + ", " + screen.Number(int64(a.First)) + " more were the first of their package")},
		{Key: "took", Value: screen.Plain.Text(screen.Seconds(a.Seconds) + ", expected " + screen.Seconds(a.Predicted))},
		{Key: "off by", Value: screen.Plain.Text(fmt.Sprintf("%.1f s on average, %.0f %% in the median", a.MeanError, a.MedianError))},
		{Key: "in the spread", Value: screen.Plain.Text(screen.Percent(int64(a.Within), int64(a.Merges)))},
	})
	s.Blank()
	t := s.Table(screen.Column{Title: "WORST", Shrink: screen.CutMiddle, Yield: 1}, screen.Column{Title: "KIND"}, screen.Column{Title: "MERGES", Align: screen.Right}, screen.Column{Title: "TOTAL", Align: screen.Right}, screen.Column{Title: "OFF BY", Align: screen.Right})
	for _, p := range a.Packages {
		t.Row(screen.Plain.Text(p.CP), screen.Plain.Text(p.Kind), screen.Plain.Text(screen.Number(int64(p.Merges))), screen.Plain.Text(screen.Seconds(p.Seconds)), screen.Plain.Text(fmt.Sprintf("%.1f s", p.MeanError)))
	}
	t.End()
}
