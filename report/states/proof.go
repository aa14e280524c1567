package states

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/screen"
)

// drillWords are the verdicts of drills as people read them.
var drillWords = map[rollback.DrillVerdict]screen.Cell{
	rollback.Proven:                screen.Good.Text("PROVEN"),
	rollback.ProvenWithDifferences: screen.Warn.Text("PROVEN WITH DIFFERENCES"),
	rollback.DrillFailed:           screen.Bad.Text("FAILED"),
}

// ProofText says in one line what the last drill of a rollback says, "" where there
// was none; day is the text of a time.
func ProofText(p *rollback.Proof, day func(unix int64) string) string {
	if p == nil {
		return ""
	}
	packages := audit.Counted(len(p.Files), "binary package", "binary packages")
	switch failed := p.Verdict == rollback.DrillFailed; {
	case failed && !p.Holds:
		return fmt.Sprintf("a drill failed on %s; since then %s", day(p.At), p.Since())
	case failed:
		return fmt.Sprintf("a drill failed on %s", day(p.At))
	case !p.Holds:
		return fmt.Sprintf("was proven on %s; since then %s", day(p.At), p.Since())
	case len(p.Differences) > 0:
		return fmt.Sprintf("proven on %s with %s, with %s", day(p.At), packages, audit.Counted(len(p.Differences), "difference", "differences"))
	}
	return fmt.Sprintf("proven on %s with %s", day(p.At), packages)
}

// ProofCell is the verdict of the last drill in a table, with its day. One that does
// not hold any more is dim.
func ProofCell(p *rollback.Proof, day func(unix int64) string) screen.Cell {
	if p == nil {
		return screen.Dim.Text(screen.NotKnown)
	}
	cell := drillWords[p.Verdict]
	text := map[rollback.DrillVerdict]string{rollback.Proven: "proven", rollback.ProvenWithDifferences: "differs", rollback.DrillFailed: "failed"}[p.Verdict] + " " + day(p.At)
	if !p.Holds {
		return screen.Dim.Text(text + ", ended")
	}
	return cell.Role.Text(text)
}

// ofProof returns the cell about the last drill, or nothing.
func ofProof(value func(*rollback.Proof) any) func(**rollback.Rollback) any {
	return func(r **rollback.Rollback) any {
		if (*r).Proof == nil {
			return nil
		}
		return value((*r).Proof)
	}
}

// proofLines prints the result of the last drill below the verdict of a rollback.
func proofLines(s *screen.Screen, r *rollback.Rollback, o report.Output) {
	p := r.Proof
	if p == nil {
		return
	}
	role := drillWords[p.Verdict].Role
	if !p.Holds {
		role = screen.Dim
	}
	text := ProofText(p, o.Terminal.Date)
	s.Paragraph(0, role.Text(text))
	if p.Holds && p.Step != "" {
		s.Line(screen.Dim.Text("  at     "), screen.Code.Text(p.Step))
		s.Line(screen.Dim.Text("  cause  "), screen.Plain.Text(p.Cause))
		s.Line(screen.Dim.Text("  log    "), screen.Code.Text(p.Log))
	}
}
