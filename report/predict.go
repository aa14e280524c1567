package report

import (
	"fmt"
	"io"

	"emaudit/audit"
	"emaudit/audit/history"
)

// Predict is the answer to: how long will it take?
func Predict(p *history.Prediction, source audit.LogSource, o Output) Answer {
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys:        func(j *JSON) { j.Fields(p) },
		Rows:        func(w io.Writer) error { return predictRows(w, p) },
		Text: func(s *Screen) {
			predictTable(s, p)
			predictTotal(s, p)
			if p.From != "stdin" && len(p.Packages) > 0 {
				s.Line(Dim.Text("the list is that of " + listNames[p.From]))
			}
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

func predictTable(s *Screen, p *history.Prediction) {
	t := s.Table(
		Column{Title: "PACKAGE", Shrink: CutMiddle, Yield: 1, Min: readableCPV},
		Column{Title: "KIND"},
		Column{Title: "ELAPSED", Align: Right, Optional: true},
		Column{Title: "EXPECTED", Align: Right},
		Column{Title: "PHASE", Optional: true},
		Column{Title: "MOSTLY", Align: Right, Optional: true},
		Column{Title: "SAMPLES", Align: Right, Optional: true},
	)
	for i := range p.Packages {
		m := &p.Packages[i]
		expected, mostly := Unknown.Text("never merged"), ""
		if m.Seconds != nil {
			expected = Plain.Text(Seconds(*m.Seconds))
			mostly = spreadText(*m.Low, *m.High)
		}
		elapsed := ""
		if m.Elapsed != nil {
			elapsed = Seconds(*m.Elapsed)
		}
		t.Row(Plain.Text(m.CPV), Plain.Text(m.Kind), Plain.Text(elapsed), expected, Plain.Text(m.Phase), Dim.Text(mostly), Dim.Text(fmt.Sprint(m.Samples)))
	}
	t.End()
}

// spreadText is "38m to 41m", or "38m" where both are the same.
func spreadText(low, high int64) string {
	a, b := Seconds(low), Seconds(high)
	if a == b {
		return a
	}
	return a + " to " + b
}

// listNames are the lists that can be asked about.
var listNames = map[string]string{"stdin": "the list on standard input", "running": "the running emerge", "status": "the running emerge", "log": "the running emerge", "resume": "emerge --resume"}

func predictTotal(s *Screen, p *history.Prediction) {
	if len(p.Packages) == 0 {
		s.Line(Plain.Text("nothing is to be merged, says " + listNames[p.From]))
		return
	}
	s.Blank()
	known := len(p.Packages) - p.Unknown
	if known == 0 {
		s.Line(Unknown.Text("unknown"), Plain.Text(": none of these packages was merged before"))
		return
	}
	facts := []Cell{Bold.Text(Count(int64(len(p.Packages)), "package", "packages") + " in about " + Seconds(p.Total))}
	if p.High > p.Low {
		facts = append(facts, Plain.Text("mostly "+spreadText(p.Low, p.High)))
	}
	if p.EndsAt != nil {
		facts = append(facts, Plain.Text("until "+s.Terminal().Time(*p.EndsAt)))
	}
	if p.Jobs > 1 {
		facts = append(facts, Plain.Text(fmt.Sprintf("%d at once", p.Jobs)))
	}
	if p.Unknown > 0 {
		were := " that were"
		if p.Unknown == 1 {
			were = " that was"
		}
		facts = append(facts, Unknown.Text("without "+Count(int64(p.Unknown), "package", "packages")+were+" never merged"))
	}
	if p.Unlisted > 0 {
		facts = append(facts, Unknown.Text("without "+Count(int64(p.Unlisted), "package", "packages")+" still to come, not known by name"))
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
		Text: func(s *Screen) {
			accuracyText(s, a)
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

func accuracyText(s *Screen, a *history.Accuracy) {
	if a.Merges == 0 {
		s.Line(Unknown.Text("unknown"), Plain.Text(": no package was merged twice"))
		return
	}
	s.Pairs(0, []Pair{
		{"compared", Plain.Text(Count(int64(a.Merges), "merge", "merges") + ", " + Number(int64(a.First)) + " more were the first of their package")},
		{"took", Plain.Text(Seconds(a.Seconds) + ", expected " + Seconds(a.Predicted))},
		{"off by", Plain.Text(fmt.Sprintf("%.1f s on average, %.0f %% in the median", a.MeanError, a.MedianError))},
		{"in the spread", Plain.Text(Percent(int64(a.Within), int64(a.Merges)))},
	})
	s.Blank()
	t := s.Table(Column{Title: "WORST", Shrink: CutMiddle, Yield: 1}, Column{Title: "KIND"}, Column{Title: "MERGES", Align: Right}, Column{Title: "TOTAL", Align: Right}, Column{Title: "OFF BY", Align: Right})
	for _, p := range a.Packages {
		t.Row(Plain.Text(p.CP), Plain.Text(p.Kind), Plain.Text(Number(int64(p.Merges))), Plain.Text(Seconds(p.Seconds)), Plain.Text(fmt.Sprintf("%.1f s", p.MeanError)))
	}
	t.End()
}
