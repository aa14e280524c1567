package state

import (
	"fmt"

	"emaudit/audit"
	"emaudit/store"
)

// maxPin is the maximum length of the name of a pin, in bytes.
const maxPin = 64

// ValidPin reports whether name is a valid name of a pin: letters, digits and "._-",
// beginning with a letter. Names that [ParseMoment] reads as something else are
// invalid.
func ValidPin(name string) bool {
	if name == "now" || name == "previous" || name == "today" || name == "yesterday" || len(name) > maxPin || name == "" {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		inner := i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
		if !letter && !inner {
			return false
		}
	}
	return true
}

// Pinned is a pin with its state.
type Pinned struct {
	store.Pin
	Target Target
	// SameAsNow reports that the same builds are installed now, as far as is known.
	SameAsNow bool
}

// AuditPins lists the pins of a host with their states.
func AuditPins(db audit.Database) ([]Pinned, error) {
	h, err := TakePast(db)
	if err != nil {
		return nil, err
	}
	return h.pinned(db)
}

func (h *Past) pinned(db audit.Database) ([]Pinned, error) {
	now, err := h.At(Moment{Now: true}, nil, db.Now)
	if err != nil {
		return nil, err
	}
	var all []Pinned
	for _, p := range h.Pins {
		s, err := h.At(Moment{Pin: p.Name}, h.Pins, db.Now)
		if err != nil {
			return nil, err
		}
		all = append(all, Pinned{Pin: p, Target: s.Target, SameAsNow: h.Same(s, now)})
	}
	return all, nil
}

// PinMovedError means that a pin of the name exists and names another state.
type PinMovedError struct{ There Pinned }

func (e *PinMovedError) Error() string {
	return fmt.Sprintf("pin %s: it names another state, that %s", e.There.Name, e.There.Target.when())
}

// PinAt returns the pin to be stored under a name for a state, and that state. If a
// pin of the name names another state and move is false, the error is a
// [*PinMovedError]. An empty note keeps the existing one.
func PinAt(db audit.Database, name, note string, m Moment, move bool) (store.Pin, Target, error) {
	h, err := TakePast(db)
	if err != nil {
		return store.Pin{}, Target{}, err
	}
	s, err := h.At(m, h.Pins, db.Now)
	if err != nil {
		return store.Pin{}, Target{}, err
	}
	p := store.Pin{Name: name, At: s.Target.Time, CreatedAt: db.Now, Note: note}
	if s.Target.Run != nil {
		p.Run = *s.Target.Run
	}
	for _, there := range h.Pins {
		if there.Name != name {
			continue
		}
		old, err := h.At(Moment{Pin: name}, h.Pins, db.Now)
		if err != nil {
			return store.Pin{}, Target{}, err
		}
		if h.momentOf(old.index) != h.momentOf(s.index) && !move {
			return store.Pin{}, Target{}, &PinMovedError{Pinned{Pin: there, Target: old.Target}}
		}
		if h.momentOf(old.index) == h.momentOf(s.index) {
			p.At, p.Run, p.CreatedAt = there.At, there.Run, there.CreatedAt
		}
		if note == "" {
			p.Note = there.Note
		}
	}
	return p, s.Target, nil
}

// momentOf numbers the states by the changes before them. A snapshot changes nothing,
// so the states around it have one number.
func (h *Past) momentOf(k int) int {
	if h.moments == nil {
		h.moments = make([]int, len(h.Changes)+1)
		for i := range h.Changes {
			h.moments[i+1] = h.moments[i]
			if h.Changes[i].effective {
				h.moments[i+1]++
			}
		}
	}
	return h.moments[k]
}

// pinsOf returns the names of the pins of a state.
func (h *Past) pinsOf(k int) []string {
	var names []string
	for _, p := range h.Pins {
		if at, _ := h.indexOf(h.momentOfPin(p)); h.momentOf(at) == h.momentOf(k) {
			names = append(names, p.Name)
		}
	}
	return names
}
