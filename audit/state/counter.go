package state

import (
	"cmp"
	"slices"
)

// Portage counts every merge into a root, whoever started it: emerge, ebuild(1) or a
// script (COUNTER; vartree.py, counter_tick_core). The difference of COUNTER between
// two installed packages is therefore the number of merges between them. If it
// exceeds the number in emerge.log, merges were not logged. So COUNTER proves that
// the log is complete, or shows where it is not.

// anchor is a logged merge whose COUNTER is known.
type anchor struct {
	change  int
	counter int64
}

// span is the part of the log between two anchors.
type span struct {
	from, until int // the numbers of their changes
	// least and most bound the number of merges missing from the log. A merge that
	// was cut off may have been counted or not.
	least, most int64
	explained   int64
}

// anchors returns the merges with a known COUNTER, in the order of the log. It
// returns none if the numbers do not increase: then the counter was reset.
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

// spans returns the spans between neighbouring anchors.
func (t *timeline) spans(anchors []anchor) []span {
	var all []span
	for i := 1; i < len(anchors); i++ {
		a, b := anchors[i-1], anchors[i]
		s := span{from: a.change, until: b.change}
		counted, maybe := int64(0), int64(0)
		for _, c := range t.Changes[a.change+1 : b.change+1] {
			switch {
			case c.kind != changeMerge:
			case c.merge.installed:
				counted++
			default:
				maybe++
			}
		}
		s.most = b.counter - a.counter - counted
		s.least = max(s.most-maybe, 0)
		if s.most < 0 {
			// COUNTER counts fewer merges than the log has: this pair proves nothing.
			s.least, s.most = 0, 0
		}
		all = append(all, s)
	}
	return all
}

// settle resolves disagreements by COUNTER, and collects the unknown states: those
// after a disagreement that COUNTER does not resolve, and those after unexplained
// merges.
func (t *timeline) settle() {
	anchors := t.anchors()
	spans := t.spans(anchors)
	// The COUNTER of a package determines its own merge. The remaining merges of each
	// span then explain the others.
	for _, counted := range []bool{true, false} {
		for i := range t.disagreements {
			if d := &t.disagreements[i]; d.merged && !d.settled && (d.by != nil && d.by.Row != nil && d.by.Row.Counter > 0) == counted {
				t.settleMerge(d, anchors, spans)
			}
		}
	}
	t.unlogged(anchors, spans)
	whole := t.countsFromTheFirst(anchors, spans)
	var snapshots []int // changes
	for i := range t.Changes {
		if t.Changes[i].kind == changeSnapshot {
			snapshots = append(snapshots, i)
		}
	}
	// floor returns the state that the ingest before a change saw, or 0 if there was
	// none.
	floor := func(change int) int {
		if i, _ := slices.BinarySearch(snapshots, change+1); i > 0 {
			return snapshots[i-1] + 1
		}
		return 0
	}
	for i := range t.disagreements {
		d := &t.disagreements[i]
		// COUNTER does not count removals. If no merge is missing, an unlogged event
		// is a removal, and only the removed package is in doubt.
		d.unloggedRemoval = !d.merged && !d.settled && whole
		if !d.settled && !d.unloggedRemoval {
			t.unknown = append(t.unknown, unknownStates{from: floor(d.change), until: d.until, cpv: d.cpv})
		}
	}
	for _, s := range spans {
		if s.least > s.explained {
			t.unexplained = append(t.unexplained, s)
			t.unknown = append(t.unknown, unknownStates{from: floor(s.from), until: s.until, merges: s.least - s.explained})
		}
	}
}

// countsFromTheFirst reports whether COUNTER proves that the log has every merge into
// the root, from the first one ever to the last.
func (t *timeline) countsFromTheFirst(anchors []anchor, spans []span) bool {
	if len(anchors) == 0 || slices.ContainsFunc(spans, func(s span) bool { return s.most > s.explained }) {
		return false
	}
	before := int64(0)
	for _, c := range t.Changes[:anchors[0].change] {
		if c.kind == changeMerge && c.merge.installed {
			before++
		}
	}
	// The first merge of a root has COUNTER 0, or 1 if the counter file existed
	// (counter_tick_core).
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

// settleMerge finds the span of an unlogged merge.
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
		// It happened after the start of state d.from and before the end of state
		// d.until.
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

// narrow moves the bounds of the installations in a disagreement to the span that
// COUNTER determines.
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

// unlogged finds installed packages without a line in the log. Only COUNTER or
// BUILD_TIME bounds the time of their merge.
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
			continue // merged before the first known merge, hence before the log
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
