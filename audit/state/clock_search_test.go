package state

import (
	"math/rand/v2"
	"testing"
)

// TestTheClockIsSearchedAsItIsWalked compares every question to a clock with a
// walk over all that is known of it.
func TestTheClockIsSearchedAsItIsWalked(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	steps, wrong := 0, 0
	for range 200 {
		var lines []logTime
		at := int64(1_600_000_000)
		for place := range int64(60) {
			switch rng.IntN(12) {
			case 0:
				at -= rng.Int64N(5 * 24 * 3600)
			case 1:
				at -= 40 * 365 * 24 * 3600
			case 2:
				at += 40 * 365 * 24 * 3600
			default:
				at += rng.Int64N(24 * 3600)
			}
			lines = append(lines, logTime{place * 10, max(at, 1)})
		}
		c := readClock(lines)
		steps, wrong = steps+len(c.steps), wrong+len(c.wrong)
		for range 200 {
			place, at := rng.Int64N(620)-10, int64(1)
			if len(c.steps) > 0 {
				at = c.steps[rng.IntN(len(c.steps))].at + rng.Int64N(1000)*7200 - 3_600_000
			}
			wantAt, wantEpoch, wantAmbiguous := at, 0, false
			for _, d := range c.wrong {
				if d.place <= place {
					wantEpoch++
					if place < d.end {
						wantAt = d.at
					}
				}
				if d.end <= place {
					wantEpoch++
				}
			}
			for _, s := range c.steps {
				if s.place <= place {
					wantEpoch++
				} else {
					wantAt = min(wantAt, s.at)
				}
				wantAmbiguous = wantAmbiguous || s.at <= at && at <= s.until
			}
			if got := c.at(place, at); got != wantAt {
				t.Fatalf("%+v: at(%d, %d) = %d, want %d", c, place, at, got, wantAt)
			}
			if got := c.epoch(place); got != wantEpoch {
				t.Fatalf("%+v: epoch(%d) = %d, want %d", c, place, got, wantEpoch)
			}
			if s, got := c.ambiguous(at); got != wantAmbiguous || got && (at < s.at || at > s.until) {
				t.Fatalf("%+v: ambiguous(%d) = %v, %v, want %v", c, at, s, got, wantAmbiguous)
			}
		}
	}
	if steps < 100 || wrong < 100 {
		t.Errorf("%d steps, %d wrong: the test says little", steps, wrong)
	}
}
