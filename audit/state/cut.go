package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/audit/history"
)

// CutMerge is an interrupted merge that [Past.Cut] returns.
type CutMerge = history.CutMerge

// cutSpan are the states in which the files of a package are in doubt: from an
// interrupted merge to the merge that repaired the package.
type cutSpan struct {
	cp          string
	from, until int // first and last state
	why         string
	remedy      audit.Remedy
}

// Cut returns the merges that were interrupted while they changed the root and were
// not repaired since. If [history.CutMerge.Unknown] is true for one, its package is
// in doubt in every later state, including the present one. It has to be merged again
// before any rollback.
func (t *timeline) Cut() []history.CutMerge {
	return slices.DeleteFunc(slices.Clone(t.cut), func(c history.CutMerge) bool { return c.RepairedAt != 0 })
}

// spanCuts sets cutSpans.
func (t *timeline) spanCuts() {
	t.cutSpans = nil
	index := map[int64]int{}
	for i := range t.Changes {
		if c := &t.Changes[i]; c.kind == changeMerge {
			index[c.place] = i
		}
	}
	installedBy := map[int64]bool{}
	for _, x := range t.installations {
		if x.Merge != nil {
			installedBy[x.Merge.BeganAt] = true
		}
	}
	for _, c := range t.cut {
		if !c.Unknown() || c.RepairedAt != 0 && installedBy[c.BeganAt] {
			continue
		}
		s := cutSpan{cp: audit.PackageOf(t.Moves.CPV(c.CPV)), until: len(t.Changes)}
		s.why = fmt.Sprintf("the merge of %s was cut off on %s: what is on disk of it is not known", c.CPV, audit.Day(c.At))
		if c.RepairedAt == 0 {
			s.remedy = audit.Do(audit.Run("emerge", "--oneshot", "="+c.CPV))
		}
		if i, ok := index[c.BeganAt]; ok && c.BeganAt != 0 {
			s.from = i + 1
		} else {
			s.from = t.stateAt(c.At)
		}
		if i, ok := index[c.RepairedAt]; ok && c.RepairedAt != 0 {
			s.until = i
		}
		t.cutSpans = append(t.cutSpans, s)
	}
	slices.SortFunc(t.cutSpans, func(a, b cutSpan) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.cp, b.cp)) })
}

// cutIn returns the spans that contain a state.
func (t *timeline) cutIn(k int) (all []cutSpan) {
	for _, s := range t.cutSpans {
		if s.from <= k && k <= s.until {
			all = append(all, s)
		}
	}
	return all
}
