package state

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/store"
)

// Moment names a state of the host, as a person does.
type Moment struct {
	// Run is the number of a run: the state before it.
	Run int64
	// At is a time in unix seconds: the state at its end.
	At int64
	// Pin is the name of a pin.
	Pin string
	// Previous is the state before the last update that changed what is
	// installed.
	Previous bool
	// Now is the state that the last ingest saw; the zero Moment is that too.
	Now bool
}

// Errors of naming a state.
var (
	ErrNoSuchRun      = errors.New("no such run")
	ErrNoSuchPin      = errors.New("no such pin")
	ErrNothingChanged = errors.New("no run changed what is installed")
)

// at returns the state that a moment means.
func (t *timeline) at(m Moment, pins []store.Pin, now int64) (*State, error) {
	pin := m.Pin
	if pin != "" {
		i := slices.IndexFunc(pins, func(p store.Pin) bool { return p.Name == pin })
		if i < 0 {
			return nil, fmt.Errorf("%q: %w", pin, ErrNoSuchPin)
		}
		m = Moment{Run: pins[i].Run, At: pins[i].At}
		if m.Run != 0 && t.Run(m.Run) == nil {
			m.Run = 0
		}
	}
	if m.Run < 0 && -m.Run <= int64(len(t.runs)) {
		m.Run = t.runs[int64(len(t.runs))+m.Run].ID
	}
	s := &State{index: len(t.Changes), Target: Target{Time: now, Known: true, Pin: pin, Undoes: []int64{}}}
	end := true
	switch {
	case m.Run != 0:
		r := t.Run(m.Run)
		if r == nil {
			return nil, fmt.Errorf("run %d: %w", m.Run, ErrNoSuchRun)
		}
		s.index = t.stateBefore(r)
		s.Target.Run, s.Target.Time, s.Target.Args, s.Target.Undoes = &r.ID, r.Started, r.Args, t.updateOf(r.ID)
	case m.At != 0:
		s.index, end = t.stateOf(m.At)
		s.Target.Time = m.At
	}
	t.fill(s, end)
	if step, ok := t.clock.twice(m.At); ok && s.Target.Run == nil {
		s.Doubts = append(s.Doubts, doubt{"", step.why(), audit.Remedy{}})
	}
	s.mark()
	return s, nil
}

// ParseMoment reads how a person names a state:
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

// maxPin is the length of the name of a pin, in bytes.
const maxPin = 64

// ValidPin tells whether a pin may have that name: letters, digits and "._-",
// beginning with a letter, and nothing that [ParseMoment] takes for something
// else.
func ValidPin(name string) bool {
	if name == "now" || name == "previous" || name == "today" || name == "yesterday" || len(name) > maxPin || name == "" {
		return false
	}
	for i, r := range name {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || !(r >= '0' && r <= '9' || strings.ContainsRune("._-", r))) {
			return false
		}
	}
	return true
}
