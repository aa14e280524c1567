package state

import (
	"emaudit/audit"
	"emaudit/store"
)

// PinAt returns the pin of a state, to be stored under a name.
func PinAt(db audit.Database, name string, m Moment) (store.Pin, Target, error) {
	h, err := TakePast(db)
	if err != nil {
		return store.Pin{}, Target{}, err
	}
	s, err := h.At(m, h.Pins, db.Now)
	if err != nil {
		return store.Pin{}, Target{}, err
	}
	p := store.Pin{Name: name, At: s.Target.Time, CreatedAt: db.Now}
	if s.Target.Run != nil {
		p.Run = *s.Target.Run
	}
	return p, s.Target, nil
}
