package screen

import "time"

// Words writes moments and durations for a table that has many alike: it asks
// the calendar once a day, and remembers what a duration is in words.
type Words struct {
	Terminal Terminal

	// from and to bound the day, or the part of it for which the zone has one
	// offset; text is the day, and then what was written last.
	from, to int64
	midnight int64
	text     [len("2006-01-02 15:04")]byte
	minute   int64
	last     string

	durations []string // of 0 seconds, 1 second and so on, where they were asked for
}

// maxDurations bounds what is remembered: most merges take less than an hour.
const maxDurations = 3600

// Time is [Terminal.Time].
func (c *Words) Time(unix int64) string {
	minute := unix / 60
	if minute == c.minute && unix >= c.from && unix < c.to {
		return c.last
	}
	if unix < c.from || unix >= c.to {
		if unix <= 0 || c.Terminal.RelativeDays || !c.turn(unix) {
			return c.Terminal.Time(unix)
		}
	}
	c.minute = minute
	seconds := unix - c.midnight
	two := func(at int, n int64) { c.text[at], c.text[at+1] = byte('0'+n/10), byte('0'+n%10) }
	two(len("2006-01-02 "), seconds/3600)
	c.text[len("2006-01-02 15")] = ':'
	two(len("2006-01-02 15:"), seconds/60%60)
	c.last = string(c.text[:])
	return c.last
}

// turn goes to the day of a moment; it is false where the day has no place for
// its date, or the zone is not a whole number of minutes from UTC.
func (c *Words) turn(unix int64) bool {
	moment := time.Unix(unix, 0).In(c.Terminal.Zone())
	_, offset := moment.Zone()
	if year := moment.Year(); offset%60 != 0 || year < 0 || year > 9999 {
		return false
	}
	hour, minute, second := moment.Clock()
	c.midnight = unix - int64(hour*3600+minute*60+second)
	c.from, c.to = c.midnight, c.midnight+24*3600
	// Where the clock is put forward or back, the day has two parts.
	begin, end := moment.ZoneBounds()
	if !begin.IsZero() {
		c.from = max(c.from, begin.Unix())
	}
	if !end.IsZero() {
		c.to = min(c.to, end.Unix())
	}
	c.minute = -1
	copy(c.text[:], moment.Format("2006-01-02 "))
	return true
}

// Seconds is [Seconds] of what may be unknown.
func (c *Words) Seconds(n *int64) string {
	if n == nil {
		return NotKnown
	}
	if *n < 0 || *n >= maxDurations {
		return Seconds(*n)
	}
	if c.durations == nil {
		c.durations = make([]string, maxDurations)
	}
	text := &c.durations[*n]
	if *text == "" {
		*text = Seconds(*n)
	}
	return *text
}
