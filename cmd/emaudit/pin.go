package main

import (
	"context"
	"errors"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/states"
	"emaudit/store"
)

// pinCommand gives a state a name.
type pinCommand struct {
	Name   string `arg:"" optional:"" name:"name" help:"Name of the pin: letters, digits and ._-, beginning with a letter."`
	At     string `placeholder:"STATE" default:"now" help:"The state to name (now)."`
	Note   string `placeholder:"TEXT" help:"Why the state is pinned."`
	Move   bool   `typed:"" help:"Let an existing pin name another state."`
	Remove bool   `typed:"" xor:"what" help:"Remove the pin."`
}

func (*pinCommand) Help() string {
	return `Gives a state a name for rollback and diff. prune keeps every binary package
that a pinned state needs. A state may have several names. An existing name
keeps its state unless --move is given. Without NAME all pins are listed.

` + momentHelp + exitStatus
}

func (c *pinCommand) Run(ctx context.Context, s *session) error {
	if c.Name == "" {
		if c.Remove || c.Move || c.Note != "" {
			return usagef("pin: which one? name it: emaudit pin NAME")
		}
		return s.answer(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
			pins, err := state.AuditPins(db)
			return states.Pins(pins, out), err
		})
	}
	if !state.ValidPin(c.Name) {
		return usagef("pin %q: a name is letters, digits and ._-, begins with a letter, and is not now, previous, today or yesterday", c.Name)
	}
	if c.Remove {
		return c.remove(ctx, s)
	}
	m, err := s.moment(c.At)
	if err != nil {
		return err
	}
	if err := s.open(ctx); err != nil {
		return err
	}
	var target state.Target
	var pin store.Pin
	err = s.ask(ctx, func(db audit.Database) (err error) {
		pin, target, err = state.PinAt(db, c.Name, c.Note, m, c.Move)
		return err
	})
	var moved *state.PinMovedError
	if errors.As(err, &moved) {
		return usagef("%w; --move lets it name the other one, which prune then no longer keeps", err)
	}
	if err != nil {
		return err
	}
	if err := s.db.Update(ctx, func(tx *store.Tx) error { return tx.PutPin(s.host, pin) }); err != nil {
		return err
	}
	target.Pin = c.Name
	return s.answerOpen(ctx, "never", func(db audit.Database, out report.Output) (report.Answer, error) {
		pins, err := state.AuditPins(db)
		return states.Pinned(c.Name, target, pins, out), err
	})
}

func (c *pinCommand) remove(ctx context.Context, s *session) error {
	if err := s.open(ctx); err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		ok, err := tx.RemovePin(s.host, c.Name)
		if err == nil && !ok {
			err = usagef("%q: no such pin", c.Name)
		}
		return err
	})
}
