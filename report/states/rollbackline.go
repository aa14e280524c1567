package states

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
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
	what := UpdateName(r.Target)
	switch {
	case r.Verdict == rollback.Partial:
		l.Text = fmt.Sprintf("%d of %d of %s", r.Carried, r.Wished, what)
	case len(r.Changes) > 0:
		l.Text = fmt.Sprintf("%s of %s", screen.Count(int64(len(r.Changes)), "package", "packages"), what)
	default:
		l.Text = what
	}
	if text := ProofText(r.Proof, audit.Day); text != "" {
		l.Text += "; " + text
	}
	return l
}

// UpdateName names the update whose undoing leads to a target, by the numbers of its
// first and last run: "#83-#86".
func UpdateName(t state.Target) string {
	switch n := len(t.Undoes); {
	case n > 1:
		return fmt.Sprintf("#%d-#%d", t.Undoes[0], t.Undoes[n-1])
	case t.Run != nil:
		return fmt.Sprintf("#%d", *t.Run)
	}
	return "the last update"
}

// RollbackStep is what to do about the way back from the last update. A plan that is
// ready needs nothing.
func RollbackStep(r *rollback.Rollback) screen.Step {
	what := "Going back to before update " + UpdateName(r.Target) + " is "
	why := whyOf(r)
	switch {
	case r.Verdict == rollback.Ready:
		return screen.Step{}
	case r.Verdict == rollback.ReadyWithWarnings && len(report.FindingsOf(r.Findings, audit.CodeRollbackUnverified)) > 0:
		return screen.Step{Text: what + "ready with warnings: " + why, Command: r.Command.Plus("--verify").String()}
	case r.Verdict == rollback.ReadyWithWarnings:
		return screen.Step{Text: what + "ready with warnings: " + why, Command: r.Command.String()}
	case r.Verdict == rollback.Partial:
		return screen.Step{Text: what + "possible in part, " + CarriedText(r) + ": " + why, Command: r.Command.String()}
	}
	return screen.Step{Text: what + "not possible: " + why, Command: r.Command.String()}
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
