package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/report/screen"
)

// maxSteps is how many things to do fit on the one screen.
const maxSteps = 5

// A harm is how much a finding costs whoever leaves it alone.
type harm uint8

// The harms, worst first.
const (
	harmDoubt    harm = iota // every other answer is in doubt
	harmBroken               // what is installed is broken, or may be
	harmFailed               // a merge failed
	harmRollback             // there is no sure way back
	harmUnread               // a package said something that nobody read, or nothing is packaged
	harmGap                  // what is installed has no binary package
	harmOther
	harmHousekeeping // a file or an entry of the index is of no use
)

// harms are those of the codes that are not harmOther.
var harms = map[string]harm{
	audit.CodeSourceUnreadable: harmDoubt, audit.CodeEmergeStopped: harmDoubt, audit.CodeVDBMissing: harmDoubt, audit.CodePkgdirUnmounted: harmDoubt, audit.CodePkgdirUnreadable: harmDoubt,
	audit.CodeMergeCut: harmBroken, audit.CodeSlotShared: harmBroken, audit.CodeQAUnresolvedSoname: harmBroken, audit.CodeQAMissingSonameSymlink: harmBroken,
	audit.CodeMergeFailed: harmFailed, audit.CodeMessagesUnread: harmUnread, audit.CodePkgdirMissing: harmUnread,
	audit.CodeBinpkgMissing: harmGap, audit.CodeBinpkgOtherBuild: harmGap, audit.CodeBinpkgLossy: harmGap, audit.CodeBinpkgUnread: harmGap, audit.CodeBinpkgUnseen: harmGap, audit.CodeBinpkgGone: harmGap,
	audit.CodeBinpkgEmpty: harmHousekeeping, audit.CodeBinpkgMisnamed: harmHousekeeping, audit.CodeBinpkgMisplaced: harmHousekeeping, audit.CodeBinpkgSymlink: harmHousekeeping,
	audit.CodeBinpkgNotAFile: harmHousekeeping, audit.CodeBinpkgChecksumFailure: harmHousekeeping,
}

func harmOf(code string) harm {
	switch h, ok := harms[code]; {
	case ok:
		return h
	case strings.HasPrefix(code, "index-"), strings.HasPrefix(code, "pkgdir-"):
		return harmHousekeeping
	case strings.HasPrefix(code, "rollback-"), code == audit.CodeStateUnknown:
		return harmRollback
	}
	return harmOther
}

// byPrune are the codes of housekeeping that prune mends.
var byPrune = []string{audit.CodeBinpkgEmpty, audit.CodeBinpkgMisnamed, audit.CodeIndexListsMissing, audit.CodePkgdirTemporary, audit.CodePkgdirPartial, audit.CodeBinpkgChecksumFailure}

// NextSteps returns what to do about the findings, the worst harm first. Findings of
// one code are one step, and so is all housekeeping. A check with its own step has that
// step instead of those of its findings.
func NextSteps(findings []audit.Finding, checks []Check, place audit.Place) []screen.Step {
	type group struct {
		harm     harm
		code     string
		findings []audit.Finding
		step     screen.Step
	}
	var groups []*group
	byName := map[string]*group{}
	cut := len(FindingsOf(findings, audit.CodeMergeCut)) > 0
	for _, f := range findings {
		if f.Severity == audit.SeverityInfo && (f.Code != audit.CodeRollbackCost || f.Remedy.Program() != "quickpkg") {
			continue
		}
		// An interrupted merge leaves its folder in the VDB, which goes with it.
		if cut && f.Code == audit.CodeVDBMergeLeftover || ownStep(f, checks) != nil {
			continue
		}
		h := harmOf(f.Code)
		name := f.Code
		if h == harmHousekeeping || h == harmGap {
			name = fmt.Sprint(h)
		}
		g := byName[name]
		if g == nil {
			g = &group{harm: h, code: f.Code}
			byName[name] = g
			groups = append(groups, g)
		}
		g.findings = append(g.findings, f)
	}
	for _, c := range checks {
		if c.Step.Text != "" {
			c.Step.Check = c.Name
			groups = append(groups, &group{harm: harmRollback, step: c.Step})
		}
	}
	slices.SortStableFunc(groups, func(a, b *group) int { return cmp.Compare(a.harm, b.harm) })
	var steps []screen.Step
	for _, g := range groups {
		switch {
		case g.step.Text != "":
		case g.harm == harmHousekeeping:
			g.step = housekeeping(g.findings, checks, place)
		case g.harm == harmGap:
			g.step = gapsStep(g.findings, checks, place)
		default:
			g.step = stepOf(g.code, g.findings, checks, place)
		}
		if g.step.Check == "" {
			g.step.Check = checkOf(g.code, checks).Name
		}
		steps = append(steps, g.step)
	}
	return steps
}

// ownStep returns the check whose own step replaces that of a finding, or nil.
func ownStep(f audit.Finding, checks []Check) *Check {
	if harmOf(f.Code) != harmRollback || f.Code == audit.CodeRollbackCost {
		return nil
	}
	for i := range checks {
		if checks[i].Step.Text != "" {
			return &checks[i]
		}
	}
	return nil
}

// stepOf is the step for findings of one code.
func stepOf(code string, findings []audit.Finding, checks []Check, place audit.Place) screen.Step {
	findings = slices.Clone(findings)
	slices.SortStableFunc(findings, func(a, b audit.Finding) int { return cmp.Compare(b.At, a.At) })
	first := findings[0]
	step := screen.Step{Text: first.Subject + ": " + first.Message, Command: first.Remedy.String()}
	if code == audit.CodeRollbackCost { // its message names the packages, and not its subject
		step.Text = first.Message
	} else if n := len(findings); n > 1 {
		step.Text = fmt.Sprintf("%s and %d more: %s", first.Subject, n-1, first.Message)
		if code == audit.CodeMergeFailed { // each failed in a way of its own
			step.Text = fmt.Sprintf("%d packages failed to merge: %s and %d more", n, first.Subject, n-1)
		}
		if !oneRemedy(findings) {
			step.Command = listing(code, checks, place)
		}
	}
	return step
}

// gapsStep is the step for all packages whose build has no binary package.
func gapsStep(findings []audit.Finding, checks []Check, place audit.Place) screen.Step {
	if len(findings) == 1 {
		return stepOf(findings[0].Code, findings, checks, place)
	}
	return screen.Step{
		Text:    fmt.Sprintf("%d packages have no binary package of their build: %s and %d more", len(findings), findings[0].Subject, len(findings)-1),
		Command: listing(findings[0].Code, checks, place),
	}
}

// housekeeping is the step for files and entries that are of no use.
func housekeeping(findings []audit.Finding, checks []Check, place audit.Place) screen.Step {
	counts := map[string]int{}
	var codes []string
	for _, f := range findings {
		if counts[f.Code]++; counts[f.Code] == 1 {
			codes = append(codes, f.Code)
		}
	}
	var parts []string
	for _, code := range codes {
		what, ok := housekeepingWords[code]
		if !ok {
			what = code
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[code], what))
	}
	step := screen.Step{Text: "Housekeeping: " + strings.Join(parts, ", "), Command: listing(findings[0].Code, checks, place)}
	switch {
	case oneRemedy(findings):
		step.Command = findings[0].Remedy.String()
	case !slices.ContainsFunc(codes, func(code string) bool { return !slices.Contains(byPrune, code) }):
		step.Command = audit.Emaudit("prune").At(place).String()
	}
	return step
}

// housekeepingWords say in few words what a code is about, for any number.
var housekeepingWords = map[string]string{
	audit.CodeIndexListsMissing: "in the index without a file", audit.CodeIndexBehind: "not in the index", audit.CodeBinpkgEmpty: "empty", audit.CodeBinpkgMisnamed: "with a wrong name",
	audit.CodeBinpkgMisplaced: "in a wrong folder", audit.CodeBinpkgChecksumFailure: "put aside by Portage", audit.CodeBinpkgNotAFile: "no regular file",
}

// oneRemedy reports whether one command mends all findings.
func oneRemedy(findings []audit.Finding) bool {
	return !slices.ContainsFunc(findings, func(f audit.Finding) bool { return f.Remedy.String() != findings[0].Remedy.String() })
}

// checkOf is the first check that has findings of a code, or the zero Check.
func checkOf(code string, checks []Check) Check {
	for _, c := range checks {
		if slices.ContainsFunc(c.Answer.Findings, func(f audit.Finding) bool { return f.Code == code }) {
			return c
		}
	}
	return Check{}
}

// listing is the command that lists the findings of a code.
func listing(code string, checks []Check, place audit.Place) string {
	if code == audit.CodeMergeFailed {
		return typed("emaudit failures", place)
	}
	return typed(cmp.Or(checkOf(code, checks).Line.Command, "emaudit audit"), place)
}

// typed is a command of emaudit, without words that need quotes, as it is typed at a
// place.
func typed(command string, place audit.Place) string {
	return audit.Emaudit(strings.Fields(command)[1:]...).At(place).String()
}
