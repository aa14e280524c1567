package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/audit/history"
)

// CutMerge is an interrupted merge that Past.Cut returns.
type CutMerge = history.CutMerge

// cutSpan are the states in which it is in doubt what is on disk of a package: from
// the merge that was cut to the one that mended it.
type cutSpan struct {
	cp          string
	from, until int // the first and the last of them
	why         string
	remedy      audit.Remedy
}

// Cut returns the merges that were cut while they changed what is installed, and
// that were not mended since. Of those that are [history.CutMerge.Unknown] the
// package is in doubt in every state from then on, also now: to merge it again
// comes before any rollback.
func (t *timeline) Cut() []history.CutMerge {
	return slices.DeleteFunc(slices.Clone(t.cut), func(c history.CutMerge) bool { return c.RepairedAt != 0 })
}

// spanCuts finds the states in which a merge was cut.
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

// cutIn returns the spans that a state lies in.
func (t *timeline) cutIn(k int) (all []cutSpan) {
	for _, s := range t.cutSpans {
		if s.from <= k && k <= s.until {
			all = append(all, s)
		}
	}
	return all
}
