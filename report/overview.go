package report

import (
	"fmt"
	"strings"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/report/screen"
)

// Overview is the one screen that emaudit shows when nothing else is asked: a
// line for each check, and what to do first. What could not be read comes before
// all else: the answers are to what could.
func Overview(a *overview.Overview, unread []audit.Finding, checks []Check, o Output) Answer {
	answer := Checks(checks, true, o)
	findings := audit.MergeFindings(unread, answer.Findings)
	return Answer{
		Findings:    findings,
		Diagnostics: answer.Diagnostics,
		Keys: func(j *JSON) {
			j.Value("overview", a)
			var answers []overviewAnswer
			for _, c := range checks {
				answers = append(answers, overviewAnswer{Check: c.Name, Verdict: c.Line.Verdict.Text, Text: c.Line.Text, Command: c.Line.Command})
			}
			j.Value("answers", answers)
		},
		Text: func(s *screen.Screen) {
			if root := o.Envelope.Root; root != "" && root != "/" {
				s.Line(screen.Dim.Text("root "), screen.Code.Text(root))
			}
			s.Facts(OverviewFacts(a, o)...)
			if a.OtherSystem && a.Installed == 0 {
				s.Paragraph(0, screen.Bad.Text(a.System+" is no Gentoo: nothing was installed by Portage here. A Gentoo root elsewhere is audited with --root DIR, a Prefix with --eprefix DIR."))
			}
			s.Blank()
			var lines []screen.SummaryLine
			for _, c := range checks {
				lines = append(lines, c.Line)
			}
			s.Summary(append(lines, PkgdirLine(a)))
			if own := typed("emaudit", o.Place); own != "emaudit" {
				s.Line(screen.Dim.Text("emaudit stands for "), screen.Code.Text(own))
			}
			steps := NextSteps(findings, checks, o.Place)
			if len(steps) == 0 {
				return
			}
			s.Blank()
			s.Heading("To do now")
			shown := steps
			if !o.Verbose && len(steps) > maxSteps {
				shown = steps[:maxSteps]
			}
			s.Steps(shown)
			if rest := len(steps) - len(shown); rest > 0 {
				s.Line(screen.Dim.Text(fmt.Sprintf("     and %d more   ", rest)), screen.Code.Text(typed("emaudit audit", o.Place)))
			}
		},
	}
}

// overviewAnswer is a line of the screen in JSON; the check's own command has
// the whole answer.
type overviewAnswer struct {
	Check   string `json:"check"`
	Verdict string `json:"verdict"`
	Text    string `json:"text"`
	Command string `json:"command"`
}

// OverviewFacts returns the headline, which begins with the name of the host.
func OverviewFacts(a *overview.Overview, o Output) []screen.Cell {
	// No Gentoo host has no package: what was not found is not known.
	installed := screen.Unknown.Text("installed packages unknown")
	if a.Installed > 0 {
		installed = screen.Plain.Text(screen.Count(int64(a.Installed), "package", "packages") + " installed")
		if n := len(a.Unread.Installed); n > 0 {
			installed = screen.Warn.Text(fmt.Sprintf("%s, %d not read", installed.Text, n))
		}
	}
	facts := []screen.Cell{screen.Bold.Text(o.Envelope.Host)}
	if a.System != "" {
		facts = append(facts, screen.Plain.Text(a.System))
	}
	facts = append(facts, installed)
	n, r := len(a.LastUpdate), a.LastRun
	last, update := "last ", ""
	if a.LogLost {
		last = "last known "
	}
	if n > 0 {
		update = fmt.Sprintf("%supdate #%d", last, a.LastUpdate[n-1])
		if n > 1 {
			update = fmt.Sprintf("%supdate #%d-#%d", last, a.LastUpdate[0], a.LastUpdate[n-1])
		}
	}
	switch {
	case r == nil:
	case n > 0 && a.LastUpdate[n-1] == r.ID:
		facts = append(facts, screen.Plain.Text(update+" "+o.Terminal.Time(r.StartedAt)+", "+r.Outcome))
	case n > 0:
		facts = append(facts, screen.Plain.Text(update))
		fallthrough
	default:
		facts = append(facts, screen.Plain.Text(fmt.Sprintf("%srun #%d %s, %s", last, r.ID, o.Terminal.Time(r.StartedAt), r.Outcome)))
	}
	return facts
}

// PkgdirLine is the size of PKGDIR in a line, with what can go.
func PkgdirLine(a *overview.Overview) screen.SummaryLine {
	l := screen.SummaryLine{Label: "PKGDIR", Command: "emaudit doctor"}
	var bytes int64
	var files int
	var paths []string
	var free *int64
	for _, d := range a.PkgDirs {
		bytes += d.Bytes
		files += d.Binpkgs
		paths = append(paths, d.Path)
		if free == nil {
			free = d.Free
		}
	}
	if unread := a.Unread.PkgDirs; len(unread) > 0 {
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), strings.Join(unread, ", ")+" could not be read"
		return l
	}
	if len(paths) == 0 {
		l.Verdict, l.Text = screen.Bad.Text("none"), "no folder of binary packages"
		return l
	}
	l.Verdict = screen.Plain.Text(screen.Size(bytes))
	if r := a.Reclaimable; r == nil {
		l.Text = screen.Count(int64(files), "binpkg", "binpkgs")
	} else {
		l.Command = "emaudit prune"
		l.Text = "nothing can go"
		if r.Files > 0 {
			l.Text = screen.Size(r.Bytes) + " can go"
		}
	}
	if free != nil {
		l.Text += ", " + screen.Size(*free) + " free"
	}
	return l
}
