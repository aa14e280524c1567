package audit

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"emaudit/store/logs"
)

// Period is a part of a host's history, by time, by runs, or both. The zero value is
// all of it.
type Period struct {
	// Since and Until are unix seconds, both included. If Until is 0, the period has
	// no end.
	Since, Until int64
	// FirstRun and LastRun are numbers of runs, both included. 0 means no bound. A
	// negative number counts from the newest run, which is -1.
	FirstRun, LastRun int64
}

// Contains reports whether a moment lies between Since and Until.
func (p Period) Contains(at int64) bool {
	return at >= p.Since && (p.Until == 0 || at <= p.Until)
}

// Timed reports whether the period is bounded by time.
func (p Period) Timed() bool { return p.Since != 0 || p.Until != 0 }

// ParsePeriod reads the two ends of a period as people write them. Either may be
// empty:
//
//	2026-05-10, 2026-05-10 14:30, 2026-05-10T14:30:00Z, 2026-05, 2026
//	1778446820                   unix seconds (five digits or more)
//	now, today, yesterday, 3 days ago
//	last week, this month, ...   of the calendar; day, week, month, year
//	2w3d, 1y, 36h                that long ago; y, m (months), w, d, h, min, s
//	run:12, run:-1               the begin or the end of that run
//
// A day, a week, a month or a year means the whole of it: as an end it is its last
// second. A week begins on Monday. Dates are in the given zone.
func ParsePeriod(since, until string, now time.Time, zone *time.Location) (Period, error) {
	var p Period
	if run, ok, err := ParseRun(since); err != nil {
		return p, err
	} else if ok {
		p.FirstRun = run
	} else if since != "" {
		from, _, err := ParseMoment(since, now, zone)
		if err != nil {
			return p, err
		}
		p.Since = from.Unix()
	}
	if run, ok, err := ParseRun(until); err != nil {
		return p, err
	} else if ok {
		p.LastRun = run
	} else if until != "" {
		_, to, err := ParseMoment(until, now, zone)
		if err != nil {
			return p, err
		}
		p.Until = to.Unix()
	}
	if p.Until != 0 && p.Until < p.Since {
		return p, fmt.Errorf("the period ends (%s) before it begins (%s)", until, since)
	}
	return p, nil
}

// ParseRun reads "run:N" and "#N".
func ParseRun(text string) (run int64, ok bool, err error) {
	text = strings.TrimSpace(text)
	number, ok := strings.CutPrefix(text, "run:")
	if !ok {
		number, ok = strings.CutPrefix(text, "#")
	}
	if !ok {
		return 0, false, nil
	}
	run, err = strconv.ParseInt(number, 10, 64)
	if err != nil || run == 0 {
		return 0, false, fmt.Errorf("%q: a run is run:12, or run:-1 for the newest", text)
	}
	return run, true, nil
}

// clockLayouts are the accepted forms of times of day, with the length of the period
// that each names.
var clockLayouts = []struct {
	layout string
	lasts  time.Duration
}{
	{time.RFC3339, time.Second},
	{"2006-01-02T15:04:05", time.Second},
	{"2006-01-02 15:04:05", time.Second},
	{"2006-01-02T15:04", time.Minute},
	{"2006-01-02 15:04", time.Minute},
}

// ParseMoment returns the first and the last second of the period that text names.
func ParseMoment(text string, now time.Time, zone *time.Location) (from, to time.Time, err error) {
	text = strings.TrimSpace(text)
	now = now.In(zone)
	if strings.EqualFold(text, "now") {
		return now, now, nil
	}
	if from, end, ok := ofCalendar(strings.ToLower(text), now); ok {
		return from, end.Add(-time.Second), nil
	}
	if seconds, err := strconv.ParseInt(strings.TrimPrefix(text, "@"), 10, 64); err == nil && len(text) >= 5 {
		return time.Unix(seconds, 0), time.Unix(seconds, 0), nil
	}
	for _, l := range clockLayouts {
		if t, err := time.ParseInLocation(l.layout, text, zone); err == nil {
			return t, t.Add(l.lasts - time.Second), nil
		}
	}
	if t, ok := ago(strings.TrimSuffix(strings.ToLower(text), "ago"), now); ok {
		return t, t, nil
	}
	return from, to, fmt.Errorf("%q is no time: try 2026-05-10, yesterday, last week, 2w3d, unix seconds, or run:-1", text)
}

// maxAgo bounds a number in a relative time.
const maxAgo = math.MaxInt32

// ago reads "2w3d" or "3 days".
func ago(text string, now time.Time) (time.Time, bool) {
	t, some := now, false
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
		n, err := strconv.Atoi(text[:digits])
		if err != nil || n > maxAgo {
			return t, false
		}
		text = strings.TrimLeft(text[digits:], " ")
		letters := len(text) - len(strings.TrimLeft(text, "abcdefghijklmnopqrstuvwxyz"))
		unit := text[:letters]
		text = text[letters:]
		switch unit {
		case "y", "year", "years":
			t = t.AddDate(-n, 0, 0)
		case "m", "mo", "month", "months":
			t = t.AddDate(0, -n, 0)
		case "w", "week", "weeks":
			t = t.AddDate(0, 0, -7*n)
		case "d", "day", "days":
			t = t.AddDate(0, 0, -n)
		case "h", "hour", "hours":
			t = t.Add(-time.Duration(n) * time.Hour)
		case "min", "minute", "minutes":
			t = t.Add(-time.Duration(n) * time.Minute)
		case "s", "sec", "second", "seconds":
			t = t.Add(-time.Duration(n) * time.Second)
		default:
			return t, false
		}
		some = true
	}
	return t, some
}

// Bounded reports whether the period has a begin or an end.
func (p Period) Bounded() bool { return p != Period{} }

// Span returns the period by time alone: a run that bounds it stands for when it
// began, or was last heard of.
func (p Period) Span(db Database) (Period, error) {
	log := logs.ReadEmergeLog(db.Tx, db.Host)
	run := func(id int64, take func(*logs.Run)) error {
		if id == 0 {
			return nil
		}
		number, found := id, false
		if id < 0 {
			last, err := log.LastRun()
			if err != nil {
				return err
			}
			number = last + 1 + id
		}
		err := log.RunsNumbered([]int64{number}, func(r *logs.Run) error {
			found = true
			take(r)
			return nil
		})
		if err == nil && !found {
			err = fmt.Errorf("there is no run %d", id)
		}
		return err
	}
	span := Period{Since: p.Since, Until: p.Until}
	if err := run(p.FirstRun, func(r *logs.Run) { span.Since = r.Started }); err != nil {
		return span, err
	}
	err := run(p.LastRun, func(r *logs.Run) { span.Until = max(r.LastSeen, r.Ended) })
	return span, err
}
