package screen

import (
	"math/rand/v2"
	"testing"
	"time"
)

// A clock says what Terminal.Time says, in whatever order it is asked: across
// midnight, where summer time begins and ends, in zones with odd offsets, and
// before zones were whole minutes from UTC.
func TestClock(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia", "Pacific/Apia"} {
		location, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, relative := range []bool{false, true} {
			term := Terminal{Location: location, RelativeDays: relative, Now: time.Unix(1_600_000_000, 0)}
			c := Words{Terminal: term}
			ask := func(unix int64) {
				t.Helper()
				if got, want := c.Time(unix), term.Time(unix); got != want {
					t.Fatalf("%s: %d: got %q, want %q", zone, unix, got, want)
				}
			}
			ask(-1)
			ask(0)
			for range 2000 {
				// A day of its own, and then a walk over hours of it.
				at := random.Int64N(2_000_000_000)
				for range 20 {
					ask(at)
					at += random.Int64N(2*3600) - 1800
				}
			}
			for _, transition := range []int64{1_585_443_600, 1_603_587_600, 1_325_239_200} {
				for at := transition - 7200; at < transition+7200; at += 30 {
					ask(at)
				}
			}
			ask(253_402_300_799)
			ask(253_402_300_800 + 86400)
		}
	}
}
