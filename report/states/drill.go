package states

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Drills are rollbacks that were carried out in a copy of the root, each with what it
// showed ([rollback.Rollback.Proof]).
type Drills struct{ all []drilled }

// drilled is one of them.
type drilled struct {
	Target  string `json:"target"`
	Package string `json:"package,omitempty"`
	Undo    *int64 `json:"undo,omitempty"`
	Carried int    `json:"carried"`
	Wished  int    `json:"wished"`
	*rollback.Proof
	Kept string `json:"kept"` // the folder that was kept, or ""

	command audit.Command
}

// Add adds a rollback that was carried out, and the folder that was kept, or "".
func (a *Drills) Add(r *rollback.Rollback, kept string) {
	a.all = append(a.all, drilled{DrillSubject(r), r.Package, r.Undo, r.Carried, r.Wished, r.Proof, kept, r.Command})
}

// DrillSubject returns the subject of a rollback.
func DrillSubject(r *rollback.Rollback) string {
	switch {
	case r.Package != "":
		return r.Package
	case r.Undo != nil:
		return fmt.Sprintf("undo of run %d", *r.Undo)
	}
	return r.Target.String()
}

// Findings are one for each drill that is not proven.
func (a *Drills) Findings() []audit.Finding {
	var all []audit.Finding
	for _, d := range a.all {
		f := audit.Finding{Subject: d.Target, Evidence: []audit.Evidence{{Source: d.Log}}, Remedy: audit.Do(d.command)}
		switch d.Verdict {
		case rollback.DrillFailed:
			f.Code, f.Severity, f.Message = audit.CodeDrillFailed, audit.SeverityError, d.why()
		case rollback.ProvenWithDifferences:
			f.Code, f.Severity, f.Message = audit.CodeDrillDiffers, audit.SeverityWarning, d.why()
		default:
			continue
		}
		all = append(all, f)
	}
	return all
}

// why returns one line about what differs from the plan.
func (d *drilled) why() string {
	if d.Step != "" {
		return d.Step + ": " + d.Cause
	}
	return fmt.Sprintf("%s, %s first", audit.Counted(len(d.Differences), "difference", "differences"), d.Differences[0])
}

// report.Answer is the answer to: does real Portage carry the plan out?
func (a *Drills) Answer(report.Output) report.Answer {
	return report.Answer{
		Findings: a.Findings(),
		Keys:     func(j *report.JSON) { j.Value("drills", a.all) },
		Rows:     table.Data[drilled]("target", "verdict", "carried", "wished", "started_at", "seconds", "bytes", "step", "cause", "log").CSV(table.All(a.all)),
		Text: func(s *screen.Screen) {
			for i := range a.all {
				if i > 0 {
					s.Blank()
				}
				a.all[i].text(s)
			}
			if len(a.all) == 0 {
				s.Line(screen.Bad.Text("No plan was carried out"))
			}
		},
	}
}

// maxOfKind is how many differences of one kind the screen lists; JSON has all.
const maxOfKind = 5

func (d *drilled) text(s *screen.Screen) {
	s.Line(drillWords[d.Verdict], screen.Plain.Text(fmt.Sprintf(": %d of %s carried out in a copy of the root, %s",
		d.Carried, audit.Counted(d.Wished, "change was", "changes were"), d.Target)))
	s.Line(screen.Plain.Text(fmt.Sprintf("  %s, %s written", screen.Seconds(d.Seconds), screen.Size(d.Bytes))))
	if d.Step != "" {
		s.Line(screen.Plain.Text("  failed at  "), screen.Code.Text(d.Step))
		s.Line(screen.Plain.Text("  cause      "), screen.Bad.Text(d.Cause))
	}
	counts, listed := map[string]int{}, map[string]int{}
	for _, x := range d.Differences {
		counts[x.Kind]++
	}
	for _, x := range d.Differences {
		listed[x.Kind]++
		// One more line would take the place of the line that counts the rest.
		switch n := listed[x.Kind]; {
		case n <= maxOfKind || n == maxOfKind+1 && counts[x.Kind] == n:
			s.Line(screen.Warn.Text("  "+x.Kind), screen.Plain.Text("  "+x.Subject+"  "+x.Detail))
		case n == maxOfKind+1:
			s.Line(screen.Warn.Text("  "+x.Kind), screen.Dim.Text(fmt.Sprintf("  and %d more; --format json has all", counts[x.Kind]-maxOfKind)))
		}
	}
	s.Line(screen.Dim.Text("  log  "), screen.Code.Text(d.Log))
	if d.Kept != "" {
		s.Line(screen.Dim.Text("  kept "), screen.Code.Text(d.Kept))
	}
}
