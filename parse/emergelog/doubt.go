package emergelog

// The lines that end a run name none. Where two runs were at work, the end of
// one can be taken for the end of the other, and only what follows tells: a run
// that has ended writes nothing more. Such an end is doubted, and its run kept,
// until the others that could have written it have ended too.

// doubt keeps w, whose end was just logged, if another run at work could have
// written it, and tells whether it does.
func (a *assembler) doubt(w *work) bool {
	w.doubted = w.mayMerge() && w.openMerges() > 0 && a.alternative(w) != nil
	return w.doubted
}

// alternative returns the run at work beside w that could have written w's end.
func (a *assembler) alternative(w *work) *work {
	return a.latest(func(other *work) bool {
		return other != w && other.mayMerge() && !other.over() && !other.silent && other.openMerges() > 0 &&
			other.Begin.before(w.End)
	})
}

// mistaken gives the end of w, which has written another line, to the run that
// it must have been of.
func (a *assembler) mistaken(w *work) {
	other := a.alternative(w)
	if !w.doubted || other == nil {
		return
	}
	other.finished, other.ExitStatus, other.terminated, other.Ended = w.finished, w.ExitStatus, w.terminated, w.Ended
	other.LastSeen, other.End = w.Ended, w.End
	w.finished, w.ExitStatus, w.terminated, w.Ended, w.doubted = false, -1, false, 0, false
	a.close(other)
}

// believe closes the runs whose ends nothing can put in doubt any more.
func (a *assembler) believe() {
	for i := 0; i < len(a.open); {
		w := a.open[i]
		if w.doubted && a.alternative(w) == nil {
			a.outlived(w)
			a.close(w)
			i = 0
			continue
		}
		i++
	}
}
