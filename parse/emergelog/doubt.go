package emergelog

// The line that ends a run does not name the run. If two runs are active, the
// parser may assign the end to the wrong one. Only later lines show the mistake,
// because a run writes nothing after its end. So the end stays in doubt, and its
// run open, until all other runs that could have written it have ended.

// doubtEnd reports whether another active run could have written the end of w, which
// was just logged. If so, it keeps w open.
func (a *assembler) doubtEnd(w *work) bool {
	w.doubted = w.mayMerge() && w.openMerges() > 0 && a.alternative(w) != nil
	return w.doubted
}

// alternative returns another active run that could have written the end of w, or
// nil.
func (a *assembler) alternative(w *work) *work {
	return a.latest(func(other *work) bool {
		return other != w && other.mayMerge() && !other.over() && !other.presumedDead && other.openMerges() > 0 &&
			other.Begin.before(w.End)
	})
}

// reassignEnd moves the end of w to the run that must have written it, because w has
// written another line since.
func (a *assembler) reassignEnd(w *work) {
	other := a.alternative(w)
	if !w.doubted || other == nil {
		return
	}
	other.finished, other.ExitStatus, other.terminated, other.Ended = w.finished, w.ExitStatus, w.terminated, w.Ended
	other.LastSeen, other.End = w.Ended, w.End
	w.finished, w.ExitStatus, w.terminated, w.Ended, w.doubted = false, -1, false, 0, false
	a.close(other)
}

// closeUndoubted closes the runs whose ends are no longer in doubt.
func (a *assembler) closeUndoubted() {
	for i := 0; i < len(a.open); {
		w := a.open[i]
		if w.doubted && a.alternative(w) == nil {
			a.presumeOutlivedDead(w)
			a.close(w)
			i = 0
			continue
		}
		i++
	}
}
