package audit

import (
	"strings"
	"time"
)

// DayBegins returns the first moment of a day. The numbers may exceed those of the
// month or the year. If the clock is put forward at midnight, as in Chile, midnight
// does not exist, and the day begins an hour later. [time.Date] would return the last
// hour of the day before.
func DayBegins(year int, month time.Month, day int, zone *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, zone)
	if t.Hour() == 0 {
		return t
	}
	forward, next := t.ZoneBounds()
	if t.Hour() >= 12 {
		forward = next
	}
	return forward
}

// dateLayouts are the accepted forms of dates, with the period that each names.
var dateLayouts = []struct {
	layout              string
	years, months, days int
}{
	{"2006-01-02", 0, 0, 1},
	{"2006-01", 0, 1, 0},
	{"2006", 1, 0, 0},
}

// ofCalendar reads "2026-05", "yesterday" or "last week", in lower case and in the
// zone of now. It returns the begin of that period and the begin of the next.
func ofCalendar(text string, now time.Time) (from, end time.Time, ok bool) {
	begins := func(year int, month time.Month, day int) time.Time {
		return DayBegins(year, month, day, now.Location())
	}
	for _, l := range dateLayouts {
		if t, err := time.Parse(l.layout, text); err == nil {
			return begins(t.Date()), begins(t.AddDate(l.years, l.months, l.days).Date()), true
		}
	}
	switch text {
	case "today":
		text = "this day"
	case "yesterday":
		text = "last day"
	}
	which, unit, _ := strings.Cut(text, " ")
	year, month, day := now.Date()
	var nth func(n int) time.Time // the begin of the n-th after this one
	switch strings.TrimSpace(unit) {
	case "day":
		nth = func(n int) time.Time { return begins(year, month, day+n) }
	case "week":
		monday := day - (int(now.Weekday())+6)%7
		nth = func(n int) time.Time { return begins(year, month, monday+7*n) }
	case "month":
		nth = func(n int) time.Time { return begins(year, month+time.Month(n), 1) }
	case "year":
		nth = func(n int) time.Time { return begins(year+n, time.January, 1) }
	default:
		return from, end, false
	}
	switch which {
	case "this":
		return nth(0), nth(1), true
	case "last":
		return nth(-1), nth(0), true
	}
	return from, end, false
}
