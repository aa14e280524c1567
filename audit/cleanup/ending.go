package cleanup

import (
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
)

// PruneEnding is a rollback that pruning ends, or makes worse.
type PruneEnding struct {
	Target state.Target `json:"target"`
	// Before is the verdict today, After the verdict without the candidates.
	Before rollback.Readiness `json:"before"`
	After  rollback.Readiness `json:"after"`
	// Why is why it is not ready afterwards, or how many packages would no longer come
	// back, or would come back as another build.
	Why string `json:"why"`
	// Files are the candidates that it would merge today, as paths inside the root.
	Files []string `json:"files"`
}

// Limits of endings. It judges a rollback twice, and a rollback of a thousand packages
// takes a second. The older a state, the less of it is in PKGDIR, so after many states
// without a rollback no other is expected.
const (
	mostJudged   = 40
	mostNotReady = 12 // in succession
)

// endings finds the rollbacks that the plan ends or makes worse, the newest first.
// It judges the state before each run, and judges it again without the candidates if
// the rollback would merge one. A state that equals a later one with a rollback is not
// judged again.
func (p *pruner) endings() error {
	gone := map[*binpkgs.Binpkg]bool{}
	for i := range p.plan.Candidates {
		if b := p.plan.Candidates[i].binpkg; b != nil {
			gone[b] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	without := *p.Judge
	without.Past = p.Past.Without(gone)
	seen := []*state.State{p.Now}
	judged, notReady := 0, 0
	runs := p.Past.ChangingRuns()
	for i, run := range runs {
		if judged == mostJudged || notReady == mostNotReady {
			p.plan.EndingsUnjudged = len(runs) - i
			break
		}
		m := state.Moment{Run: run}
		s, err := p.Past.At(m, nil, p.Db.Now)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(seen, func(other *state.State) bool { return p.Past.Same(s, other) }) {
			continue
		}
		judged++
		before, err := p.BackTo(m)
		if err != nil {
			return err
		}
		e := PruneEnding{Target: before.Target, Before: before.Verdict}
		for i := range before.Changes {
			if c := before.Changes[i].Chosen; c != nil && gone[c.Binpkg] {
				e.Files = append(e.Files, c.Source())
			}
		}
		if before.Verdict == rollback.NotReady {
			notReady++
			continue
		}
		notReady = 0
		if seen = append(seen, s); len(e.Files) == 0 {
			continue
		}
		after, err := without.BackTo(m)
		if err != nil {
			return err
		}
		e.After = after.Verdict
		if e.Why = whyNotReady(after); e.Why == "" {
			e.Why = lessBack(before, after)
		}
		if e.Before != e.After || e.Why != "" {
			p.plan.Endings = append(p.plan.Endings, e)
		}
	}
	return without.Past.Err
}

// lessBack says how many packages would no longer come back, or would come back as
// another build than today. It returns "" if there are none.
func lessBack(before, after *rollback.Rollback) string {
	type back struct{ any, same bool }
	then := map[string]back{}
	for i := range after.Changes {
		c := &after.Changes[i]
		then[c.CPV()] = back{c.Chosen != nil && !c.Stays, c.Match != binpkgs.CoverageSameVersion}
	}
	lost, other := 0, 0
	for i := range before.Changes {
		c := &before.Changes[i]
		switch {
		case c.Chosen == nil || c.Stays:
		case !then[c.CPV()].any:
			lost++
		case c.Match != binpkgs.CoverageSameVersion && !then[c.CPV()].same:
			other++
		}
	}
	var parts []string
	if lost > 0 {
		parts = append(parts, audit.Counted(lost, "package comes", "packages come")+" back no more")
	}
	if other > 0 {
		parts = append(parts, audit.Counted(other, "package", "packages")+" of another build")
	}
	return strings.Join(parts, ", ")
}
