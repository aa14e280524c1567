package emergelog

import (
	"slices"

	"emaudit/parse/emergelog/logline"
)

// loggedApart is 2009-03-17, in unix seconds. Since then a removal by a merge has
// two blanks and all others have one (de8d6857a).
const loggedApart = 1237248000

// unmerging handles "=== Unmerging... (CPV)".
func (a *assembler) unmerging(ev *logline.Event) {
	u := &openUnmerge{Unmerge: Unmerge{Begin: a.place(ev), CPV: string(ev.Name), Started: ev.Time}, clock: a.clockSteps}
	a.addUnmerge(u, ev)
}

// addUnmerge determines the run, the merge and the reason of a removal.
func (a *assembler) addUnmerge(u *openUnmerge, ev *logline.Event) *work {
	replacement := !ev.OneBlank || ev.Time < loggedApart
	if replacement {
		if w, m := a.replacing(logline.PackageOf(u.CPV)); w != nil {
			u.Reason, u.Merge = UnmergeReplaced, m.Seq
			return a.attachUnmerge(w, u, ev)
		}
	}
	removing := func(w *work) bool {
		return (w.action == ActionUnmerge || w.action == ActionDepclean) && !w.over() && !w.presumedDead
	}
	merging := func(w *work) bool { return w.mayMerge() && !w.over() && !w.presumedDead }
	unblocking := func(w *work) bool { return merging(w) && !w.finished }
	var w *work
	switch {
	case !ev.OneBlank:
		// The line of the replacing merge is missing or damaged.
		w = a.latest(merging)
		u.Reason, u.Uncertain = UnmergeReplaced, true
	case a.count(removing) > 0:
		w = a.latest(removing)
		u.Uncertain = a.count(removing) > 1
		u.Reason = UnmergeExplicit
		if w.action == ActionDepclean {
			u.Reason = UnmergeDepclean
		}
	default:
		w = a.latest(unblocking)
		u.Reason = UnmergeBlocker
		if w == nil || w.Headless && w.of == 0 {
			u.Reason = UnmergeExplicit
		} else {
			// A removal after the last package of the list may be that of a soft
			// blocker, or belong to a run whose beginning was lost. Only a merge
			// run that finishes can have removed a blocker.
			u.held = w.listComplete()
			u.Uncertain = a.count(unblocking) > 1
		}
	}
	if w == nil {
		w = a.headless(ev)
		if u.Reason == UnmergeExplicit {
			w.Action, w.action = ActionUnmerge, ActionUnmerge
		}
	}
	return a.attachUnmerge(w, u, ev)
}

func (a *assembler) attachUnmerge(w *work, u *openUnmerge, ev *logline.Event) *work {
	w.Unmerges++
	u.Run, u.Seq = w.ID, w.Unmerges
	u.Outcome = UnmergeInterrupted
	w.unmerges = append(w.unmerges, u)
	a.touch(w, ev)
	return w
}

// unmerged handles the end of a removal.
func (a *assembler) unmerged(ev *logline.Event, outcome UnmergeOutcome) {
	w, u := a.unmergeOf(ev)
	if u == nil {
		u = &openUnmerge{Unmerge: Unmerge{Begin: a.place(ev), CPV: string(ev.Name), Uncertain: true}, clock: a.clockSteps}
		// The end has two blanks whatever the reason.
		ev.OneBlank = true
		if _, m := a.replacing(logline.PackageOf(u.CPV)); m != nil {
			ev.OneBlank = false
		}
		w = a.addUnmerge(u, ev)
	}
	a.touch(w, ev)
	u.Finished, u.Outcome = ev.Time, outcome
	u.ClockStepped = u.clock != a.clockSteps
	if outcome == UnmergeFailed && u.Reason != UnmergeReplaced {
		w.anyFailed = true
	}
	if u.Merge != 0 && outcome == UnmergeOK {
		for _, m := range w.merges {
			if m.Seq == u.Merge {
				m.Replaced = append(m.Replaced, u.CPV)
			}
		}
	}
	if u.held {
		return
	}
	a.sink.Unmerge(u.Unmerge)
	w.unmerges = without(w.unmerges, u)
}

// unmergeOf returns the open removal of the package of ev. It prefers the latest.
func (a *assembler) unmergeOf(ev *logline.Event) (*work, *openUnmerge) {
	for _, w := range slices.Backward(a.open) {
		for _, u := range w.unmerges {
			if u.Finished == 0 && u.CPV == string(ev.Name) && !w.presumedDead {
				return w, u
			}
		}
	}
	return nil, nil
}
