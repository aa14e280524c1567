package merges

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Predict is the answer to: how long will it take?
func Predict(p *history.Prediction, source audit.LogSource, o report.Output) report.Answer {
	return report.Answer{
		Findings:    source.Findings,
		Diagnostics: report.LogDiagnostics(source),
		Keys:        func(j *report.JSON) { j.Fields(p) },
		Rows:        predictColumns.CSV(table.All(p.Packages)),
		Text: func(s *screen.Screen) {
			predictColumns.Screen(s, 0, table.All(p.Packages))
			predictTotal(s, p)
			if len(p.Packages) > 0 {
				s.Line(screen.Dim.Text("for " + listName(s, p)))
			}
			s.Findings(source.Findings, o.FindingOptions())
		},
	}
}

// predictColumns are the columns of a prediction.
var predictColumns = table.Table[history.PredictedPackage]{
	{Name: "cpv", Title: "Package", Shrink: screen.CutMiddle, Yield: 1, Min: readableCPV},
	{Name: "kind", Title: "Kind"},
	{Title: "Elapsed", Of: "elapsed_seconds", Type: table.Seconds, Blank: true, Optional: true},
	{Name: "seconds", Title: "Expected", Type: table.Seconds, Show: func(m *history.PredictedPackage) screen.Cell {
		if m.Seconds == nil {
			return screen.Unknown.Text("not known")
		}
		return screen.Plain.Text(screen.Seconds(*m.Seconds))
	}},
	{Title: "Phase", Of: "phase", Optional: true},
	{Name: "low_seconds"},
	{Name: "high_seconds"},
	{Title: "Mostly", Type: table.Seconds, Optional: true, Show: func(m *history.PredictedPackage) screen.Cell {
		if m.Seconds == nil {
			return screen.Dim.Text("")
		}
		return screen.Dim.Text(spreadText(*m.Low, *m.High))
	}},
	{Name: "samples", Title: "Samples", Type: table.Digits, Role: screen.Dim, Optional: true},
	{Name: "elapsed_seconds"},
	{Name: "phase"},
	{Name: "root"},
}

// spreadText returns "38m to 41m", or "38m" if both are equal.
func spreadText(low, high int64) string {
	a, b := screen.Seconds(low), screen.Seconds(high)
	if a == b {
		return a
	}
	return a + " to " + b
}

// listNames are the lists that can be asked about.
var listNames = map[string]string{
	history.ListStdin: "the list on standard input", history.ListResume: "the list of emerge --resume", history.ListRunning: ofRunning,
	history.ListStatus: ofRunning, history.ListLog: ofRunning,
}

const ofRunning = "the list of the running emerge"

// listName describes the list of merges and its time.
func listName(s *screen.Screen, p *history.Prediction) string {
	if p.ListedAt == nil {
		return listNames[p.From]
	}
	return listNames[p.From] + " (written " + s.Terminal().Time(*p.ListedAt) + ")"
}

func predictTotal(s *screen.Screen, p *history.Prediction) {
	if len(p.Packages) == 0 {
		s.Line(screen.Plain.Text("nothing is to be merged: " + listName(s, p) + " is empty"))
		return
	}
	s.Blank()
	known := len(p.Packages) - p.Unknown
	if known == 0 {
		s.Line(screen.Unknown.Text("unknown"), screen.Plain.Text(": no merge of these packages is known"))
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
		facts = append(facts, screen.Unknown.Text("without "+screen.Count(int64(p.Unknown), "package", "packages")+" of which no merge is known"))
	}
	if p.Unlisted > 0 {
		facts = append(facts, screen.Unknown.Text("without "+screen.Count(int64(p.Unlisted), "package", "packages")+" still to come, not known by name"))
	}
	s.Facts(facts...)
}

// accuracyColumns are the columns of packages with the worst predictions.
var accuracyColumns = table.Table[history.PackageAccuracy]{
	{Name: "cp", Title: "Worst", Shrink: screen.CutMiddle, Yield: 1},
	{Name: "kind", Title: "Kind"},
	{Name: "merges", Title: "Merges", Type: table.Number},
	{Name: "total_seconds", Title: "Total", Type: table.Seconds},
	{Name: "mean_error_seconds", Title: "Off by", Type: table.Digits, Show: func(p *history.PackageAccuracy) screen.Cell {
		return screen.Plain.Text(fmt.Sprintf("%.1f s", p.MeanError))
	}},
}

// Accuracy is the answer to: how good are the predictions?
func Accuracy(a *history.Accuracy, source audit.LogSource, o report.Output) report.Answer {
	return report.Answer{
		Findings:    source.Findings,
		Diagnostics: report.LogDiagnostics(source),
		Keys:        func(j *report.JSON) { j.Value("accuracy", a) },
		Rows:        accuracyColumns.CSV(table.All(a.Packages)),
		Text: func(s *screen.Screen) {
			accuracyText(s, a)
			s.Findings(source.Findings, o.FindingOptions())
		},
	}
}

func accuracyText(s *screen.Screen, a *history.Accuracy) {
	if a.Merges == 0 {
		s.Line(screen.Unknown.Text("unknown"), screen.Plain.Text(": no package of which two merges are known"))
		return
	}
	s.Pairs(0, []screen.Pair{
		{Key: "compared", Value: screen.Plain.Text(screen.Count(int64(a.Merges), "merge", "merges") + ", " + screen.Number(int64(a.First)) + " more were the first of their package")},
		{Key: "took", Value: screen.Plain.Text(screen.Seconds(a.Seconds) + ", expected " + screen.Seconds(a.Predicted))},
		{Key: "off by", Value: screen.Plain.Text(fmt.Sprintf("%.1f s on average, %.0f %% in the median", a.MeanError, a.MedianError))},
		{Key: "in the spread", Value: screen.Plain.Text(screen.Percent(int64(a.Within), int64(a.Merges)))},
	})
	s.Blank()
	accuracyColumns.Screen(s, 0, table.All(a.Packages))
}
