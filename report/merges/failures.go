package merges

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Failures answers what failed, where and why.
func Failures(f *aftermath.Failures, asked Asked, o report.Output) report.Answer {
	return report.Answer{
		Findings:    append(slices.Clone(f.Findings), f.Source.Findings...),
		Diagnostics: outputDiagnostics(f.Source),
		Keys: func(j *report.JSON) {
			j.Value("failures", f.Rows)
			j.Value("cut_merges", f.Cut)
		},
		Rows: FailureColumns.CSV(table.All(f.Rows)),
		Text: func(s *screen.Screen) {
			if cut := report.FindingsOf(f.Findings, audit.CodeMergeCut); len(cut) > 0 {
				s.Findings(cut, o.FindingOptions())
				s.Blank()
			}
			if len(f.Rows) == 0 {
				s.Paragraph(0, asked.none(s, "failed merge", screen.Good, f.Source.Log.Lost(asked.Period.Since)))
			} else {
				s.Line(FailuresHeadline(f)...)
			}
			for i := range f.Rows {
				s.Blank()
				WriteFailure(s, &f.Rows[i], o.Verbose)
			}
			writeOutputSource(s, f.Source, o)
		},
	}
}

// FailureColumns describe failed merges. A terminal has a paragraph of each instead.
var FailureColumns = table.Table[aftermath.Failure]{
	{Title: "Package", Of: "cpv", Type: table.Package},
	{Title: "When", Of: "started_at", Type: table.Moment},
	{Title: "Phase", Of: "phase"},
	{Title: "Cause", Of: "line"},
	{Title: "Since then", Show: func(f *aftermath.Failure) screen.Cell {
		switch {
		case f.Resolution == aftermath.Unknown:
			return screen.Unknown.Text(string(f.Resolution))
		case f.Resolution == aftermath.Open:
			return screen.Bad.Text(string(f.Resolution))
		case f.ResolvedBy != nil:
			return screen.Good.Text(string(f.Resolution) + " by " + *f.ResolvedBy)
		}
		return screen.Good.Text(string(f.Resolution))
	}},
}.With(table.Data[aftermath.Failure]("cpv", "started_at", "run", "phase", "cause", "line", "message", "log", "log_gone", "link", "resolution", "resolved_by", "resolved_at")...)

// outputDiagnostics are the damage of merge output, as every answer about it has
// it.
func outputDiagnostics(source aftermath.OutputSource) []report.Diagnostic {
	return report.LogDiagnostics(audit.LogSource{Damage: source.Damage})
}

// outputSource describes an unreadable output.
func writeOutputSource(s *screen.Screen, source aftermath.OutputSource, o report.Output) {
	if len(source.Findings) > 0 {
		s.Blank()
		s.Findings(source.Findings, o.FindingOptions())
	}
}

// FailuresHeadline is the answer in one line.
func FailuresHeadline(f *aftermath.Failures) []screen.Cell {
	switch lost := f.Source.Log.Lost(0); {
	case len(f.Rows) == 0 && lost != "":
		return []screen.Cell{screen.Unknown.Text("unknown"), screen.Plain.Text(": " + lost + ", and nothing else shows a failure")}
	case len(f.Rows) == 0:
		return []screen.Cell{screen.Good.Text("no merge failed")}
	}
	count := screen.Count(int64(len(f.Rows)), "merge failed", "merges failed")
	all, unknown := f.Open()
	if all == 0 {
		return []screen.Cell{screen.Plain.Text(count + ", "), screen.Good.Text("each was merged or removed since")}
	}
	cells, noun := []screen.Cell{screen.Plain.Text(count + ", ")}, screen.Count(int64(all), "package", "packages")
	switch {
	case unknown == all:
		return append(cells, screen.Unknown.Text(noun+" perhaps not merged since"))
	case unknown > 0:
		return append(cells, screen.Bad.Text(noun+" not merged since"), screen.Unknown.Text(fmt.Sprintf(", %d of them perhaps", unknown)))
	}
	return append(cells, screen.Bad.Text(noun+" not merged since"))
}

// failure writes one failure: what and when, why, and what became of it. The
// excerpt is quoted while the failure is open, or where everything is asked for.
func WriteFailure(s *screen.Screen, f *aftermath.Failure, verbose bool) {
	role := screen.Bad
	if !f.IsOpen() {
		role = screen.Plain
	}
	head := []screen.Cell{role.Text(f.CPV), screen.Plain.Text("  " + s.Terminal().Time(f.At))}
	if f.Phase != "" {
		head = append(head, screen.Plain.Text("  in "+f.Phase))
	}
	if f.Run != nil {
		head = append(head, screen.Dim.Text("  #"+strconv.FormatInt(*f.Run, 10)))
	}
	s.Line(head...)
	s.Paragraph(2, screen.Warn.Text(f.Cause+": "+f.Line))
	if f.Message != "" && !strings.Contains(f.Line, f.Message) {
		s.Paragraph(2, screen.Dim.Text("die: "+f.Message))
	}
	// An excerpt of one line is already printed.
	if (verbose || f.IsOpen()) && (len(f.Excerpt) > 1 || f.Cause == aftermath.CauseUnknown) {
		for _, line := range f.Excerpt {
			s.Line(screen.Plain.Text("    " + Untab(line)))
		}
	}
	if f.Log != nil {
		gone := ""
		if f.LogGone {
			gone = " (deleted since)"
		}
		if f.Link == history.LinkAmbiguous {
			gone += " (perhaps that of another merge)"
		}
		log := *f.Log
		if !f.LogOutside {
			log = s.Terminal().Path(log)
		}
		s.Line(screen.Dim.Text("  log: "), screen.Code.Text(log), screen.Dim.Text(gone))
	}
	s.Line(resolution(f, s.Terminal())...)
}

// resolution returns what happened to a failure later.
func resolution(f *aftermath.Failure, t screen.Terminal) []screen.Cell {
	switch f.Resolution {
	case aftermath.Retried:
		return []screen.Cell{screen.Good.Text("  merged " + t.Time(TimeOf(f.ResolvedAt)))}
	case aftermath.Replaced:
		return []screen.Cell{screen.Good.Text("  " + *f.ResolvedBy + " merged " + t.Time(TimeOf(f.ResolvedAt)))}
	case aftermath.Removed:
		return []screen.Cell{screen.Plain.Text("  removed " + t.Time(TimeOf(f.ResolvedAt)))}
	}
	since := screen.Bad.Text("  not merged since")
	if f.Resolution == aftermath.Unknown {
		since = screen.Unknown.Text("  merged since? Not known: " + f.Lost)
	}
	return []screen.Cell{since, screen.Plain.Text("   once mended: "), screen.Code.Text(f.Retry.String())}
}

func TimeOf(unix *int64) int64 {
	if unix == nil {
		return 0
	}
	return *unix
}
