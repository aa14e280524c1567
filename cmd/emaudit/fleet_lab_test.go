package main

import (
	"os"
	"strconv"
	"testing"

	"emaudit/internal/labtest"
)

// TestAFleetKeepsWhatItsClientsCountOn lets a binhost and three clients live through
// random weeks with real Portage. The binhost builds, and each client updates, goes
// back, changes USE flags and merges old builds. Each week every client exports what
// it needs, unless it is silent, and the binhost prunes. A client may then lose no
// build that its last answer counted on: what is installed, and what the plans for its
// kept and pinned states merge. Portage on the client is asked for each of them, and
// the client's own verdicts must not get worse. A client that is silent for too long
// must keep the binhost from pruning.
//
// EMAUDIT_LAB_WEEKS is the number of weeks (20) and EMAUDIT_LAB_SEED the seed (1).
func TestAFleetKeepsWhatItsClientsCountOn(t *testing.T) {
	l := labtest.Open(t)
	number := func(name string, otherwise int) int {
		if s := os.Getenv(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return n
		}
		return otherwise
	}
	seed := number("EMAUDIT_LAB_SEED", 1)
	f := newLabFleet(t, l, number("EMAUDIT_LAB_WEEKS", 20), uint64(seed))
	for f.week = range f.weeks {
		f.live()
		if t.Failed() {
			t.Fatalf("seed %d, week %d", seed, f.week)
		}
	}
	t.Logf("seed %d, %d weeks: %d prunes took %d files and kept %d for clients alone; %d prunes refused; Portage was asked for %d builds, and carried out %d plans",
		seed, f.weeks, f.prunes, f.taken, f.forOthers, f.refused, f.asked, f.plans)
	if f.taken == 0 || f.forOthers == 0 || f.asked == 0 || f.weeks >= 20 && (f.refused == 0 || f.plans == 0) {
		t.Error("these weeks show nothing")
	}
}
