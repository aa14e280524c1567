package states

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/screen"
)

// RollbackLine is the answer to "can the last update be undone?" in a line; a
// nil r means that no run of emerge.log changed what is installed.
func RollbackLine(r *rollback.Rollback) screen.SummaryLine {
	l := screen.SummaryLine{Label: "ROLLBACK", Command: "emaudit rollback"}
	if r == nil {
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), "no update is known that could be undone"
		return l
	}
	l.Verdict = ReadinessWords[r.Verdict]
	what := "the last update"
	if r.Target.Run != nil {
		what = fmt.Sprintf("undoing #%d", *r.Target.Run)
	}
	switch why := WhyOf(r); {
	case r.Verdict == rollback.NotReady && why != "":
		l.Text = what + ": " + why
	case r.Verdict == rollback.Partial:
		l.Text = what + ": " + CarriedText(r) + " would be carried out, " + why
	case why != "":
		l.Text = fmt.Sprintf("%s: %s, %s", what, screen.Count(int64(len(r.Changes)), "package", "packages"), why)
	default:
		l.Text = fmt.Sprintf("%s: %s", what, screen.Count(int64(len(r.Changes)), "package", "packages"))
	}
	if text := ProofText(r.Proof, audit.Day); text != "" {
		l.Text += "; " + text
	}
	if n := len(r.Lost); n > 0 {
		l.Text += fmt.Sprintf("; it cost the way back to %d", n)
	}
	if n := len(r.Uncovered); n > 0 {
		l.Text += fmt.Sprintf("; %d unpackaged since", n)
	}
	return l
}

// NoRollback is the answer where there is no update to undo.
func NoRollback() report.Answer {
	return report.Answer{
		Text: func(s *screen.Screen) {
			l := RollbackLine(nil)
			s.Line(l.Verdict, screen.Plain.Text(": "+l.Text))
		},
	}
}
