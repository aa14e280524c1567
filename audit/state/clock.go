package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// The lines of emerge.log are in the order in which they were written; their
// times are what the clock showed. Where it was set back, the two disagree, and
// the place decides which change came first: else the state before a run would
// lack, or have, what an earlier run did.
//
// Nothing in the log tells which of the two clocks was right. So changes before
// such a step that are told for a later time count as made at the step, and what
// was installed at a time that the clock showed twice is not known by that time.
// It is known before a run. Only a clock that went back by more than maxStep and
// came forward again in one leap was wrong in between, as that of a machine whose
// battery is empty, until it hears of a better: then what was told meanwhile
// counts as made at the time before.

// maxStep is by how many seconds a clock is set back at most for other reasons
// than that it had forgotten the time.
const maxStep = 30 * 24 * 3600

// clockJitter is by how many seconds the times of lines may go back without a
// step, as for the parser.
const clockJitter = 60

// told is the time of a line of the log.
type logTime struct{ place, at int64 }

// clockStep is a place from which on the clock shows again what it had shown:
// the times from at to until.
type clockStep struct{ place, at, until int64 }

// wrongSpan is a part of the log in which the clock was wrong: the places from
// which on and up to which, and the last time before.
type wrongSpan struct{ place, end, at int64 }

// clock is what is known of the clock of a host. A log may have as many steps as
// lines, so that each question is a search, not a walk.
type clock struct {
	steps    []clockStep // by place
	wrong    []wrongSpan // by place
	earliest []int64     // of a step and all after it: the earliest time
	byTime   []clockStep // by at; until is the latest of it and all before it
}

// timesOfRun returns lines by which a step of the clock shows: the ends of a run
// and, where the clock was set meanwhile, what is between.
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

// readClock finds where the clock was set back.
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
			// What comes next is compared with what was before.
			lines[i+end] = logTime{lines[i+end].place, before.at}
			i += end - 1
			continue
		}
		c.steps = append(c.steps, clockStep{after.place, after.at, before.at})
	}
	// An earlier line may have shown a later time than the last before a step.
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

// corrected returns the index of the line from which on the clock is right again,
// which it became in one leap; 0 where it did not.
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

// index makes ready for questions.
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

// dip returns the part with a wrong clock in which a place lies.
func (c *clock) wrongAt(place int64) (wrongSpan, bool) {
	n := c.wrongBefore(place)
	if n == 0 || place >= c.wrong[n-1].end {
		return wrongSpan{}, false
	}
	return c.wrong[n-1], true
}

// wrongBefore and stepsBefore count those that begin at a place or before it.
func (c *clock) wrongBefore(place int64) int {
	n, _ := slices.BinarySearchFunc(c.wrong, place+1, func(d wrongSpan, place int64) int { return cmp.Compare(d.place, place) })
	return n
}

func (c *clock) stepsBefore(place int64) int {
	n, _ := slices.BinarySearchFunc(c.steps, place+1, func(s clockStep, place int64) int { return cmp.Compare(s.place, place) })
	return n
}

// at is the time at which something counts as made that the log tells at a
// place, for a time.
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

// twice returns the time that the clock showed twice in which a moment lies.
func (c *clock) ambiguous(at int64) (clockStep, bool) {
	n, _ := slices.BinarySearchFunc(c.byTime, at+1, func(s clockStep, at int64) int { return cmp.Compare(s.at, at) })
	if n == 0 || at > c.byTime[n-1].until {
		return clockStep{}, false
	}
	return c.byTime[n-1], true
}

// why says why what was at a time is not known.
func (s clockStep) why() string {
	return fmt.Sprintf("the clock was set back from %s to %s: that time was twice", audit.Minute(s.until), audit.Minute(s.at))
}

// orderly returns those of the moments at which the VDB was looked at that the
// clock leaves in their order: each is later than all before it, and none is at a
// time that was twice. What the last look contradicts by more than maxStep, such as
// one by a clock at 2100, is forgotten: nothing would ever be later.
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

// clockFindings report where the log's clock was set back.
func (t *timeline) clockFindings(log *logs.EmergeLog) ([]audit.Finding, error) {
	var all []audit.Finding
	add := func(place int64, message string) error {
		file, offset, err := log.Place(place)
		all = append(all, audit.Finding{
			Code: "clock-set-back", Severity: audit.SeverityInfo, Subject: file, Message: message,
			Evidence: []audit.Evidence{{Source: file, Offset: offset}}, Remedy: audit.Do(audit.Emaudit("rollback", "--to", "run:12")).When("name a state by its run, as in"),
		})
		return err
	}
	for _, s := range t.clock.steps {
		if err := add(s.place, s.why()+", and what was installed then is known by run only"); err != nil {
			return nil, err
		}
	}
	for _, d := range t.clock.wrong {
		if err := add(d.place, fmt.Sprintf("the clock was wrong after %s: what is told from here on with earlier times counts as done that day", audit.Day(d.at))); err != nil {
			return nil, err
		}
	}
	return all, nil
}
