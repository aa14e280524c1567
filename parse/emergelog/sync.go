package emergelog

import (
	"bytes"
	"slices"
	"strings"

	"emaudit/parse"
	"emaudit/parse/emergelog/logline"
)

// maxSyncs bounds the syncs kept for one open run. Beyond it, the oldest is
// delivered before its second end line.
const maxSyncs = 1024

// sync handles the lines of the sync modules, in all dialects since 2005.
func (a *assembler) sync(ev *logline.Event) {
	switch ev.Kind {
	case logline.Sync:
		w := a.latest(func(w *work) bool {
			return w.action == ActionSync && !w.presumedDead && len(w.syncs) == 0 && !w.syncing
		})
		if w == nil {
			w = a.headless(ev)
			w.Action, w.action = ActionSync, ActionSync
		}
		w.syncing = true
		a.touch(w, ev)
	case logline.SyncBegin:
		if len(ev.Name) == 0 {
			// In 2013 and 2014 the line of the module followed a line with the
			// name.
			if w, s := a.openSync(func(s *openSync) bool { return s.Location == string(ev.Text) }); s != nil {
				a.touch(w, ev)
				return
			}
		}
		w, sure := a.syncingRun(ev)
		s := a.addSync(w, ev)
		s.Repo, s.Location, s.Uncertain = a.names.intern(ev.Name), a.names.intern(ev.Text), !sure
		if s.Repo == "" {
			s.Repo = lastElement(s.Location)
		}
		s.Started = ev.Time
	case logline.SyncTransport, logline.SyncRetry:
		// Among several open syncs, the URL in the line identifies the right one.
		awaits := func(s *openSync) bool { return s.URL == "" || ev.Kind == logline.SyncRetry }
		w, s := a.openSync(func(s *openSync) bool { return awaits(s) && s.Repo == repoOfURL(string(ev.Text)) })
		if s == nil {
			w, s = a.openSync(awaits)
		}
		if s == nil {
			sure := true
			w, sure = a.syncingRun(ev)
			s = a.addSync(w, ev)
			s.Started, s.Uncertain = ev.Time, !sure
		}
		a.touch(w, ev)
		s.URL = parse.WithoutCredentials(string(ev.Text))
		if ev.Kind == logline.SyncRetry {
			s.Retries++
		}
		if s.Repo == "" {
			s.Repo = repoOfURL(s.URL)
		}
	case logline.SyncCurrent:
		// Only rsync writes this, after a line with its server (rsync.py:763).
		w, s := a.openSync(func(s *openSync) bool { return s.URL != "" })
		if s == nil {
			w, s = a.openSync(func(*openSync) bool { return true })
		}
		if s != nil {
			s.Uncertain = s.Uncertain || a.openSyncs() > 1
			a.endSync(w, s, ev, SyncOK)
		}
	case logline.SyncNotice:
		if w := a.latest(func(w *work) bool { return w.action == ActionSync && !w.presumedDead }); w != nil {
			a.touch(w, ev)
		}
	case logline.SyncError:
		var w *work
		var s *openSync
		if ev.Text == nil {
			w, s = a.openSync(func(*openSync) bool { return true })
		} else {
			// A line that names its location overrides an end that named none.
			w, s = a.anySync(func(s *openSync) bool { return s.Location == string(ev.Text) })
		}
		if s != nil {
			s.Uncertain = s.Uncertain || ev.Text == nil && a.openSyncs() > 1
			a.endSync(w, s, ev, SyncFailed)
		}
	default:
		a.syncCompleted(ev)
	}
}

// syncCompleted handles the end of a sync, which names the repository, the URL or
// the location, depending on the dialect.
func (a *assembler) syncCompleted(ev *logline.Event) {
	names := func(s *openSync) bool {
		switch ev.Kind {
		case logline.SyncCompleted:
			return s.Repo == string(ev.Name)
		case logline.SyncCompletedWith:
			return s.URL == parse.WithoutCredentials(string(ev.Text))
		default:
			return s.Location == string(ev.Text)
		}
	}
	w, s := a.openSync(names)
	if s == nil {
		// A repository can have two end lines. Only the latest run can have written
		// the second.
		if w, s = a.anySync(names); s != nil && s.Outcome == SyncOK {
			a.endSync(w, s, ev, SyncOK)
			return
		}
		sure := true
		w, sure = a.syncingRun(ev)
		s = a.addSync(w, ev)
		s.Uncertain = !sure
		switch ev.Kind {
		case logline.SyncCompleted:
			s.Repo = a.names.intern(ev.Name)
		case logline.SyncCompletedWith:
			s.URL = parse.WithoutCredentials(string(ev.Text))
			s.Repo = repoOfURL(s.URL)
		default:
			s.Location = string(ev.Text)
			s.Repo = lastElement(s.Location)
		}
	}
	a.endSync(w, s, ev, SyncOK)
}

// syncingRun returns the run that syncs now. sure is false if the run did not log
// "=== sync".
func (a *assembler) syncingRun(ev *logline.Event) (w *work, sure bool) {
	syncing := func(w *work) bool { return w.action == ActionSync && !w.presumedDead }
	if w = a.latest(syncing); w != nil {
		return w, a.count(syncing) == 1
	}
	if w = a.latest(func(w *work) bool { return !w.presumedDead && !w.over() }); w != nil {
		return w, false
	}
	w = a.headless(ev)
	w.Action, w.action = ActionSync, ActionSync
	return w, true
}

func (a *assembler) addSync(w *work, ev *logline.Event) *openSync {
	if len(w.syncs) >= maxSyncs {
		oldest := w.syncs[0]
		oldest.settle(RunUnknown)
		a.sink.Sync(oldest.Sync)
		w.syncs = w.syncs[1:]
	}
	w.Syncs++
	s := &openSync{Sync: Sync{Run: w.ID, Seq: w.Syncs, Begin: a.place(ev)}, clock: a.clockSteps}
	w.syncs = append(w.syncs, s)
	a.touch(w, ev)
	return s
}

func (a *assembler) endSync(w *work, s *openSync, ev *logline.Event, outcome SyncOutcome) {
	a.touch(w, ev)
	s.ended, s.Outcome, s.Finished = true, outcome, ev.Time
	s.ClockStepped = s.clock != a.clockSteps
}

// openSync returns the latest sync without end that satisfies fits, in the latest
// run.
func (a *assembler) openSync(fits func(*openSync) bool) (*work, *openSync) {
	return a.anySync(func(s *openSync) bool { return !s.ended && fits(s) })
}

// openSyncs counts the syncs without end in runs that are not presumed dead.
func (a *assembler) openSyncs() int {
	n := 0
	for _, w := range a.open {
		for _, s := range w.syncs {
			if !w.presumedDead && !s.ended {
				n++
			}
		}
	}
	return n
}

func (a *assembler) anySync(fits func(*openSync) bool) (*work, *openSync) {
	for _, w := range slices.Backward(a.open) {
		if w.presumedDead {
			continue
		}
		for _, s := range slices.Backward(w.syncs) {
			if fits(s) {
				return w, s
			}
		}
	}
	return nil, nil
}

// synced reports whether every sync that w began was completed.
func (w *work) synced() bool {
	return len(w.syncs) > 0 && !slices.ContainsFunc(w.syncs, func(s *openSync) bool { return s.Outcome != SyncOK })
}

// settle sets the outcome of a sync that has none when its run ends. If the run
// ended by itself, the sync has failed.
func (s *openSync) settle(outcome RunOutcome) {
	if s.ended {
		return
	}
	switch outcome {
	case RunRunning:
		s.Outcome = SyncRunning
	case RunKilled:
		s.Outcome = SyncUnknown
	default:
		s.Outcome = SyncFailed
	}
}

// repoOfURL returns the repository name for a log from before 2013, whose sync
// lines have only a URL. The main repository is called gentoo today.
func repoOfURL(url string) string {
	if name := lastElement(url); name != "gentoo-portage" && name != "" {
		return name
	}
	return "gentoo"
}

func lastElement(path string) string {
	path = strings.TrimRight(path, "/")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// setRepo sets the location of the repository from the path of an ebuild,
// LOCATION/CAT/PN/PF.ebuild.
func (a *assembler) setRepo(m *openMerge, ebuild []byte) {
	if m.RepoPath != "" {
		return
	}
	for range 3 {
		slash := bytes.LastIndexByte(ebuild, '/')
		if slash <= 0 {
			return
		}
		ebuild = ebuild[:slash]
	}
	m.RepoPath = a.names.intern(ebuild)
}
