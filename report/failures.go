package report

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/history"
)

// Failures is the answer to: what failed, where and why?
func Failures(f *aftermath.Failures, o Output) Answer {
	return Answer{
		Findings:    append(slices.Clone(f.Findings), f.Source.Findings...),
		Diagnostics: outputDiagnostics(f.Source),
		Keys: func(j *JSON) {
			j.Value("failures", f.Rows)
			j.Value("cut_merges", f.Cut)
		},
		Rows: func(w io.Writer) error { return failureRows(w, f.Rows) },
		Text: func(s *Screen) {
			if cut := findingsOf(f.Findings, "merge-cut"); len(cut) > 0 {
				s.Findings(cut, o.findingOptions())
				s.Blank()
			}
			s.Line(FailuresHeadline(f)...)
			for i := range f.Rows {
				s.Blank()
				s.failure(&f.Rows[i], o.Verbose)
			}
			s.outputSource(f.Source, o)
		},
	}
}

// outputDiagnostics are the damage of merge output, as every answer about it has
// it.
func outputDiagnostics(source aftermath.OutputSource) []Diagnostic {
	return logDiagnostics(audit.LogSource{Damage: source.Damage})
}

// outputSource says what could not be read.
func (s *Screen) outputSource(source aftermath.OutputSource, o Output) {
	if len(source.Findings) > 0 {
		s.Blank()
		s.Findings(source.Findings, o.findingOptions())
	}
}

// findingsOf returns the findings of a code.
func findingsOf(all []audit.Finding, code string) []audit.Finding {
	return slices.DeleteFunc(slices.Clone(all), func(f audit.Finding) bool { return f.Code != code })
}

// FailuresHeadline is the answer in one line.
func FailuresHeadline(f *aftermath.Failures) []Cell {
	switch {
	case len(f.Rows) == 0 && !f.Source.History:
		return []Cell{Unknown.Text("unknown"), Plain.Text(": no emerge.log could be read, and no build log shows a failure")}
	case len(f.Rows) == 0:
		return []Cell{Good.Text("no merge failed")}
	}
	count := Count(int64(len(f.Rows)), "merge failed", "merges failed")
	open := f.Open()
	if open == 0 {
		return []Cell{Plain.Text(count + ", "), Good.Text("none still open")}
	}
	return []Cell{Plain.Text(count + ", "), Bad.Text(fmt.Sprintf("%d still open", open))}
}

// failure writes one failure: what and when, why, and what became of it. The
// excerpt is quoted while the failure is open, or where everything is asked for.
func (s *Screen) failure(f *aftermath.Failure, verbose bool) {
	role := Bad
	if f.Resolution != "open" {
		role = Plain
	}
	head := []Cell{role.Text(f.CPV), Plain.Text("  " + s.term.Time(f.At))}
	if f.Phase != "" {
		head = append(head, Plain.Text("  in "+f.Phase))
	}
	if f.Run != nil {
		head = append(head, Dim.Text("  #"+strconv.FormatInt(*f.Run, 10)))
	}
	s.Line(head...)
	s.Paragraph(2, Warn.Text(f.Cause+": "+f.Line))
	if f.Message != "" && !strings.Contains(f.Line, f.Message) {
		s.Paragraph(2, Dim.Text("die: "+f.Message))
	}
	// An excerpt of one line has been said.
	if (verbose || f.Resolution == "open") && (len(f.Excerpt) > 1 || f.Cause == "unknown") {
		for _, line := range f.Excerpt {
			s.Line(Plain.Text("    " + untab(line)))
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
		s.Line(Dim.Text("  log: "), Code.Text(*f.Log), Dim.Text(gone))
	}
	s.Line(resolution(f, s.term)...)
}

// resolution says what became of a failure.
func resolution(f *aftermath.Failure, t Terminal) []Cell {
	switch f.Resolution {
	case "retried":
		return []Cell{Good.Text("  merged " + t.Time(timeOf(f.ResolvedAt)))}
	case "replaced":
		return []Cell{Good.Text("  " + *f.ResolvedBy + " merged " + t.Time(timeOf(f.ResolvedAt)))}
	case "removed":
		return []Cell{Plain.Text("  removed " + t.Time(timeOf(f.ResolvedAt)))}
	}
	return []Cell{Bad.Text("  not merged since"), Plain.Text("   "), Code.Text(f.Retry.String())}
}

func timeOf(unix *int64) int64 {
	if unix == nil {
		return 0
	}
	return *unix
}

func failureRows(w io.Writer, all []aftermath.Failure) error {
	rows := NewCSV(w, "cpv", "at", "run", "phase", "cause", "line", "message", "log", "log_gone", "link", "resolution", "resolved_by", "resolved_at")
	for i := range all {
		f := &all[i]
		rows.Row(f.CPV, f.At, f.Run, f.Phase, f.Cause, f.Line, f.Message, textOf(f.Log), f.LogGone, string(f.Link), f.Resolution, textOf(f.ResolvedBy), f.ResolvedAt)
	}
	return rows.Close()
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
