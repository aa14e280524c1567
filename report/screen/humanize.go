package screen

import (
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
)

// NotKnown is shown for a value that is not known.
const NotKnown = "-"

// Size returns a number of bytes in IEC units with two or more digits: "83 B",
// "1.9 GiB", "412 MiB". A negative size is not known.
func Size(bytes int64) string {
	if bytes < 0 {
		return NotKnown
	}
	return humanize.IBytes(uint64(bytes))
}

// sizeOf returns a part of a whole number of bytes, without repeating the unit
// that both have: "1.2 / 1.9 GiB", "83 B / 1.9 GiB".
func sizeOf(part, whole int64) string {
	a, b := Size(part), Size(whole)
	i, j := len(a), len(b)
	for i > 0 && j > 0 && a[i-1] == b[j-1] && a[i-1] != ' ' {
		i, j = i-1, j-1
	}
	if i > 0 && j > 0 && a[i-1] == ' ' && b[j-1] == ' ' {
		a = a[:i-1]
	}
	return a + " / " + b
}

// Number returns n with commas between the thousands.
func Number(n int64) string {
	if -1000 < n && n < 1000 {
		return strconv.FormatInt(n, 10)
	}
	return humanize.Comma(n)
}

// Count returns n with the noun in the right number: "1 package",
// "2,114 packages". An empty plural is formed by the rules of English.
func Count(n int64, singular, plural string) string {
	quantity := 2
	if n == 1 {
		quantity = 1
	}
	return Number(n) + " " + english.PluralWord(quantity, singular, plural)
}

// Percent returns the part of a whole in percent: "63 %". It says 100 only of
// all and 0 only of nothing, and that of a whole of 0 is not known.
func Percent(part, whole int64) string {
	if whole <= 0 {
		return NotKnown
	}
	percent := math.Round(float64(part) / float64(whole) * 100)
	switch {
	case part > 0 && percent < 1:
		percent = 1
	case part < whole && percent > 99:
		percent = 99
	}
	return strconv.FormatFloat(percent, 'f', 0, 64) + " %"
}

// Duration returns d with as many digits as are of use: "12 ms", "5.2 s", "42 s",
// "3m 12s", "38m", "2h 11m", "3d 4h". A negative duration is not known.
func Duration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return NotKnown
	case d == 0:
		return "0 s"
	case d < 100*time.Millisecond:
		return inUnit(max(d.Round(time.Millisecond)/time.Millisecond, 1), " ms")
	case d%time.Second != 0 && d < 9950*time.Millisecond:
		return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', 1, 64) + " s"
	case d.Round(time.Second) < time.Minute:
		return inUnit(d.Round(time.Second)/time.Second, " s")
	case d.Round(time.Second) < 10*time.Minute:
		return twoUnits(d, time.Minute, "m", time.Second, "s")
	case d.Round(time.Minute) < time.Hour:
		return inUnit(d.Round(time.Minute)/time.Minute, "m")
	case d.Round(time.Minute) < day:
		return twoUnits(d, time.Hour, "h", time.Minute, "m")
	default:
		return twoUnits(d, day, "d", time.Hour, "h")
	}
}

// inUnit returns a number with its unit. Tables of thousands of rows have seven
// in each, so that nothing here goes through package fmt.
func inUnit[N ~int64](n N, unit string) string {
	var buffer [24]byte
	return string(append(strconv.AppendInt(buffer[:0], int64(n), 10), unit...))
}

// twoUnits returns d in a large and a small unit, the small one only where it is
// not 0.
func twoUnits(d, large time.Duration, largeName string, small time.Duration, smallName string) string {
	d = d.Round(small)
	var buffer [48]byte
	text := append(strconv.AppendInt(buffer[:0], int64(d/large), 10), largeName...)
	if rest := d % large / small; rest > 0 {
		text = append(strconv.AppendInt(append(text, ' '), int64(rest), 10), smallName...)
	}
	return string(text)
}

// Seconds is [Duration] of a number of seconds.
func Seconds(n int64) string {
	if n < 0 || n > math.MaxInt64/int64(time.Second) {
		return NotKnown
	}
	return Duration(time.Duration(n) * time.Second)
}

// SecondsOrNone is [Seconds] of what may not be known.
func SecondsOrNone(n *int64) string {
	if n == nil {
		return NotKnown
	}
	return Seconds(*n)
}

// Time returns a moment, in unix seconds, to the minute: "2026-11-02 19:00", or
// with [Terminal.RelativeDays] "today 12:04", "yesterday 19:00" and
// "tomorrow 03:10". A moment of 0 or before is not known.
func (t Terminal) Time(unix int64) string {
	if unix <= 0 {
		return NotKnown
	}
	moment := time.Unix(unix, 0).In(t.Zone())
	if t.RelativeDays {
		now := t.Now.In(t.Zone())
		for _, day := range []struct {
			name   string
			offset int
		}{{"today", 0}, {"yesterday", -1}, {"tomorrow", 1}} {
			// Days are counted on the calendar: with summer time, one may have
			// 23 or 25 hours.
			year, month, date := time.Date(now.Year(), now.Month(), now.Day()+day.offset, 12, 0, 0, 0, t.Zone()).Date()
			if y, m, d := moment.Date(); y == year && m == month && d == date {
				return day.name + " " + moment.Format("15:04")
			}
		}
	}
	return moment.Format("2006-01-02 15:04")
}

// Date returns the day of a moment in unix seconds: "2026-11-02". A moment of 0
// or before is not known.
func (t Terminal) Date(unix int64) string {
	if unix <= 0 {
		return NotKnown
	}
	return time.Unix(unix, 0).In(t.Zone()).Format(time.DateOnly)
}

// Instant returns a moment, in unix seconds, in full and with its time zone:
// "2026-11-02 19:00:05 +0100". A moment of 0 or before is not known.
func (t Terminal) Instant(unix int64) string {
	if unix <= 0 {
		return NotKnown
	}
	return time.Unix(unix, 0).In(t.Zone()).Format("2006-01-02 15:04:05 -0700")
}
