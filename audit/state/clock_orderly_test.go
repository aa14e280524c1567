package state

import (
	"slices"
	"testing"

	"emaudit/store"
)

// A look at the VDB by a clock that was far ahead is forgotten once a later look
// contradicts it; those before and after it count.
func TestALookByAClockAt2100IsForgotten(t *testing.T) {
	t.Parallel()
	const at2100 = 4102444800
	look := func(taken, confirmed int64) store.Snapshot {
		return store.Snapshot{TakenAt: taken, ConfirmedAt: confirmed}
	}
	for _, test := range []struct {
		name      string
		all, want []store.Snapshot
	}{
		{"none", nil, nil},
		{"in order", []store.Snapshot{look(100, 150), look(200, 200)}, []store.Snapshot{look(100, 150), look(200, 200)}},
		{"taken then", []store.Snapshot{look(100, 150), look(at2100, at2100), look(200, 200), look(300, 300)}, []store.Snapshot{look(100, 150), look(200, 200), look(300, 300)}},
		{"confirmed then", []store.Snapshot{look(100, at2100), look(200, 200)}, []store.Snapshot{look(100, 100), look(200, 200)}},
		{"not contradicted yet", []store.Snapshot{look(100, 150), look(at2100, at2100)}, []store.Snapshot{look(100, 150), look(at2100, at2100)}},
		{"back by an hour", []store.Snapshot{look(100, 150), look(7200, 7200), look(3600, 3600), look(9000, 9000)}, []store.Snapshot{look(9000, 9000)}},
	} {
		if got := new(clock).orderly(test.all); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
