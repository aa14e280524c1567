package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/parse/emergelog"
)

// Portage counts every merge into a root (COUNTER; vartree.py,
// counter_tick_core), whoever started it: emerge, ebuild(1), a script. Between
// two merges whose packages still have their COUNTER, the difference is the
// number of merges there were, and what exceeds those in emerge.log was not
// logged. So COUNTER proves a log complete, or tells where it is not.

// anchor is a logged merge whose COUNTER is known.
type anchor struct {
	change  int
	counter int64
}

// span is what lies between two anchors.
type span struct {
	from, until int // numbers of the changes: after the first, up to the second
	// least and most are the merges that the log does not have: a merge that
	// was cut off may have been counted or not.
	least, most int64
	explained   int64
}

// anchors returns the merges whose COUNTER is known, in the order of the log.
// There are none where the numbers contradict it: then the counter was reset.
func (t *timeline) anchors() []anchor {
	index := map[int64]int{}
	for i := range t.Changes {
		if t.Changes[i].kind == changeMerge {
			index[t.Changes[i].place] = i
		}
	}
	var all []anchor
	for _, s := range t.installations {
		if s.Row == nil || s.Row.Counter <= 0 || s.Merge == nil || s.first != s.from {
			continue
		}
		if i, ok := index[s.Merge.BeganAt]; ok {
			all = append(all, anchor{i, s.Row.Counter})
		}
	}
	slices.SortFunc(all, func(a, b anchor) int { return cmp.Compare(a.change, b.change) })
	for i := 1; i < len(all); i++ {
		if all[i].counter <= all[i-1].counter {
			return nil
		}
	}
	return all
}

// spans returns what lies between neighbouring anchors.
func (t *timeline) spans(anchors []anchor) []span {
	var all []span
	for i := 1; i < len(anchors); i++ {
		a, b := anchors[i-1], anchors[i]
		s := span{from: a.change, until: b.change}
		counted, maybe := int64(0), int64(0)
		for _, c := range t.Changes[a.change+1 : b.change+1] {
			switch {
			case c.kind != changeMerge:
			case c.merge.Outcome == emergelog.MergeMerged || c.merge.PostinstFailed:
				counted++
			default:
				maybe++
			}
		}
		s.most = b.counter - a.counter - counted
		s.least = max(s.most-maybe, 0)
		if s.most < 0 {
			// Fewer than the log has: nothing can be proved with this pair.
			s.least, s.most = 0, 0
		}
		all = append(all, s)
	}
	return all
}

// settle narrows the disagreements by COUNTER, and finds what nothing is known
// of: the states behind a disagreement that COUNTER does not settle, or behind
// merges that nothing explains.
func (t *timeline) settle() {
	anchors := t.anchors()
	spans := t.spans(anchors)
	// A package with a COUNTER says itself when it was merged. What is left of
	// each span then tells of the others.
	for _, counted := range []bool{true, false} {
		for i := range t.disagreements {
			if d := &t.disagreements[i]; d.merged && !d.settled && (d.by != nil && d.by.Row != nil && d.by.Row.Counter > 0) == counted {
				t.settleMerge(d, anchors, spans)
			}
		}
	}
	t.unlogged(anchors, spans)
	whole := t.countsFromTheFirst(anchors, spans)
	for i := range t.disagreements {
		d := &t.disagreements[i]
		// A removal is not counted. Where no merge is missing, one that was not
		// logged shows in the package that it took away.
		d.unloggedRemoval = !d.merged && !d.settled && whole
		if !d.settled && !d.unloggedRemoval {
			t.unknown = append(t.unknown, unknownStates{t.floor(d.change), d.until, "emerge.log and the installed packages disagree about " + d.cpv})
		}
	}
	for _, s := range spans {
		if s.least > s.explained {
			t.unexplained = append(t.unexplained, s)
			t.unknown = append(t.unknown, unknownStates{t.floor(s.from), s.until, fmt.Sprintf("COUNTER counts %d merges that emerge.log does not have", s.least-s.explained)})
		}
	}
}

// countsFromTheFirst reports whether COUNTER proves that the log has every merge
// into the root since the first one ever, up to the last anchor and behind it.
func (t *timeline) countsFromTheFirst(anchors []anchor, spans []span) bool {
	if len(anchors) == 0 || slices.ContainsFunc(spans, func(s span) bool { return s.most > s.explained }) {
		return false
	}
	before := int64(0)
	for _, c := range t.Changes[:anchors[0].change] {
		if c.kind == changeMerge && (c.merge.Outcome == emergelog.MergeMerged || c.merge.PostinstFailed) {
			before++
		}
	}
	// The first merge of a root has COUNTER 0, or 1 where the counter file was
	// there before (counter_tick_core).
	if anchors[0].counter > before+1 {
		return false
	}
	for _, c := range t.Changes[anchors[len(anchors)-1].change+1:] {
		if c.kind == changeMerge {
			return false
		}
	}
	return true
}

// settleMerge finds the span in which a merge that was not logged happened.
func (t *timeline) settleMerge(d *disagreement, anchors []anchor, spans []span) {
	var fits []*span
	for j := range spans {
		s := &spans[j]
		if d.by != nil && d.by.Row != nil && d.by.Row.Counter > 0 {
			if anchors[j].counter < d.by.Row.Counter && d.by.Row.Counter < anchors[j+1].counter {
				fits = append(fits, s)
			}
			continue
		}
		// It happened after the beginning of state d.from and before the end of
		// state d.until.
		if s.most > s.explained && s.from+1 <= d.until && d.from <= s.until {
			fits = append(fits, s)
		}
	}
	if len(fits) == 1 && fits[0].from+1 <= d.until && d.from <= fits[0].until {
		fits[0].explained++
		d.settled = true
		t.narrow(d, fits[0])
	}
}

// floor is the state that the ingest before a change saw, 0 where there was
// none.
func (t *timeline) floor(change int) int {
	for i := change; i >= 0; i-- {
		if i < len(t.Changes) && t.Changes[i].kind == changeSnapshot {
			return i + 1
		}
	}
	return 0
}

// narrow moves the bounds of the stays that a disagreement is about to the
// span in which COUNTER says that it happened.
func (t *timeline) narrow(d *disagreement, s *span) {
	from, until := max(d.from, s.from+1), min(d.until, s.until)
	for _, x := range t.installations {
		switch {
		case x != d.by && x.CPV == d.cpv && x.from == d.from && x.first == d.from && x.until < d.until:
			x.Last, x.until = max(x.Last, from-1), max(x.first, min(x.until, until-1))
		case x == d.by:
			x.first, x.from = min(x.first, until), max(x.from, from)
		}
	}
	d.from, d.until = from, until
}

// unlogged finds packages that are installed although no line of the log says
// so: those were merged at a time that only COUNTER or BUILD_TIME bounds.
func (t *timeline) unlogged(anchors []anchor, spans []span) {
	if t.since == 0 {
		return
	}
	for _, s := range t.installations {
		if s.Merge != nil || s.Row == nil || s.from != 0 || s.first != 0 {
			continue
		}
		i, _ := slices.BinarySearchFunc(anchors, s.Row.Counter, func(a anchor, c int64) int { return cmp.Compare(a.counter, c) })
		switch {
		case s.Row.Counter > 0 && len(anchors) > 0 && i == 0:
			continue // before the first merge that is known: before the log
		case s.Row.Counter > 0 && len(anchors) > 0:
			s.from = anchors[i-1].change + 1
			s.first = s.witness
			if i < len(anchors) {
				s.first = min(s.first, anchors[i].change)
				spans[i-1].explained++
			}
		case s.Row.BuildTime > t.since:
			built := s.Row.BuildTime
			if step, ok := t.clock.ambiguous(built); ok {
				built = step.at - 1
			}
			s.from, s.first = t.stateAt(built), s.witness
		default:
			continue
		}
		s.first = max(s.first, s.from)
		t.disagreements = append(t.disagreements, disagreement{change: max(s.from-1, 0), cpv: s.CPV, found: s.CPV, from: s.from, until: s.first, merged: true, by: s})
	}
}
