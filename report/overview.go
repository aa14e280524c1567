package report

import (
	"fmt"
	"io"
	"strings"

	"emaudit/audit"
)

// Overview is the one screen that emaudit shows when nothing else is asked.
func Overview(a *audit.Summary, o Output) Answer {
	return Answer{
		Findings: a.Findings,
		Keys:     func(j *JSON) { j.Value("summary", a) },
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "installed", "exact", "same_build", "same_version", "none", "whole", "damaged", "unchecked", "unknown")
			c.Row(a.Installed, a.Coverage.Exact, a.Coverage.SameBuild, a.Coverage.SameVersion, a.Coverage.None,
				a.Integrity.Whole, a.Integrity.Damaged, a.Integrity.Unchecked, a.Integrity.Unknown)
			return c.Close()
		},
		Text: func(s *Screen) {
			s.Facts(Bold.Text(o.Envelope.Host), Plain.Text("Gentoo"), Plain.Text(Count(int64(a.Installed), "package", "packages")+" installed"))
			s.Blank()
			s.Summary([]SummaryLine{coverageLine(a), integrityLine(a), pkgdirLine(a)})
			if steps := nextSteps(a.Findings); len(steps) > 0 {
				s.Blank()
				s.Heading("To do now")
				s.Steps(steps)
			}
		},
	}
}

func coverageLine(a *audit.Summary) SummaryLine {
	c := a.Coverage
	l := SummaryLine{Label: "COVERAGE", Command: "emaudit audit coverage"}
	packaged := a.Installed - c.None
	role := Good
	switch {
	case a.Installed == 0:
		l.Verdict, l.Text = Unknown.Text("unknown"), "no installed package was found"
		return l
	case c.None > 0 || c.SameVersion > 0:
		role = Warn
	}
	l.Verdict = role.Text(fmt.Sprintf("%d of %d", packaged, a.Installed))
	l.Text = fmt.Sprintf("exact %d, same build %d, other build %d, none %d", c.Exact, c.SameBuild, c.SameVersion, c.None)
	return l
}

func integrityLine(a *audit.Summary) SummaryLine {
	i := a.Integrity
	l := SummaryLine{Label: "INTEGRITY", Command: "emaudit audit"}
	switch {
	case i.Damaged > 0:
		l.Verdict = Bad.Text(fmt.Sprintf("%d damaged", i.Damaged))
	case i.Unchecked+i.Unknown > 0:
		l.Verdict = Unknown.Text(fmt.Sprintf("%d unchecked", i.Unchecked+i.Unknown))
	case i.Whole > 0:
		l.Verdict = Good.Text(fmt.Sprintf("%d whole", i.Whole))
	default:
		l.Verdict, l.Text = Unknown.Text("unknown"), "no binary package was found"
		return l
	}
	l.Text = fmt.Sprintf("%d read whole, %d damaged, %d not read yet, %d unknown", i.Whole, i.Damaged, i.Unchecked, i.Unknown)
	return l
}

func pkgdirLine(a *audit.Summary) SummaryLine {
	l := SummaryLine{Label: "PKGDIR", Command: "emaudit doctor"}
	var bytes int64
	var files int
	var paths []string
	for _, d := range a.PkgDirs {
		bytes += d.Bytes
		files += d.Binpkgs
		paths = append(paths, d.Path)
	}
	if len(paths) == 0 {
		l.Verdict, l.Text = Bad.Text("none"), "no folder of binary packages"
		return l
	}
	l.Verdict = Plain.Text(Size(bytes))
	l.Text = fmt.Sprintf("%s in %s", Count(int64(files), "binpkg", "binpkgs"), strings.Join(paths, ", "))
	return l
}

// maxSteps is how many things to do fit on the one screen.
const maxSteps = 5

// nextSteps are the remedies of the worst findings, those of one code together.
func nextSteps(findings []audit.Finding) []Step {
	count := map[string]int{}
	for _, f := range findings {
		count[f.Code]++
	}
	var steps []Step
	seen := map[string]bool{}
	for _, f := range findings {
		if f.Severity == audit.SeverityInfo || seen[f.Code] {
			continue
		}
		if len(steps) == maxSteps {
			break
		}
		seen[f.Code] = true
		if n := count[f.Code]; n > 1 {
			steps = append(steps, Step{Text: fmt.Sprintf("%s and %d more: %s", f.Subject, n-1, f.Message), Command: "emaudit audit"})
			continue
		}
		steps = append(steps, Step{Text: f.Subject + ": " + f.Message, Command: f.Remedy})
	}
	return steps
}
