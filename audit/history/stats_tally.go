package history

import (
	"emaudit/parse/emergelog"
	"emaudit/store"
)

// tally collects what a row is made of.
type tally struct {
	durations, binary      []int64 // oldest first
	untimed, binaryUntimed int
	unmerges, failures     int
	firstAt, lastAt        int64
}

func (t *tally) saw(at int64) {
	if t.firstAt == 0 || at < t.firstAt {
		t.firstAt = at
	}
	t.lastAt = max(t.lastAt, at)
}

func (t *tally) merge(m *store.Merge) {
	switch m.Outcome {
	case emergelog.MergeFailed:
		t.failures++
	case emergelog.MergeMerged:
		t.saw(max(m.Finished, m.Started))
		seconds, ok := m.Duration()
		switch isBinary := m.Kind == emergelog.KindBinary; {
		case ok && isBinary:
			t.binary = append(t.binary, seconds)
		case ok:
			t.durations = append(t.durations, seconds)
		case isBinary:
			t.binaryUntimed++
		default:
			t.untimed++
		}
	}
}

func (t *tally) unmerge(u *store.Unmerge) {
	if u.Outcome == emergelog.UnmergeOK {
		t.unmerges++
	}
}

// tallyOf returns what the store sums up of a package.
func tallyOf(h *store.PackageHistory) tally {
	return tally{
		durations: h.Durations.AppendTo(nil), binary: h.BinaryDurations.AppendTo(nil), untimed: h.Untimed, binaryUntimed: h.BinaryUntimed,
		unmerges: h.Unmerges, failures: h.Failures, firstAt: h.FirstAt, lastAt: h.LastAt,
	}
}

// reset empties a tally and keeps its memory.
func (t *tally) reset() {
	*t = tally{durations: t.durations[:0], binary: t.binary[:0]}
}

// addOtherName adds what is known of a package under another of its names: it had
// one name first and then the other.
func (t *tally) addOtherName(o *tally) {
	if o.lastAt != 0 && o.lastAt < t.lastAt {
		*t, *o = *o, *t
	}
	t.add(o)
}

// add adds another tally, whose merges are later.
func (t *tally) add(o *tally) {
	t.durations, t.binary = append(t.durations, o.durations...), append(t.binary, o.binary...)
	t.count(o)
}

// count adds the numbers of another tally.
func (t *tally) count(o *tally) {
	t.untimed += o.untimed
	t.binaryUntimed += o.binaryUntimed
	t.unmerges += o.unmerges
	t.failures += o.failures
	if o.lastAt != 0 {
		t.saw(o.firstAt)
		t.saw(o.lastAt)
	}
}
