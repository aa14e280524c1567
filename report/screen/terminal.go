package screen

import "time"

// Terminal is what a writer has to know of the place that it writes to. The
// command line finds it out once (from the file descriptor, NO_COLOR, --color,
// --utc and the clock) and hands it over as a value. The zero value is a pipe:
// no limit to the width, no colour, no progress, times in UTC.
type Terminal struct {
	// IsTerminal says that a person is watching: progress may be drawn and a
	// line may be overwritten.
	IsTerminal bool
	// Width is the number of columns that a line may have. At 0 there is no
	// limit, and nothing is cut or wrapped.
	Width int
	// Color allows SGR colour sequences.
	Color bool
	// RelativeDays allows "today 12:04" in place of the date. It is meant for
	// a screen; a mail or a file is read on another day.
	RelativeDays bool
	// Location is the time zone in which times are shown; nil is UTC.
	Location *time.Location
	// Now is the moment that "today" refers to.
	Now time.Time
}

// Zone returns the time zone of t, which is UTC where none was given.
func (t Terminal) Zone() *time.Location {
	if t.Location == nil {
		return time.UTC
	}
	return t.Location
}
