package emergelog

import (
	"emaudit/parse"

	"emaudit/parse/emergelog/logline"
)

const (
	// maxClockJitter is the largest step back of the clock, in seconds, that leaves
	// durations credible. NTP, and lines of a second writer, move it by less.
	maxClockJitter = 60
	// maxQuiet is the longest time without a line, in seconds, within a credible
	// duration. After that, the clock was set or the machine slept.
	maxQuiet = 7 * 24 * 3600
	// silentAfter is the time, in seconds, after which a silent run is presumed
	// dead if other runs have started since. The longest builds take less.
	silentAfter = 24 * 3600
	// forgetAfter is the time, in seconds, for which a run that is presumed dead is
	// kept in case it writes again.
	forgetAfter = 7 * 24 * 3600
	// maxWork bounds the open runs. Beyond it, the run least likely to write again
	// is closed.
	maxWork = 32
	// maxArgs bounds the stored arguments of one run, in bytes. By default Linux
	// allows less in a command line (2 MiB).
	maxArgs = 4 << 20
)

// assembler turns events into records.
type assembler struct {
	sink       Sink
	source     int
	open       []*work // by ascending ID
	lastID     int64
	last       int64 // time of the last event
	clockSteps int   // number of times the clock was set back or far ahead
	argsOf     int64 // ID of the run whose arguments were on the last line, or 0
	started    int64 // ID of the run that the last line started, or 0
	names      interner
	spares     []*openMerge
	asked      requests
}

func (a *assembler) event(ev *logline.Event) {
	if ev.Kind == logline.Continuation {
		a.continuation(ev)
		return
	}
	if ev.Time < a.last-maxClockJitter || a.last != 0 && ev.Time > a.last+maxQuiet {
		a.clockSteps++
	}
	a.last = ev.Time
	started := a.started
	a.argsOf, a.started = 0, 0
	switch ev.Kind {
	case logline.Begin:
		a.begin(ev)
	case logline.Cleaning, logline.Compiling, logline.Packaging, logline.Merging, logline.FetchingBinary, logline.MergingBinary, logline.World, logline.PostClean:
		a.step(ev)
	case logline.Completed:
		a.completed(ev)
	case logline.Autoclean:
		a.autoclean(ev)
	case logline.Unmerging:
		a.unmerging(ev)
	case logline.Unmerged:
		a.unmerged(ev, UnmergeOK)
	case logline.UnmergeFailed:
		a.unmerged(ev, UnmergeFailed)
	case logline.Usage:
		a.usage(ev)
	case logline.Started:
		a.retireSilent(ev.Time)
		a.started = a.newWork(ev).ID
	case logline.Args:
		a.args(ev, started)
	case logline.Resuming, logline.Regen, logline.Depclean, logline.LowSpace:
		a.notice(ev)
	case logline.Finished:
		a.finished(ev)
	case logline.Exiting:
		a.exiting(ev)
	case logline.Terminating:
		a.terminating(ev)
	case logline.Restarting:
		a.restarting(ev)
	case logline.Sync, logline.SyncBegin, logline.SyncTransport, logline.SyncRetry, logline.SyncCurrent, logline.SyncNotice, logline.SyncError,
		logline.SyncCompleted, logline.SyncCompletedWith, logline.SyncCompletedAt:
		a.sync(ev)
	}
}

func (a *assembler) place(ev *logline.Event) Position { return Position{a.source, ev.Offset} }

func (a *assembler) newWork(ev *logline.Event) *work {
	for len(a.open) >= maxWork {
		a.close(a.stalest())
	}
	a.lastID++
	w := &work{Run: Run{ID: a.lastID, Begin: a.place(ev), Started: ev.Time, ExitStatus: -1}, clockSteps: a.clockSteps}
	a.touch(w, ev)
	a.open = append(a.open, w)
	return w
}

// headless opens a run for lines without a preceding "Started emerge on".
func (a *assembler) headless(ev *logline.Event) *work {
	a.retireSilent(ev.Time)
	w := a.newWork(ev)
	w.Headless = true
	return w
}

// touch records that ev is a line of w.
func (a *assembler) touch(w *work, ev *logline.Event) {
	w.LastSeen, w.End, w.ClockStepped = ev.Time, a.place(ev), w.clockSteps != a.clockSteps
	if w.presumedDead {
		w.presumedDead, w.certainlyDead, w.Uncertain = false, false, true
	}
}

// retireSilent presumes runs dead that have been silent for silentAfter, and closes
// runs that have been presumed dead for forgetAfter.
func (a *assembler) retireSilent(now int64) {
	for i := 0; i < len(a.open); {
		w := a.open[i]
		idle := now - w.LastSeen
		if idle >= silentAfter {
			w.presumedDead, w.certainlyDead = true, true
		}
		if w.presumedDead && (idle >= forgetAfter || w.over()) {
			a.close(w)
			continue
		}
		i++
	}
}

// stalest returns the open run that is least likely to write again.
func (a *assembler) stalest() *work {
	worst := a.open[0]
	for _, w := range a.open[1:] {
		if w.presumedDead != worst.presumedDead {
			if w.presumedDead {
				worst = w
			}
			continue
		}
		if w.End.before(worst.End) {
			worst = w
		}
	}
	if !worst.over() {
		worst.presumedDead = true
	}
	return worst
}

func (p Position) before(q Position) bool {
	return p.Source < q.Source || p.Source == q.Source && p.Offset < q.Offset
}

// args handles "*** emerge ARGS". The line belongs to the run that the previous
// line started. Otherwise it belongs to a run that started in the same second and
// has no arguments yet.
func (a *assembler) args(ev *logline.Event, started int64) {
	var w *work
	for _, candidate := range a.open {
		if candidate.hasArgs || candidate.Headless {
			continue
		}
		if candidate.ID == started {
			w = candidate
			break
		}
		if w == nil && ev.Time-candidate.Started >= 0 && ev.Time-candidate.Started <= 1 {
			w = candidate
		}
	}
	if w == nil {
		w = a.headless(ev)
	}
	w.hasArgs = true
	w.Args, w.request = a.asked.request(ev.Text, w.Started)
	w.Args = parse.WithoutCredentials(w.Args)
	w.Action = w.action
	a.touch(w, ev)
	a.argsOf = w.ID
}

// continuation handles the rest of an argument with a newline.
func (a *assembler) continuation(ev *logline.Event) {
	for _, w := range a.open {
		if w.ID != a.argsOf {
			continue
		}
		if len(w.Args)+len(ev.Text) < maxArgs {
			w.Args += "\n" + string(ev.Text)
		}
		w.End = a.place(ev)
	}
}

// notice handles lines that add a fact to a run.
func (a *assembler) notice(ev *logline.Event) {
	w := a.latest(func(w *work) bool {
		switch ev.Kind {
		case logline.Resuming:
			return w.action == ActionResume && w.of == 0
		case logline.Depclean:
			return w.action == ActionDepclean
		case logline.Regen:
			return w.action == ActionOther
		default:
			return w.mayMerge() && !w.exited()
		}
	})
	if w == nil {
		return
	}
	switch ev.Kind {
	case logline.Resuming:
		w.Resumed = true
	case logline.LowSpace:
		w.LowSpace = string(ev.Text)
	}
	a.touch(w, ev)
}

// latest returns the run with the most recent line among those that satisfy fits.
// It prefers runs that are not presumed dead.
func (a *assembler) latest(fits func(*work) bool) *work {
	var best *work
	for _, w := range a.open {
		if !fits(w) {
			continue
		}
		if best == nil || best.presumedDead && !w.presumedDead || best.presumedDead == w.presumedDead && best.End.before(w.End) {
			best = w
		}
	}
	return best
}

// count returns the number of runs that satisfy fits and are not presumed dead.
func (a *assembler) count(fits func(*work) bool) int {
	n := 0
	for _, w := range a.open {
		if !w.presumedDead && fits(w) {
			n++
		}
	}
	return n
}
