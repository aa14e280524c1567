package history

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// However many durations there are, in whatever order, thirds that are merged
// are all of them sorted.
func TestThirdsAreMerged(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 3 * sortedHere {
		durations := make([]int64, n)
		for i := range durations {
			durations[i] = random.Int64N(1 + int64(n)) // with some of them equal
		}
		given := slices.Clone(durations)
		var memory [2 * sortedHere]int64
		got := sortThirds(durations, memory[:0])
		if !slices.Equal(durations, given) {
			t.Fatalf("%d durations were put into another order", n)
		}
		slices.Sort(durations)
		first, last := slices.Sorted(slices.Values(given[:n/3])), slices.Sorted(slices.Values(given[n-n/3:]))
		if !slices.Equal(got.all, durations) || !slices.Equal(got.first, first) || !slices.Equal(got.last, last) {
			t.Fatalf("of %v: %v, first %v, last %v", given, got.all, got.first, got.last)
		}
	}
}

// TestAStretchDoesNotDependOnWhatWasAskedBefore: merges do not end in the order of
// time, and the last day is remembered, which begins at one o'clock here.
func TestAStretchDoesNotDependOnWhatWasAskedBefore(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Skip("no time zone data:", err)
	}
	s := &statsReader{q: StatsQuery{Per: PerDay, Zone: zone}}
	one := time.Date(2019, 9, 8, 1, 0, 0, 0, zone).Unix()
	for _, ask := range []struct {
		at   int64
		want string
	}{{one, "2019-09-08"}, {one - 1, "2019-09-07"}, {one, "2019-09-08"}, {one + 23*3600 - 1, "2019-09-08"}, {one + 23*3600, "2019-09-09"}} {
		if got := s.stretch(ask.at); got != ask.want {
			t.Errorf("%d seconds after the day began: want %s, got %s", ask.at-one, ask.want, got)
		}
	}
}
