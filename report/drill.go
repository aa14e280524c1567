package report

import (
	"fmt"
	"strings"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/drill"
	"emaudit/drill/look"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Drills are rollbacks that were carried out in a copy of the root.
type Drills struct{ all []drilled }

// drilled is one of them.
type drilled struct {
	Target  string        `json:"target"`
	Package string        `json:"package,omitempty"`
	Undo    *int64        `json:"undo,omitempty"`
	Verdict look.Verdict  `json:"verdict"`
	Carried int           `json:"carried"`
	Wished  int           `json:"wished"`
	Failed  *failedStep   `json:"failed"` // null if no command failed
	Steps   []drilledStep `json:"steps"`
	// Differences are what is not as the plan promised.
	Differences []drillDifference `json:"differences"`
	Began       int64             `json:"began"`   // unix seconds
	Seconds     float64           `json:"seconds"` // of the commands
	Room        int64             `json:"room"`    // bytes
	Log         string            `json:"log"`
	Kept        string            `json:"kept,omitempty"`

	command audit.Command
}

type failedStep struct {
	Command string `json:"command"`
	Why     string `json:"why"`
	CPV     string `json:"cpv,omitempty"`
	Phase   string `json:"phase,omitempty"`
	Line    string `json:"line,omitempty"`
}

type drilledStep struct {
	Command string  `json:"command"`
	Result  string  `json:"result"`
	Seconds float64 `json:"seconds"`
}

type drillDifference struct {
	Kind    look.Kind `json:"kind"`
	Subject string    `json:"subject"`
	Detail  string    `json:"detail"`
}

// Add adds what came of one plan, and where its log is.
func (a *Drills) Add(r *rollback.Rollback, d *drill.Result, log string) {
	one := drilled{
		Target: DrillSubject(r), Package: r.Package, Undo: r.Undo, Verdict: d.Verdict, Carried: r.Carried, Wished: r.Wished, Steps: []drilledStep{},
		Differences: []drillDifference{}, Began: d.Begin.Unix(), Seconds: d.Duration.Seconds(), Room: d.Room, Log: log, Kept: d.Kept, command: r.Command,
	}
	for _, s := range d.Steps {
		one.Steps = append(one.Steps, drilledStep{s.Command, s.Why(), s.Duration.Seconds()})
		if s.Command == d.Failed {
			one.Failed = &failedStep{Command: s.Command, Why: s.Why(), CPV: d.Cause.CPV, Phase: d.Cause.Phase, Line: d.Cause.Line}
		}
	}
	for _, o := range look.Differences(d.Observations) {
		one.Differences = append(one.Differences, drillDifference{o.Kind, o.Subject, o.Detail})
	}
	a.all = append(a.all, one)
}

// DrillSubject names what a rollback takes back.
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
		f := audit.Finding{Code: "drill-failed", Severity: audit.SeverityError, Subject: d.Target, Evidence: []audit.Evidence{}, Remedy: audit.Do(d.command)}
		switch {
		case d.Failed != nil:
			f.Message = d.Failed.Command + ": " + d.Failed.cause()
		case d.Verdict == look.Failed:
			f.Message = "other builds are installed than the plan promised: " + d.Differences[0].text()
		case d.Verdict == look.ProvenWithDifferences:
			f.Code, f.Severity = "drill-differs", audit.SeverityWarning
			f.Message = fmt.Sprintf("%s; the first is %s", audit.Counted(len(d.Differences), "difference", "differences"), d.Differences[0].text())
		default:
			continue
		}
		all = append(all, f)
	}
	return all
}

func (f *failedStep) cause() string {
	var words []string
	for _, w := range []string{f.Why, f.CPV, f.Phase, f.Line} {
		if w != "" {
			words = append(words, w)
		}
	}
	return strings.Join(words, ": ")
}

func (d drillDifference) text() string {
	return strings.TrimSuffix(strings.Join([]string{string(d.Kind), d.Subject, d.Detail}, ": "), ": ")
}

// Answer is the answer to: does real Portage carry the plan out?
func (a *Drills) Answer(Output) Answer {
	return Answer{
		Findings: a.Findings(),
		Keys:     func(j *JSON) { j.Value("drills", a.all) },
		Rows:     table.Data[drilled]("target", "verdict", "carried", "wished", "began", "seconds", "room", "log").CSV(table.All(a.all)),
		Text: func(s *screen.Screen) {
			for i, d := range a.all {
				if i > 0 {
					s.Blank()
				}
				d.text(s)
			}
			if len(a.all) == 0 {
				s.Line(screen.Bad.Text("No plan was carried out"))
			}
		},
	}
}

// verdictWords are the verdicts as the screen has them.
var verdictWords = map[look.Verdict]screen.Cell{
	look.Proven:                screen.Good.Text("PROVEN"),
	look.ProvenWithDifferences: screen.Warn.Text("PROVEN WITH DIFFERENCES"),
	look.Failed:                screen.Bad.Text("FAILED"),
}

// maxDifferences is how many differences the screen lists; JSON has all.
const maxDifferences = 20

func (d *drilled) text(s *screen.Screen) {
	s.Line(verdictWords[d.Verdict], screen.Plain.Text(fmt.Sprintf(": %d of %s carried out in a copy of the root, %s",
		d.Carried, audit.Counted(d.Wished, "change was", "changes were"), d.Target)))
	s.Line(screen.Plain.Text(fmt.Sprintf("  %s, %s written", screen.Seconds(int64(d.Seconds+0.5)), screen.Size(d.Room))))
	if d.Failed != nil {
		s.Line(screen.Plain.Text("  failed at  "), screen.Code.Text(d.Failed.Command))
		s.Line(screen.Plain.Text("  cause      "), screen.Bad.Text(d.Failed.cause()))
	}
	for i, x := range d.Differences {
		if i == maxDifferences {
			s.Line(screen.Dim.Text(fmt.Sprintf("  and %s; --format json has all", audit.Counted(len(d.Differences)-i, "more difference", "more differences"))))
			break
		}
		s.Line(screen.Warn.Text("  "+string(x.Kind)), screen.Plain.Text("  "+strings.TrimSpace(x.Subject+"  "+x.Detail)))
	}
	s.Line(screen.Dim.Text("  log  "), screen.Code.Text(d.Log))
	if d.Kept != "" {
		s.Line(screen.Dim.Text("  kept "), screen.Code.Text(d.Kept))
	}
}
