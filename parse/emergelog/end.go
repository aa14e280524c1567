package emergelog

import (
	"strconv"

	"emaudit/parse/emergelog/logline"
)

// finished handles "*** Finished. Cleaning up...", which ends a merge loop.
func (a *assembler) finished(ev *logline.Event) {
	ready := func(w *work) bool { return w.mayMerge() && !w.finished && !w.over() }
	complete := func(w *work) bool { return ready(w) && w.listComplete() }
	w := a.choose(ev, complete, ready)
	if w == nil {
		return
	}
	w.finished = true
}

// exiting handles "*** exiting ...", which post_emerge writes.
func (a *assembler) exiting(ev *logline.Event) {
	status, _ := strconv.Atoi(string(ev.Text))
	w := a.choose(ev,
		func(w *work) bool { return w.finished && !w.over() },
		func(w *work) bool { return status == 130 && w.ask && w.Merges == 0 && !w.over() },
		func(w *work) bool {
			return w.Merges == 0 && w.action != ActionSync && w.action != ActionOther && !w.over()
		},
		func(w *work) bool { return !w.over() })
	if w == nil {
		return
	}
	w.ExitStatus = status
}

// terminating handles "*** terminating.", the last line of every run that was not
// killed.
func (a *assembler) terminating(ev *logline.Event) {
	w := a.choose(ev,
		func(w *work) bool { return w.exited() && !w.doubted },
		func(w *work) bool { return w.action == ActionSync && w.synced() },
		func(w *work) bool { return !w.doubted })
	if w == nil {
		return
	}
	w.terminated, w.Ended = true, ev.Time
	if a.doubtEnd(w) {
		return
	}
	a.presumeOutlivedDead(w)
	a.close(w)
	a.closeUndoubted()
}

// restarting handles "*** RESTARTING emerge": the process continues as another run.
func (a *assembler) restarting(ev *logline.Event) {
	w := a.latest(func(w *work) bool { return w.mayMerge() && !w.over() })
	if w == nil {
		return
	}
	a.touch(w, ev)
	w.restarted, w.Ended = true, ev.Time
	a.close(w)
}

// choose returns the run that wrote a line which names none. The first test that
// any run satisfies decides. Among these runs it prefers runs that are not presumed
// dead, then the run that wrote last. If several runs fit, it marks the result as
// uncertain.
func (a *assembler) choose(ev *logline.Event, tests ...func(*work) bool) *work {
	for _, fits := range tests {
		if w := a.latest(func(w *work) bool { return !w.presumedDead && fits(w) }); w != nil {
			if a.count(fits) > 1 {
				w.Uncertain = true
			}
			a.touch(w, ev)
			return w
		}
	}
	w := a.latest(func(w *work) bool { return tests[len(tests)-1](w) })
	if w != nil {
		a.touch(w, ev)
	}
	return w
}

// presumeOutlivedDead presumes runs dead that wrote nothing between the begin and
// the end of w. Most likely they were killed before w began.
func (a *assembler) presumeOutlivedDead(w *work) {
	for _, other := range a.open {
		if other != w && !other.over() && other.End.before(w.Begin) {
			other.presumedDead = true
		}
	}
}

// close removes w from the open runs and delivers its final records.
func (a *assembler) close(w *work) {
	a.settle(w, a.sink)
	a.open = without(a.open, w)
}

// settle delivers the open records of w, with the outcome that follows from the log
// so far, and then the run.
func (a *assembler) settle(w *work, sink Sink) {
	outcome := w.outcome()
	w.UnexplainedFailure = outcome == RunFailed && w.mayMerge() && w.listComplete() && !w.anyFailed
	a.settleMerges(w, sink, outcome)
	for _, u := range w.unmerges {
		if u.held && !w.finished {
			u.Reason, u.Uncertain = UnmergeExplicit, true
		}
		if u.Finished == 0 && outcome == RunRunning {
			u.Outcome = UnmergeRunning
		}
		sink.Unmerge(u.Unmerge)
	}
	w.unmerges = nil
	if w.syncing && w.Syncs == 0 {
		w.addSyncWithoutLines(outcome)
	}
	for _, s := range w.syncs {
		s.settle(outcome)
		sink.Sync(s.Sync)
	}
	w.syncs = nil
	w.Outcome = outcome
	if outcome != RunRunning && w.Ended == 0 && w.exited() {
		w.Ended = w.LastSeen
	}
	if outcome == RunKilled && !w.certainlyDead {
		w.Uncertain = true
	}
	sink.Run(w.Run)
}

// addSyncWithoutLines adds the sync of a run whose sync modules wrote no line. qlop
// has had such logs among its examples since 2025: in a module that runs in a
// process of its own, the log is turned off (_disable in _emerge/emergelog.py). The
// repositories are unknown. Only an exit status would show success, and emerge
// writes none for a sync (post_emerge.py is not called).
func (w *work) addSyncWithoutLines(outcome RunOutcome) {
	s := &openSync{Sync: Sync{Run: w.ID, Seq: 1, Begin: w.Begin, Started: w.Started, ClockStepped: w.ClockStepped}, ended: outcome != RunRunning}
	switch outcome {
	case RunRunning:
	case RunOK:
		s.Outcome, s.Finished = SyncOK, w.LastSeen
	case RunFailed:
		s.Outcome, s.Finished = SyncFailed, w.LastSeen
	case RunUnknown:
		s.Finished = w.LastSeen
	}
	w.Syncs = 1
	w.syncs = append(w.syncs, s)
}

// outcome returns how w ended, or that it is running.
func (w *work) outcome() RunOutcome {
	switch {
	case w.exited():
		switch {
		case w.ExitStatus == 0:
			return RunOK
		case w.ExitStatus == 130 && w.Merges == 0:
			return RunDeclined
		case w.ExitStatus == 130:
			return RunInterrupted
		}
		return RunFailed
	case w.restarted:
		return RunOK
	case w.terminated:
		return w.outcomeWithoutExit()
	case w.presumedDead:
		return RunKilled
	}
	return RunRunning
}

// outcomeWithoutExit returns the outcome of a run that terminated without an
// "exiting" line.
func (w *work) outcomeWithoutExit() RunOutcome {
	switch w.action {
	case ActionSync:
		if len(w.syncs) == 0 {
			return RunUnknown
		}
		if w.synced() {
			return RunOK
		}
		return RunFailed
	case ActionUnmerge, ActionDepclean:
		if w.anyFailed {
			// emerge then exits without another line (unmerge.py:677).
			return RunFailed
		}
		if len(w.unmerges) > 0 || w.ask {
			return RunInterrupted
		}
	case ActionMerge, ActionResume:
		if w.openMerges() > 0 || w.ask {
			return RunInterrupted
		}
	}
	return RunUnknown
}

// settleMerges delivers the open merges of w and drops them. Their outcomes follow
// from the outcome of the run, or of its current list.
func (a *assembler) settleMerges(w *work, sink Sink, outcome RunOutcome) {
	open := w.openMerges()
	for _, m := range w.merges {
		if m.held {
			m.PostinstFailed = outcome == RunFailed && w.listComplete() && w.Merges == 1
		} else {
			m.Outcome = m.outcomeIn(w, outcome, open)
			m.ClockStepped = m.clockSteps != a.clockSteps
			m.BetweenVersions = len(m.Replaced) > 0 && m.Outcome != MergeMerged && m.Outcome != MergeRunning
			if m.Outcome == MergeMerged {
				m.PostinstFailed = true
				w.Merged++
			}
			w.anyFailed = w.anyFailed || outcome == RunFailed
			if open > 1 && outcome == RunFailed {
				// One of them failed. The others may have been stopped because of
				// it.
				m.Uncertain = true
			}
		}
		sink.Merge(m.Merge)
	}
	a.spares = append(a.spares, w.merges...)
	w.merges = nil
}

// outcomeIn returns the outcome of a merge without end line. outcome is how its run
// ended, and open is the number of such merges in the run.
func (m *openMerge) outcomeIn(w *work, outcome RunOutcome, open int) MergeOutcome {
	switch outcome {
	case RunRunning:
		return MergeRunning
	case RunKilled, RunInterrupted, RunDeclined:
		return MergeInterrupted
	case RunOK:
		switch {
		case w.fetchOnly:
			return MergeFetched
		case w.buildOnly, m.Packaged && (m.phase == compiling || m.phase == built):
			return MergeBuilt
		}
	case RunFailed:
		switch {
		case m.phase == autocleaned || m.phase == recorded:
			// The files are installed. After that, only pkg_postinst can fail
			// without ending emerge (vartree.py, dblink.treewalk).
			return MergeMerged
		case open > 1 && (w.buildOnly || w.fetchOnly):
			return MergeUnknown
		}
		return MergeFailed
	}
	return MergeUnknown
}

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
