package state

import (
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
)

// Undo returns the changes that undo one run and keep what later runs did, and the
// state before the run. later are the packages that a later run changed again; they
// are left alone.
func (h *Past) Undo(run int64) (changes []Change, later []string, before *State, err error) {
	if before, err = h.At(Moment{Run: run}, nil, 0); err != nil {
		return nil, nil, nil, err
	}
	after := &State{index: before.index, Target: before.Target}
	for i := range h.Changes {
		if h.Changes[i].Run == *before.Target.Run {
			after.index = max(after.index, i+1)
		}
	}
	h.fill(after, true)
	after.mark()
	now, err := h.At(Moment{Now: true}, nil, 0)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, did := range h.DiffStates(before, after) {
		slot := did.Before
		if slot == nil {
			slot = did.After
		}
		holds := slices.IndexFunc(now.Installations, func(s *Installation) bool { return h.sameSlot(s, slot) })
		switch {
		case did.Before == nil:
			// A package that the run installed goes, whatever its present version.
			if holds >= 0 {
				changes = append(changes, h.change(now.Installations[holds], nil))
			}
		case did.After != nil && !slices.Contains(now.Installations, did.After), did.After == nil && holds >= 0:
			later = append(later, did.CPV())
		default:
			changes = append(changes, h.change(did.After, did.Before))
		}
	}
	sortChanges(changes)
	return changes, later, before, nil
}

// sameSlot reports whether two installations may be in the same slot of a package.
func (h *Past) sameSlot(a, b *Installation) bool {
	x, y := h.SlotOf(a), h.SlotOf(b)
	return audit.PackageOf(a.CPV) == audit.PackageOf(b.CPV) && (x == y || x == "" || y == "")
}

// Reinstall returns the change that merges an installed package again.
func (h *Past) Reinstall(s *Installation) Change { return h.change(s, s) }

// ChangeTo returns the change of one slot from an installation, or nil for an empty
// slot, to a build that may never have been installed. If cpv is empty, the change is
// a removal.
func (h *Past) ChangeTo(from *Installation, cpv, slot string, buildTime int64) Change {
	c := Change{Action: ActionInstall}
	if from != nil {
		c = h.change(from, nil)
	}
	if cpv == "" {
		return c
	}
	if from != nil {
		c.Action = actionOf(from.CPV, cpv)
	}
	c.To, c.ToBuildTime, c.Slot = &cpv, binpkgs.Known(buildTime), slot
	return c
}
