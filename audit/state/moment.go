package state

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/store"
)

// Moment names a state of the host. The zero Moment is the present state.
type Moment struct {
	// Run is the number of a run; the state before it is meant.
	Run int64
	// After means the state after Run.
	After bool
	// At is a time in unix seconds. The end of that second is meant.
	At int64
	// Pin is the name of a pin.
	Pin string
	// Previous means the state before the last update that changed what is installed.
	Previous bool
	// Now means the state that the last ingest saw.
	Now bool
}

// Errors of [Past.At].
var (
	ErrNoSuchRun      = errors.New("no such run")
	ErrNoSuchPin      = errors.New("no such pin")
	ErrNothingChanged = errors.New("no run changed what is installed")
)

// at returns the state at a moment.
func (t *timeline) at(m Moment, pins []store.Pin, now int64) (*State, error) {
	pin := m.Pin
	if pin != "" {
		i := slices.IndexFunc(pins, func(p store.Pin) bool { return p.Name == pin })
		if i < 0 {
			return nil, fmt.Errorf("%q: %w", pin, ErrNoSuchPin)
		}
		m = t.momentOfPin(pins[i])
	}
	if m.Run < 0 && -m.Run <= int64(len(t.runs)) {
		m.Run = t.runs[int64(len(t.runs))+m.Run].ID
	}
	if m.Run != 0 && t.Run(m.Run) == nil {
		return nil, fmt.Errorf("run %d: %w", m.Run, ErrNoSuchRun)
	}
	k, end := t.indexOf(m)
	s := &State{index: k, Target: Target{Time: cmp.Or(m.At, now), Known: true, Pin: pin}}
	if r := t.Run(m.Run); r != nil && m.After {
		s.Target.Time = r.LastSeen
	} else if r != nil {
		s.Target.Run, s.Target.Time, s.Target.Args, s.Target.Undoes = &r.ID, r.Started, r.Args, t.updateOf(r.ID)
	}
	t.fill(s, end)
	if step, ok := t.clock.ambiguous(m.At); ok && s.Target.Run == nil {
		s.Doubts = append(s.Doubts, doubt{"", step.why(), audit.Remedy{}})
	}
	s.mark()
	return s, nil
}

// momentOfPin returns the moment of a pin. If its run is no longer known, because the
// log was lost, its time has the same meaning.
func (t *timeline) momentOfPin(p store.Pin) Moment {
	if t.Run(p.Run) == nil {
		return Moment{At: p.At}
	}
	return Moment{Run: p.Run, At: p.At}
}

// indexOf returns the number of the state of a run or a time, or of the present state
// if m has neither. end is as in [timeline.stateOf].
func (t *timeline) indexOf(m Moment) (k int, end bool) {
	switch r := t.Run(m.Run); {
	case r != nil && m.After:
		k = t.stateBefore(r)
		for i := k; i < len(t.Changes); i++ {
			if t.Changes[i].Run == r.ID && t.Changes[i].effective {
				k = i + 1
			}
		}
		return k, true
	case r != nil:
		return t.stateBefore(r), true
	case m.At != 0:
		return t.stateOf(m.At)
	}
	return len(t.Changes), true
}

// ParseRange parses "A..B": from the start of A to the end of B. Each is a run or a
// time. A defaults to the first known run, B to now. ok is false if text is not a
// range.
func ParseRange(text string, now time.Time, zone *time.Location) (from, to Moment, ok bool, err error) {
	first, last, ok := strings.Cut(text, "..")
	if !ok {
		return from, to, false, nil
	}
	first, last = strings.TrimSpace(first), strings.TrimSpace(last)
	if first == "" {
		first = "run:1"
	}
	if from, err = ParseMoment(first, now, zone); err != nil {
		return from, to, true, err
	}
	if from.At != 0 {
		begin, _, err := audit.ParseMoment(first, now, zone)
		if err != nil {
			return from, to, true, err
		}
		from.At = begin.Unix() - 1
	}
	if last == "" {
		return from, Moment{Now: true}, true, nil
	}
	if to, err = ParseMoment(last, now, zone); err == nil {
		to.After = to.Run != 0
	}
	return from, to, true, err
}

// ParseMoment parses the name of a state:
//
//	now, previous          what is installed; the state before the last update that changed it
//	run:12, 12, run:-1     the state before that run; negative numbers count from the newest
//	2026-05-10 14:30, 2w   the state at the end of that time, as [ParsePeriod] reads it
//	before-kde             a pin
func ParseMoment(text string, now time.Time, zone *time.Location) (Moment, error) {
	text = strings.TrimSpace(text)
	switch text {
	case "now":
		return Moment{Now: true}, nil
	case "", "previous":
		return Moment{Previous: true}, nil
	}
	if run, ok, err := audit.ParseRun(text); ok || err != nil {
		return Moment{Run: run}, err
	}
	if run, err := strconv.ParseInt(text, 10, 64); err == nil && len(text) < 5 && run > 0 {
		return Moment{Run: run}, nil
	}
	if _, to, err := audit.ParseMoment(text, now, zone); err == nil {
		if to.After(now) {
			to = now
		}
		return Moment{At: to.Unix()}, nil
	}
	if !ValidPin(text) {
		return Moment{}, fmt.Errorf("%q is neither now, previous, a run (run:12), a time (2026-05-10 14:30), nor a pin", text)
	}
	return Moment{Pin: text}, nil
}
