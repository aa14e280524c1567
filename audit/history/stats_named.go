package history

import (
	"slices"
	"strings"

	"emaudit/store"
)

// namedTallies collects the tallies of rows by name alone. There are no more than
// packages, whatever the length of the log.
type namedTallies struct {
	all   []namedTally
	place map[string]int // nil as long as all are in the order of their names
}

// namedTally is a tally, and before it what the store has summed up.
type namedTally struct {
	name              string
	durations, binary store.Durations
	tally
}

// usualPackages is how many packages there is room for at once: more than most
// hosts have. Memory that is not used is not taken.
const usualPackages = 2048

// entry returns the place of a name, and whether it is new.
func (n *namedTallies) entry(name string) (t *namedTally, isNew bool) {
	// Most come in the order of their names, each once.
	last := len(n.all) - 1
	if last < 0 {
		n.all = make([]namedTally, 0, usualPackages)
	}
	if n.place == nil && (last < 0 || n.all[last].name < name) {
		n.all = append(n.all, namedTally{name: name})
		return &n.all[last+1], true
	}
	if n.all[last].name == name {
		return &n.all[last], false
	}
	if n.place == nil {
		n.place = make(map[string]int, usualPackages)
		for i := range n.all {
			n.place[n.all[i].name] = i
		}
	}
	i, ok := n.place[name]
	if !ok {
		i = len(n.all)
		n.all, n.place[name] = append(n.all, namedTally{name: name}), i
	}
	return &n.all[i], !ok
}

func (n *namedTallies) of(name, _ string) *tally {
	t, _ := n.entry(name)
	return &t.tally
}

// history adds what the store has summed up of a package, under the name that it
// has today, before anything else is added.
func (n *namedTallies) history(name string, h *store.PackageHistory) {
	t, isNew := n.entry(name)
	if !isNew {
		past := *t.whole(new(tally))
		other := tallyOf(h)
		past.addOtherName(&other)
		*t = namedTally{name: name, tally: past}
		return
	}
	t.durations, t.binary = h.Durations, h.BinaryDurations
	t.count(&tally{
		untimed: h.Untimed, binaryUntimed: h.BinaryUntimed, unmerges: h.Unmerges, failures: h.Failures, firstAt: h.FirstAt, lastAt: h.LastAt,
	})
}

// whole returns everything as one tally, in memory or as it is.
func (t *namedTally) whole(memory *tally) *tally {
	if len(t.durations) == 0 && len(t.binary) == 0 {
		return &t.tally
	}
	memory.reset()
	memory.durations, memory.binary = t.durations.AppendTo(memory.durations), t.binary.AppendTo(memory.binary)
	memory.add(&t.tally)
	return memory
}

func (n *namedTallies) close() {
	if n.place != nil {
		slices.SortFunc(n.all, func(a, b namedTally) int { return strings.Compare(a.name, b.name) })
		n.place = nil
	}
}

func (n *namedTallies) len() int { return len(n.all) }

func (n *namedTallies) key(row uint32) [2]string { return [2]string{n.all[row].name, ""} }

func (n *namedTallies) tally(row uint32, memory *tally) *tally { return n.all[row].whole(memory) }

func (n *namedTallies) totals(each func(stretch string, t *tally)) {
	if len(n.all) == 0 {
		return
	}
	var sum, memory tally
	for i := range n.all {
		sum.add(n.all[i].whole(&memory))
	}
	each("", &sum)
}
