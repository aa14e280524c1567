package report

import (
	"cmp"
	"fmt"
	"slices"

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
			for _, f := range FindingsOf(findings, "merge-cut") {
				s.Paragraph(0, screen.Bad.Text(f.Subject+": "+f.Message))
			}
			s.Facts(overviewFacts(a, o)...)
			s.Blank()
			var lines []screen.SummaryLine
			for _, c := range checks {
				lines = append(lines, c.Line)
			}
			s.Summary(append(lines, PkgdirLine(a)))
			if steps := NextSteps(findings, checks); len(steps) > 0 {
				s.Blank()
				s.Heading("To do now")
				s.Steps(steps)
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

// overviewFacts is the headline: which host, and what was done last.
func overviewFacts(a *overview.Overview, o Output) []screen.Cell {
	// No Gentoo host has no package: what was not found is not known.
	installed := screen.Unknown.Text("installed packages unknown")
	if a.Installed > 0 {
		installed = screen.Plain.Text(screen.Count(int64(a.Installed), "package", "packages") + " installed")
	}
	facts := []screen.Cell{screen.Bold.Text(o.Envelope.Host), screen.Plain.Text("Gentoo"), installed}
	if r := a.LastRun; r != nil {
		facts = append(facts, screen.Plain.Text(fmt.Sprintf("last run #%d %s, %s", r.ID, o.Terminal.Time(r.StartedAt), r.Outcome)))
	}
	return facts
}

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
			l.Text = fmt.Sprintf("%s in %s can go", screen.Size(r.Bytes), screen.Count(int64(r.Files), "file", "files"))
		}
	}
	if free != nil {
		l.Text += ", " + screen.Size(*free) + " free"
	}
	return l
}

// maxSteps is how many things to do fit on the one screen.
const maxSteps = 5

// urgency sorts before the rest what makes every other answer doubtful, and then
// what the last update cost: that can be had back only until the next one.
func urgency(f audit.Finding) int {
	switch {
	case f.Code == "merge-cut", f.Code == "source-unreadable":
		return 0
	case f.Code == "rollback-cost" && f.Remedy.Program() == "quickpkg":
		return 1
	}
	return 2
}

// NextSteps are the remedies of the worst findings. Those of one code are one
// step: their remedy where all have the same, or else the command that lists
// them.
func NextSteps(findings []audit.Finding, checks []Check) []screen.Step {
	byCode := map[string][]audit.Finding{}
	for _, f := range findings {
		byCode[f.Code] = append(byCode[f.Code], f)
	}
	var steps []screen.Step
	seen := map[string]bool{}
	findings = slices.Clone(findings)
	slices.SortStableFunc(findings, func(a, b audit.Finding) int { return cmp.Compare(urgency(a), urgency(b)) })
	for _, f := range findings {
		if f.Severity == audit.SeverityInfo && urgency(f) > 1 || seen[f.Code] {
			continue
		}
		if len(steps) == maxSteps {
			break
		}
		seen[f.Code] = true
		alike := byCode[f.Code]
		step := screen.Step{Text: f.Subject + ": " + f.Message, Command: f.Remedy.String()}
		if f.Code == "rollback-cost" { // its message names the packages, and not its subject
			step.Text = f.Message
		} else if n := len(alike); n > 1 {
			step.Text = fmt.Sprintf("%s and %d more: %s", f.Subject, n-1, f.Message)
			if slices.ContainsFunc(alike, func(other audit.Finding) bool { return other.Remedy.String() != f.Remedy.String() }) {
				step.Command = listing(f.Code, checks)
			}
		}
		steps = append(steps, step)
	}
	return steps
}

// listing is the command that lists the findings of a code: that of the first
// check which has some.
func listing(code string, checks []Check) string {
	for _, c := range checks {
		if slices.ContainsFunc(c.Answer.Findings, func(f audit.Finding) bool { return f.Code == code }) {
			return c.Line.Command
		}
	}
	return "emaudit audit"
}
