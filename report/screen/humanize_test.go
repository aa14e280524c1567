package screen

import (
	"testing"
	"time"
)

func TestSize(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		bytes int64
		want  string
	}{
		{-1, "-"},
		{0, "0 B"},
		{83, "83 B"},
		{1023, "1023 B"},
		{1024, "1.0 KiB"},
		{1100 << 10, "1.1 MiB"},
		{412 << 20, "412 MiB"},
		{2040109466, "1.9 GiB"},
		{38 << 30, "38 GiB"},
		{1<<63 - 1, "8.0 EiB"},
	} {
		if got := Size(test.bytes); got != test.want {
			t.Errorf("Size(%d) = %q, want %q", test.bytes, got, test.want)
		}
	}
}

func TestSizeOfNamesACommonUnitOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		part, whole int64
		want        string
	}{
		{1288490189, 2040109466, "1.2 / 1.9 GiB"},
		{412 << 20, 2040109466, "412 MiB / 1.9 GiB"},
		{83, 2040109466, "83 B / 1.9 GiB"},
		{12, 83, "12 / 83 B"},
		{-1, 83, "- / 83 B"},
		{-1, -1, "- / -"},
	} {
		if got := sizeOf(test.part, test.whole); got != test.want {
			t.Errorf("SizeOf(%d, %d) = %q, want %q", test.part, test.whole, got, test.want)
		}
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		n                int64
		singular, plural string
		want             string
	}{
		{0, "package", "", "0 packages"},
		{1, "package", "", "1 package"},
		{2114, "package", "", "2,114 packages"},
		{2, "dependency", "", "2 dependencies"},
		{1 << 40, "file", "", "1,099,511,627,776 files"},
		{3, "atom", "atoma", "3 atoma"},
	} {
		if got := Count(test.n, test.singular, test.plural); got != test.want {
			t.Errorf("Count(%d, %q, %q) = %q, want %q", test.n, test.singular, test.plural, got, test.want)
		}
	}
}

func TestPercentSaysAllOnlyOfAll(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		part, whole int64
		want        string
	}{
		{63, 100, "63 %"},
		{0, 5, "0 %"},
		{1, 100_000, "1 %"},
		{99_999, 100_000, "99 %"},
		{5, 5, "100 %"},
		{0, 0, "-"},
	} {
		if got := Percent(test.part, test.whole); got != test.want {
			t.Errorf("Percent(%d, %d) = %q, want %q", test.part, test.whole, got, test.want)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, test := range []struct {
		d    time.Duration
		want string
	}{
		{-1, "-"},
		{0, "0 s"},
		{time.Microsecond, "1 ms"},
		{12 * time.Millisecond, "12 ms"},
		{150 * time.Millisecond, "0.2 s"},
		{5 * time.Second, "5 s"},
		{5200 * time.Millisecond, "5.2 s"},
		{9949 * time.Millisecond, "9.9 s"},
		{9950 * time.Millisecond, "10 s"},
		{42 * time.Second, "42 s"},
		{59499 * time.Millisecond, "59 s"},
		{59500 * time.Millisecond, "1m"},
		{time.Minute, "1m"},
		{3*time.Minute + 12*time.Second, "3m 12s"},
		{10*time.Minute - time.Second, "9m 59s"},
		{10 * time.Minute, "10m"},
		{38*time.Minute + 20*time.Second, "38m"},
		{59*time.Minute + 30*time.Second, "1h"},
		{2*time.Hour + 11*time.Minute, "2h 11m"},
		{day - time.Second, "1d"},
		{3*day + 4*time.Hour + 59*time.Minute, "3d 5h"},
	} {
		if got := Duration(test.d); got != test.want {
			t.Errorf("Duration(%v) = %q, want %q", test.d, got, test.want)
		}
	}
	for seconds, want := range map[int64]string{-1: "-", 7860: "2h 11m", 1<<63 - 1: "-"} {
		if got := Seconds(seconds); got != want {
			t.Errorf("Seconds(%d) = %q, want %q", seconds, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	unix := func(s string) int64 {
		moment, err := time.Parse("2006-01-02 15:04 MST", s)
		if err != nil {
			t.Fatal(err)
		}
		return moment.Unix()
	}
	utc := Terminal{Now: evening}
	relative := Terminal{Now: evening, RelativeDays: true}
	local := Terminal{Now: evening, RelativeDays: true, Location: berlin(t)}
	// On 2026-10-25 the clocks of Berlin went back: the day had 25 hours.
	autumn := Terminal{Now: time.Date(2026, 10, 25, 22, 30, 0, 0, time.UTC), RelativeDays: true, Location: berlin(t)}
	for _, test := range []struct {
		name string
		term Terminal
		unix int64
		want string
	}{
		{"not known", relative, 0, "-"},
		{"before all time", relative, -5, "-"},
		{"a date", relative, unix("2026-11-02 19:00 UTC"), "2026-11-02 19:00"},
		{"today", relative, unix("2026-11-23 12:04 UTC"), "today 12:04"},
		{"the first minute of today", relative, unix("2026-11-23 00:00 UTC"), "today 00:00"},
		{"yesterday", relative, unix("2026-11-22 23:59 UTC"), "yesterday 23:59"},
		{"the day before yesterday", relative, unix("2026-11-21 23:59 UTC"), "2026-11-21 23:59"},
		{"tomorrow", relative, unix("2026-11-24 03:10 UTC"), "tomorrow 03:10"},
		{"today on a pipe", utc, unix("2026-11-23 12:04 UTC"), "2026-11-23 12:04"},
		{"today in Berlin", local, unix("2026-11-22 23:04 UTC"), "today 00:04"},
		{"yesterday in Berlin", local, unix("2026-11-22 22:59 UTC"), "yesterday 23:59"},
		{"yesterday, 25 hours before", autumn, unix("2026-10-24 21:30 UTC"), "yesterday 23:30"},
		{"today, before the clocks went back", autumn, unix("2026-10-24 22:30 UTC"), "today 00:30"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.term.Time(test.unix); got != test.want {
				t.Errorf("Time(%d) = %q, want %q", test.unix, got, test.want)
			}
		})
	}
}

func TestInstant(t *testing.T) {
	t.Parallel()
	if got, want := (Terminal{Location: berlin(t)}).Instant(evening.Unix()), "2026-11-23 21:30:00 +0100"; got != want {
		t.Errorf("Instant = %q, want %q", got, want)
	}
	if got := (Terminal{}).Instant(0); got != "-" {
		t.Errorf("Instant(0) = %q", got)
	}
}
