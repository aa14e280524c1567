package state

import (
	"slices"
	"testing"

	"emaudit/store/inventory"
)

// A look at the VDB by a clock that was far ahead is forgotten once a later look
// contradicts it; those before and after it count.
func TestALookByAClockAt2100IsForgotten(t *testing.T) {
	t.Parallel()
	const at2100 = 4102444800
	look := func(taken, confirmed int64) inventory.Snapshot {
		return inventory.Snapshot{TakenAt: taken, ConfirmedAt: confirmed}
	}
	for _, test := range []struct {
		name      string
		all, want []inventory.Snapshot
	}{
		{"none", nil, nil},
		{"in order", []inventory.Snapshot{look(100, 150), look(200, 200)}, []inventory.Snapshot{look(100, 150), look(200, 200)}},
		{"taken then", []inventory.Snapshot{look(100, 150), look(at2100, at2100), look(200, 200), look(300, 300)}, []inventory.Snapshot{look(100, 150), look(200, 200), look(300, 300)}},
		{"confirmed then", []inventory.Snapshot{look(100, at2100), look(200, 200)}, []inventory.Snapshot{look(100, 100), look(200, 200)}},
		{"not contradicted yet", []inventory.Snapshot{look(100, 150), look(at2100, at2100)}, []inventory.Snapshot{look(100, 150), look(at2100, at2100)}},
		{"back by an hour", []inventory.Snapshot{look(100, 150), look(7200, 7200), look(3600, 3600), look(9000, 9000)}, []inventory.Snapshot{look(9000, 9000)}},
	} {
		if got := new(clock).orderly(test.all); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
}
