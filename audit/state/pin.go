package state

import (
	"fmt"

	"emaudit/audit"
	"emaudit/store"
)

// maxPin is the length of the name of a pin, in bytes.
const maxPin = 64

// ValidPin reports whether a pin may have that name: letters, digits and "._-",
// beginning with a letter, and nothing that [ParseMoment] takes for something
// else.
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

// Pinned is a pin with the state that it names.
type Pinned struct {
	store.Pin
	Target Target
	// SameAsNow reports that the same builds are installed now, as far as anything
	// tells.
	SameAsNow bool
}

// AuditPins lists the pins of a host, by the moment that they mean.
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

// PinMovedError is a pin that is there and names another state.
type PinMovedError struct{ There Pinned }

func (e *PinMovedError) Error() string {
	return fmt.Sprintf("pin %s: it names another state, that %s", e.There.Name, e.There.Target.When())
}

// PinAt returns the pin of a state, to be stored under a name, and that state.
// Unless it may be moved, a pin of the name that means another moment is a
// [*PinMovedError]. An empty note leaves the one that is there.
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

// momentOf numbers the states by the changes before them: what an ingest saw
// changed nothing.
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

// pinsOf returns the names of the pins that mean a state.
func (h *Past) pinsOf(k int) []string {
	var names []string
	for _, p := range h.Pins {
		if at, _ := h.indexOf(h.momentOfPin(p)); h.momentOf(at) == h.momentOf(k) {
			names = append(names, p.Name)
		}
	}
	return names
}
