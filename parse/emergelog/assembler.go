package emergelog

import "emaudit/parse"

const (
	// maxClockJitter is how many seconds the clock may fall back between two
	// lines before durations that span them are no longer believed: NTP and
	// lines of a second writer move it by less.
	maxClockJitter = 60
	// maxQuiet is for how many seconds nothing may be written within what has a
	// duration: beyond, the clock was set, or the machine slept.
	maxQuiet = 7 * 24 * 3600
	// silentAfter is for how many seconds a run may write nothing, while others
	// start, before it is taken for dead: the longest builds take less.
	silentAfter = 24 * 3600
	// forgetAfter is for how many seconds a run that is taken for dead is kept,
	// should it show signs of life after all.
	forgetAfter = 7 * 24 * 3600
	// maxWork bounds the runs that are kept open; the stalest is given up.
	maxWork = 32
	// maxArgs bounds the arguments kept of one run: more than Linux lets a
	// command line hold by default (2 MiB).
	maxArgs = 4 << 20
)

// assembler turns events into records.
type assembler struct {
	sink    Sink
	source  int
	open    []*work // in the order of their IDs
	lastID  int64
	last    int64 // time of the last event
	clock   int   // how often the clock was set, back or far ahead
	argsOf  int64 // ID of the run whose arguments the last line held, else 0
	started int64 // ID of the run that the last line started, else 0
	names   interner
	spares  []*openMerge
	asked   requests
}

func (a *assembler) event(ev *Event) {
	if ev.Kind == KindContinuation {
		a.continuation(ev)
		return
	}
	if ev.Time < a.last-maxClockJitter || a.last != 0 && ev.Time > a.last+maxQuiet {
		a.clock++
	}
	a.last = ev.Time
	started := a.started
	a.argsOf, a.started = 0, 0
	switch ev.Kind {
	case KindBegin:
		a.begin(ev)
	case KindCleaning, KindCompiling, KindPackaging, KindMerging, KindFetchingBinary, KindMergingBinary, KindWorld, KindPostClean:
		a.step(ev)
	case KindCompleted:
		a.completed(ev)
	case KindAutoclean:
		a.autoclean(ev)
	case KindUnmerging:
		a.unmerging(ev)
	case KindUnmerged:
		a.unmerged(ev, UnmergeOK)
	case KindUnmergeFailed:
		a.unmerged(ev, UnmergeFailed)
	case KindUsage:
		a.usage(ev)
	case KindStarted:
		a.retire(ev.Time)
		a.started = a.newWork(ev).ID
	case KindArgs:
		a.args(ev, started)
	case KindResuming, KindRegen, KindDepclean, KindLowSpace:
		a.notice(ev)
	case KindFinished:
		a.finished(ev)
	case KindExiting:
		a.exiting(ev)
	case KindTerminating:
		a.terminating(ev)
	case KindRestarting:
		a.restarting(ev)
	case KindSync, KindSyncBegin, KindSyncTransport, KindSyncRetry, KindSyncCurrent, KindSyncNotice, KindSyncError,
		KindSyncCompleted, KindSyncCompletedWith, KindSyncCompletedAt:
		a.sync(ev)
	}
}

func (a *assembler) place(ev *Event) Position { return Position{a.source, ev.Offset} }

func (a *assembler) newWork(ev *Event) *work {
	for len(a.open) >= maxWork {
		a.close(a.stalest())
	}
	a.lastID++
	w := &work{Run: Run{ID: a.lastID, Begin: a.place(ev), Started: ev.Time, ExitStatus: -1}, clock: a.clock}
	a.touch(w, ev)
	a.open = append(a.open, w)
	return w
}

// headless opens a run for lines whose "Started emerge on" is not there.
func (a *assembler) headless(ev *Event) *work {
	a.retire(ev.Time)
	w := a.newWork(ev)
	w.Headless = true
	return w
}

// touch notes that ev is a line of w.
func (a *assembler) touch(w *work, ev *Event) {
	w.LastSeen, w.End, w.ClockStepped = ev.Time, a.place(ev), w.clock != a.clock
	if w.silent {
		w.silent, w.surely, w.Uncertain = false, false, true
	}
}

// retire takes for dead what has been silent for long, and gives up what has
// been taken for dead for long.
func (a *assembler) retire(now int64) {
	for i := 0; i < len(a.open); {
		w := a.open[i]
		idle := now - w.LastSeen
		if idle >= silentAfter {
			w.silent, w.surely = true, true
		}
		if w.silent && (idle >= forgetAfter || w.over()) {
			a.close(w)
			continue
		}
		i++
	}
}

// stalest returns the open run that is the least likely to write again.
func (a *assembler) stalest() *work {
	worst := a.open[0]
	for _, w := range a.open[1:] {
		if w.silent != worst.silent {
			if w.silent {
				worst = w
			}
			continue
		}
		if w.End.before(worst.End) {
			worst = w
		}
	}
	if !worst.over() {
		worst.silent = true
	}
	return worst
}

func (p Position) before(q Position) bool {
	return p.Source < q.Source || p.Source == q.Source && p.Offset < q.Offset
}

// args takes "*** emerge ARGS": it belongs to the run that the line before
// started, else to one that was started in the same second and has none yet.
func (a *assembler) args(ev *Event, started int64) {
	var w *work
	for _, candidate := range a.open {
		if candidate.argued || candidate.Headless {
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
	w.argued = true
	w.Args, w.request = a.asked.request(ev.Text, w.Started)
	w.Args = parse.WithoutCredentials(w.Args)
	w.Action = w.action
	a.touch(w, ev)
	a.argsOf = w.ID
}

// continuation takes the rest of an argument that held a newline.
func (a *assembler) continuation(ev *Event) {
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

// notice takes the lines that add a fact to a run.
func (a *assembler) notice(ev *Event) {
	w := a.latest(func(w *work) bool {
		switch ev.Kind {
		case KindResuming:
			return w.action == ActionResume && w.of == 0
		case KindDepclean:
			return w.action == ActionDepclean
		case KindRegen:
			return w.action == ActionOther
		default:
			return w.mayMerge() && !w.exited()
		}
	})
	if w == nil {
		return
	}
	switch ev.Kind {
	case KindResuming:
		w.Resumed = true
	case KindLowSpace:
		w.LowSpace = string(ev.Text)
	}
	a.touch(w, ev)
}

// latest returns the run among those that pass fits that wrote last; one that
// is not taken for dead goes before one that is.
func (a *assembler) latest(fits func(*work) bool) *work {
	var best *work
	for _, w := range a.open {
		if !fits(w) {
			continue
		}
		if best == nil || best.silent && !w.silent || best.silent == w.silent && best.End.before(w.End) {
			best = w
		}
	}
	return best
}

// count counts the runs not taken for dead that pass fits.
func (a *assembler) count(fits func(*work) bool) int {
	n := 0
	for _, w := range a.open {
		if !w.silent && fits(w) {
			n++
		}
	}
	return n
}
