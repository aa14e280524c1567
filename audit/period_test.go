package audit_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
)

func TestPeriodsAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zone data:", err)
	}
	// A Wednesday, three days after summer time began.
	now := time.Date(2026, 4, 1, 15, 30, 0, 0, berlin)
	at := func(zone *time.Location, y int, m time.Month, d, h, min, s int) int64 {
		return time.Date(y, m, d, h, min, s, 0, zone).Unix()
	}
	for _, test := range []struct {
		since, until string
		zone         *time.Location
		want         audit.Period
	}{
		{"", "", berlin, audit.Period{}},
		{"2026-03-28", "", berlin, audit.Period{Since: at(berlin, 2026, 3, 28, 0, 0, 0)}},
		{"2026-03-28", "2026-03-29", berlin, audit.Period{Since: at(berlin, 2026, 3, 28, 0, 0, 0), Until: at(berlin, 2026, 3, 29, 23, 59, 59)}},
		{"2026-03-28", "2026-03-28", time.UTC, audit.Period{Since: at(time.UTC, 2026, 3, 28, 0, 0, 0), Until: at(time.UTC, 2026, 3, 28, 23, 59, 59)}},
		{"2026-02", "2026-02", time.UTC, audit.Period{Since: at(time.UTC, 2026, 2, 1, 0, 0, 0), Until: at(time.UTC, 2026, 2, 28, 23, 59, 59)}},
		{"2025", "2025", time.UTC, audit.Period{Since: at(time.UTC, 2025, 1, 1, 0, 0, 0), Until: at(time.UTC, 2025, 12, 31, 23, 59, 59)}},
		{"2026-03-28 14:30", "2026-03-28T14:30", time.UTC, audit.Period{Since: at(time.UTC, 2026, 3, 28, 14, 30, 0), Until: at(time.UTC, 2026, 3, 28, 14, 30, 59)}},
		{"2026-03-28T14:30:05Z", "", berlin, audit.Period{Since: at(time.UTC, 2026, 3, 28, 14, 30, 5)}},
		{"1778446820", "@1778446821", berlin, audit.Period{Since: 1778446820, Until: 1778446821}},
		{"yesterday", "yesterday", berlin, audit.Period{Since: at(berlin, 2026, 3, 31, 0, 0, 0), Until: at(berlin, 2026, 3, 31, 23, 59, 59)}},
		{"today", "now", berlin, audit.Period{Since: at(berlin, 2026, 4, 1, 0, 0, 0), Until: now.Unix()}},
		{"last week", "last week", berlin, audit.Period{Since: at(berlin, 2026, 3, 23, 0, 0, 0), Until: at(berlin, 2026, 3, 29, 23, 59, 59)}},
		{"This week", "this week", berlin, audit.Period{Since: at(berlin, 2026, 3, 30, 0, 0, 0), Until: at(berlin, 2026, 4, 5, 23, 59, 59)}},
		{"last month", "last  month", berlin, audit.Period{Since: at(berlin, 2026, 3, 1, 0, 0, 0), Until: at(berlin, 2026, 3, 31, 23, 59, 59)}},
		{"last year", "this year", time.UTC, audit.Period{Since: at(time.UTC, 2025, 1, 1, 0, 0, 0), Until: at(time.UTC, 2026, 12, 31, 23, 59, 59)}},
		// Days are days of the calendar: this one had 23 hours.
		{"3d", "", berlin, audit.Period{Since: at(berlin, 2026, 3, 29, 15, 30, 0)}},
		{"2w3d", "", berlin, audit.Period{Since: at(berlin, 2026, 3, 15, 15, 30, 0)}},
		{"3 days ago", "2h30min", berlin, audit.Period{Since: at(berlin, 2026, 3, 29, 15, 30, 0), Until: at(berlin, 2026, 4, 1, 13, 0, 0)}},
		{"1y2m", "", time.UTC, audit.Period{Since: at(time.UTC, 2025, 2, 1, 13, 30, 0)}},
		{"run:12", "run:-1", berlin, audit.Period{FirstRun: 12, LastRun: -1}},
		{"run:12", "2026-03-28", time.UTC, audit.Period{FirstRun: 12, Until: at(time.UTC, 2026, 3, 28, 23, 59, 59)}},
	} {
		got, err := audit.ParsePeriod(test.since, test.until, now, test.zone)
		if err != nil {
			t.Errorf("from %q to %q: %v", test.since, test.until, err)
		} else if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("from %q to %q (-want +got)\n%s", test.since, test.until, diff)
		}
	}
	for _, bad := range [][2]string{
		{"soon", ""},
		{"2026-13-01", ""},
		{"", "2026-02-30"},
		{"run:", ""},
		{"run:0", ""},
		{"", "run:x"},
		{"2w3", ""},
		{"w", ""},
		{"next week", ""},
		{"last", ""},
		{"last fortnight", ""},
		{"week", ""},
		{"99999999999999999999d", ""},
		{"2026-03-28", "2026-03-27"},
		{"12", ""},
	} {
		if got, err := audit.ParsePeriod(bad[0], bad[1], now, time.UTC); err == nil {
			t.Errorf("from %q to %q was read as %+v", bad[0], bad[1], got)
		}
	}
}

// TestADayWithoutAMidnightBeginsWhenTheClockIsPutForward: in these places that is
// done at midnight, and what time.Date makes of it belongs to the day before.
func TestADayWithoutAMidnightBeginsWhenTheClockIsPutForward(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		zone             string
		year, month, day int
	}{
		{"America/Santiago", 2019, 9, 8},
		{"Asia/Beirut", 2019, 3, 31},
		{"Africa/Cairo", 2010, 4, 30},
	} {
		zone, err := time.LoadLocation(test.zone)
		if err != nil {
			t.Skip("no time zone data:", err)
		}
		one := time.Date(test.year, time.Month(test.month), test.day, 1, 0, 0, 0, zone)
		if before := one.Add(-time.Second); before.Day() == test.day || before.Hour() != 23 {
			t.Fatalf("%s: %s comes before %s: the test needs another day", test.zone, before, one)
		}
		day := one.Format("2006-01-02")
		before := one.Add(-time.Second).Format("2006-01-02")
		for _, c := range []struct {
			text        string
			now         time.Time
			since, last time.Time
		}{
			{day, one, one, one.Add(23*time.Hour - time.Second)},
			{before, one, one.Add(-24 * time.Hour), one.Add(-time.Second)},
			{"today", one.Add(12 * time.Hour), one, one.Add(23*time.Hour - time.Second)},
			{"yesterday", one.Add(12 * time.Hour), one.Add(-24 * time.Hour), one.Add(-time.Second)},
			{"yesterday", one.Add(36 * time.Hour), one, one.Add(23*time.Hour - time.Second)},
		} {
			got, err := audit.ParsePeriod(c.text, c.text, c.now, zone)
			want := audit.Period{Since: c.since.Unix(), Until: c.last.Unix()}
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%s: %s, asked at %s: %v (-want +got)\n%s", test.zone, c.text, c.now, err, diff)
			}
		}
	}
}
