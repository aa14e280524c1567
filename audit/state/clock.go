package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// The lines of emerge.log are in the order of writing. Their times are what the clock
// showed. If the clock was set back, the two orders differ, and the order of the
// lines decides: otherwise the state before a run would lack a change of an earlier
// run, or include one of a later run.
//
// The log does not show which of the two times was right. So a change before the step
// whose logged time is later than the step counts as made at the step. Times that the
// clock showed twice are ambiguous: the state at such a time is unknown, but the
// state before a run is known. There is one exception: a clock that went back by more
// than maxStep and later came forward again in one leap was wrong in between, as on a
// machine with an empty battery before it reaches a time server. Everything logged in
// between counts as made at the last time before.

// maxStep is the largest correction of a clock in seconds. A clock that goes back
// further had lost the time.
const maxStep = 30 * 24 * 3600

// clockJitter is the number of seconds by which times may decrease from line to line
// without a step. The parser has the same limit.
const clockJitter = 60

// logTime is a line of the log: its place in bytes and its time in unix seconds.
type logTime struct{ place, at int64 }

// clockStep is a place in the log at which the clock was set back from until to at.
// It then showed the times between them again.
type clockStep struct{ place, at, until int64 }

// wrongSpan is a part of the log, from place up to end, during which the clock was
// wrong. at is the last time before it.
type wrongSpan struct{ place, end, at int64 }

// clock holds the steps and wrong spans of the clock of a host. A log may have as
// many steps as lines, so each question is a binary search.
type clock struct {
	steps    []clockStep // by place
	wrong    []wrongSpan // by place
	earliest []int64     // earliest time of this and all later steps
	byTime   []clockStep // by at; until is the latest of this and all earlier ones
}

// timesOfRun appends the lines of a run that can show a step of the clock: the first
// and the last one and, if the clock was set during the run, those in between.
func timesOfRun(all []logTime, r *logs.Run, facts *logs.Facts) []logTime {
	all = append(all, logTime{r.BeganAt, r.Started}, logTime{r.LastAt, r.LastSeen})
	stepped := r.ClockStepped || r.LastSeen < r.Started
	for i := range facts.Merges {
		stepped = stepped || facts.Merges[i].ClockStepped
	}
	if !stepped {
		return all
	}
	for i := range facts.Merges {
		if m := &facts.Merges[i]; m.Started != 0 {
			all = append(all, logTime{m.BeganAt, m.Started})
		}
	}
	for i := range facts.Unmerges {
		if u := &facts.Unmerges[i]; u.Started != 0 {
			all = append(all, logTime{u.BeganAt, u.Started})
		}
	}
	return all
}

// readClock finds the steps and wrong spans in some lines.
func readClock(lines []logTime) clock {
	var c clock
	slices.SortStableFunc(lines, func(a, b logTime) int { return cmp.Compare(a.place, b.place) })
	for i := 0; i+1 < len(lines); i++ {
		before, after := lines[i], lines[i+1]
		if after.at >= before.at-clockJitter {
			continue
		}
		if end := corrected(lines[i+1:], before.at); before.at-after.at > maxStep && end > 0 {
			span := wrongSpan{after.place, lines[i+1+end].place, before.at}
			c.wrong = append(c.wrong, span)
			// The next line is compared with the last one before the wrong span.
			lines[i+end] = logTime{lines[i+end].place, before.at}
			i += end - 1
			continue
		}
		c.steps = append(c.steps, clockStep{after.place, after.at, before.at})
	}
	// A line before the last one of a step may have a later time.
	latest := int64(0)
	next := 0
	for i := range lines {
		for next < len(c.steps) && c.steps[next].place <= lines[i].place {
			c.steps[next].until = max(c.steps[next].until, latest)
			next++
		}
		if _, ok := c.wrongAt(lines[i].place); !ok {
			latest = max(latest, lines[i].at)
		}
	}
	c.index()
	return c
}

// corrected returns the index of the line at which the clock became right again in
// one leap, or 0 if it did not.
func corrected(lines []logTime, at int64) int {
	for i := 1; i < len(lines); i++ {
		if lines[i].at >= at-clockJitter {
			if lines[i].at-lines[i-1].at > maxStep {
				return i
			}
			return 0
		}
	}
	return 0
}

// index computes earliest and byTime.
func (c *clock) index() {
	c.earliest = make([]int64, len(c.steps))
	for i := len(c.steps) - 1; i >= 0; i-- {
		c.earliest[i] = c.steps[i].at
		if i+1 < len(c.steps) {
			c.earliest[i] = min(c.earliest[i], c.earliest[i+1])
		}
	}
	c.byTime = slices.Clone(c.steps)
	slices.SortStableFunc(c.byTime, func(a, b clockStep) int { return cmp.Compare(a.at, b.at) })
	for i := 1; i < len(c.byTime); i++ {
		c.byTime[i].until = max(c.byTime[i].until, c.byTime[i-1].until)
	}
}

// wrongAt returns the wrong span that contains a place.
func (c *clock) wrongAt(place int64) (wrongSpan, bool) {
	n := c.wrongBefore(place)
	if n == 0 || place >= c.wrong[n-1].end {
		return wrongSpan{}, false
	}
	return c.wrong[n-1], true
}

// wrongBefore and stepsBefore count the spans and steps that begin at a place or
// before it.
func (c *clock) wrongBefore(place int64) int {
	n, _ := slices.BinarySearchFunc(c.wrong, place+1, func(d wrongSpan, place int64) int { return cmp.Compare(d.place, place) })
	return n
}

func (c *clock) stepsBefore(place int64) int {
	n, _ := slices.BinarySearchFunc(c.steps, place+1, func(s clockStep, place int64) int { return cmp.Compare(s.place, place) })
	return n
}

// at returns the time that a change counts for, given its place and its logged time.
func (c *clock) at(place, at int64) int64 {
	if d, ok := c.wrongAt(place); ok {
		at = d.at
	}
	if n := c.stepsBefore(place); n < len(c.steps) {
		at = min(at, c.earliest[n])
	}
	return at
}

// epoch counts how often the clock was set before a place.
func (c *clock) epoch(place int64) int {
	wrong := c.wrongBefore(place)
	n := c.stepsBefore(place) + 2*wrong
	if _, ok := c.wrongAt(place); ok {
		n--
	}
	return n
}

// ambiguous returns the step whose repeated times include a time.
func (c *clock) ambiguous(at int64) (clockStep, bool) {
	n, _ := slices.BinarySearchFunc(c.byTime, at+1, func(s clockStep, at int64) int { return cmp.Compare(s.at, at) })
	if n == 0 || at > c.byTime[n-1].until {
		return clockStep{}, false
	}
	return c.byTime[n-1], true
}

// why returns why the state at a repeated time is unknown.
func (s clockStep) why() string {
	return fmt.Sprintf("the clock was set back from %s to %s, so times between them are ambiguous", audit.Minute(s.until), audit.Minute(s.at))
}

// orderly returns the snapshots whose order the clock does not contradict: each is
// later than all before it, and none has an ambiguous time. A snapshot that is later
// than the last one by more than maxStep is dropped, such as one by a clock at 2100:
// otherwise no later snapshot would count.
func (c *clock) orderly(all []inventory.Snapshot) []inventory.Snapshot {
	var snapshots []inventory.Snapshot
	for _, s := range all {
		end := all[len(all)-1].TakenAt + maxStep
		if s.TakenAt > end {
			continue
		}
		if s.ConfirmedAt > end {
			s.ConfirmedAt = s.TakenAt
		}
		snapshots = append(snapshots, s)
	}
	first, latest := 0, int64(0)
	for i, s := range snapshots {
		if s.TakenAt < latest {
			first = i + 1
		}
		latest = max(latest, s.TakenAt, s.ConfirmedAt)
	}
	return slices.DeleteFunc(slices.Clone(snapshots[first:]), func(s inventory.Snapshot) bool {
		_, ambiguous := c.ambiguous(s.TakenAt)
		return ambiguous
	})
}

// clockFindings returns a finding for each step and wrong span.
func (t *timeline) clockFindings() (all []audit.Finding) {
	add := func(place int64, message string) {
		file, offset := logs.Place(t.segments, place)
		all = append(all, audit.Finding{
			Code: "clock-set-back", Severity: audit.SeverityInfo, Subject: file, Message: message,
			Evidence: []audit.Evidence{{Source: file, Offset: offset}}, Remedy: audit.Do(audit.Emaudit("rollback", "--to", "run:12")).When("name a state by its run, as in"),
		})
	}
	for _, s := range t.clock.steps {
		add(s.place, s.why()+": name a state by its run instead")
	}
	for _, d := range t.clock.wrong {
		add(d.place, fmt.Sprintf("the clock was wrong after %s: later lines with earlier times count for that day", audit.Day(d.at)))
	}
	return all
}
