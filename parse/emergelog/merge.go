package emergelog

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"emaudit/parse"
	"emaudit/parse/emergelog/logline"
)

// begin handles ">>> emerge (N of M) CPV to ROOT".
func (a *assembler) begin(ev *logline.Event) {
	w, sure := a.workFor(ev)
	if w.of != ev.Of || ev.N <= w.lastN && ev.N == 1 {
		a.newList(w, ev.Of)
	} else if (w.buildOnly || w.fetchOnly) && !w.parallel {
		// Without parallel jobs, the begin of a merge means that the previous one
		// is done.
		a.settleMerges(w, a.sink, RunOK)
	}
	m := a.addMerge(w, ev)
	m.Started = ev.Time
	m.Root = a.names.intern(ev.Text)
	m.Uncertain = !sure
}

// newList records that w begins a merge list of the given length. If the run had a
// list before, --keep-going dropped the failed packages. All open merges have then
// failed, because Portage makes a new list only when no job runs
// (Scheduler.py:1306).
func (a *assembler) newList(w *work, of int) {
	if w.of != 0 {
		a.settleMerges(w, a.sink, RunFailed)
	}
	w.of, w.lastN, w.done = of, 0, 0
}

func (a *assembler) addMerge(w *work, ev *logline.Event) *openMerge {
	cpv := string(ev.Name)
	w.Merges++
	m := a.newMerge()
	m.Run, m.Seq, m.Begin, m.CPV, m.N, m.Of = w.ID, w.Merges, a.place(ev), cpv, ev.N, ev.Of
	m.name, m.clockSteps = len(logline.PackageOf(cpv)), a.clockSteps
	if w.binaryOnly {
		m.Kind = KindBinary
	}
	w.merges = append(w.merges, m)
	w.lastN = max(w.lastN, ev.N)
	a.touch(w, ev)
	return m
}

// workFor returns the run that begins the package of ev. sure is false if another
// run may have begun it.
func (a *assembler) workFor(ev *logline.Event) (w *work, sure bool) {
	inList := func(w *work) bool { return w.of == ev.Of && w.lastN < ev.N && !w.over() }
	if w = a.latest(inList); w != nil && !w.presumedDead {
		return w, a.count(inList) == 1
	}
	continues := func(w *work) bool { return w.doubted && w.of == ev.Of && w.lastN+1 == ev.N }
	if resumed := a.latest(continues); resumed != nil {
		a.reassignEnd(resumed)
		return resumed, false
	}
	fresh := func(w *work) bool { return w.of == 0 && w.mayMerge() && !w.over() && !w.finished && !w.presumedDead }
	if ev.N == 1 {
		recounted := func(w *work) bool {
			return w.keepGoing && w.of > ev.Of && !w.over() && !w.presumedDead && w.openMerges() > 0
		}
		freshCount, recountedCount := a.count(fresh), a.count(recounted)
		switch {
		case freshCount > 0:
			return a.latest(fresh), freshCount+recountedCount == 1
		case recountedCount > 0:
			return a.latest(recounted), recountedCount == 1
		}
	}
	if w != nil {
		return w, false // presumed dead, but it continues
	}
	if w = a.latest(fresh); w != nil {
		return w, false // lines are missing, because a list begins with 1
	}
	headless := func(w *work) bool { return w.Headless && w.of > ev.Of && ev.N == 1 && !w.over() && !w.presumedDead }
	if w = a.latest(headless); w != nil && len(a.open) == 1 {
		return w, false // its arguments are lost and may have had --keep-going
	}
	return a.headless(ev), true
}

// mergeOf returns the open merge to which ev belongs as step p. If several merges
// fit, it prefers runs that are not presumed dead, then merges that have not
// reached p.
func (a *assembler) mergeOf(ev *logline.Event, p phase) (w *work, m *openMerge) {
	rank, fits := -1, 0
	for _, candidate := range slices.Backward(a.open) {
		for _, open := range candidate.merges {
			if open.N != ev.N || open.Of != ev.Of || open.held || open.CPV != string(ev.Name) {
				continue
			}
			if ev.Kind == logline.Completed && open.Root != "" && open.Root != string(ev.Text) {
				continue
			}
			r := 0
			if !candidate.presumedDead {
				r += 4
			}
			if open.phase < p {
				r += 2
			}
			if open.phase+1 == p || p == fetching && open.phase == begun {
				r++
			}
			switch {
			case r > rank:
				rank, fits, w, m = r, 1, candidate, open
			case r == rank:
				fits++
			}
		}
	}
	if fits > 1 {
		m.Uncertain = true
	}
	return w, m
}

var phaseOf = [...]phase{
	logline.Cleaning: fetching, logline.FetchingBinary: fetching, logline.Compiling: compiling, logline.Packaging: compiling,
	logline.Merging: merging, logline.MergingBinary: merging, logline.World: recorded, logline.PostClean: cleaned, logline.Completed: cleaned,
}

// step handles "=== (N of M) STEP (CPV::PATH)".
func (a *assembler) step(ev *logline.Event) {
	w, m := a.mergeOf(ev, phaseOf[ev.Kind])
	if m == nil {
		w, m = a.headlessMerge(ev)
	}
	a.reassignEnd(w)
	a.touch(w, ev)
	m.phase = max(m.phase, phaseOf[ev.Kind])
	switch ev.Kind {
	case logline.Cleaning:
		m.Kind, m.Steps.Cleaning = KindSource, ev.Time
		a.setRepo(m, ev.Text)
		a.presumeOvertakenDead(w, m)
	case logline.Compiling, logline.Packaging:
		m.Kind, m.Steps.Compiling = KindSource, ev.Time
		m.Packaged = ev.Kind == logline.Packaging
		a.setRepo(m, ev.Text)
	case logline.Merging:
		m.Kind, m.Steps.Merging = KindSource, ev.Time
		a.setRepo(m, ev.Text)
	case logline.FetchingBinary:
		m.Kind, m.Steps.Fetching = KindBinary, ev.Time
	case logline.MergingBinary:
		m.Kind, m.Steps.Merging = KindBinary, ev.Time
		m.setBinpkg(string(ev.Text))
		a.presumeOvertakenDead(w, m)
	case logline.World:
		m.World = true
	case logline.PostClean:
		if m.Kind == KindUnknown {
			m.setKind(ev.Text)
		}
	}
}

// headlessMerge opens a merge whose ">>> emerge" line is not in the input.
func (a *assembler) headlessMerge(ev *logline.Event) (*work, *openMerge) {
	w := a.latest(func(w *work) bool { return w.of == ev.Of && !w.over() && !w.presumedDead })
	if w == nil {
		fresh := func(w *work) bool { return w.of == 0 && w.mayMerge() && !w.over() && !w.presumedDead }
		if a.count(fresh) == 1 {
			w = a.latest(fresh)
		}
	}
	if w == nil {
		w = a.headless(ev)
	}
	if w.of == 0 {
		w.of = ev.Of
	}
	m := a.addMerge(w, ev)
	m.Uncertain = !w.Headless
	return w, m
}

// presumeOvertakenDead presumes other runs dead that have the same package open.
// Portage locks the build directory, so they cannot still be building it.
func (a *assembler) presumeOvertakenDead(by *work, m *openMerge) {
	for _, w := range a.open {
		if w == by || w.ID > by.ID {
			continue
		}
		for _, open := range w.merges {
			if !open.held && open.CPV == m.CPV && open.Root == m.Root {
				w.presumedDead, w.certainlyDead = true, true
			}
		}
	}
}

// completed handles "::: completed emerge (N of M) CPV to ROOT".
func (a *assembler) completed(ev *logline.Event) {
	w, m := a.mergeOf(ev, cleaned)
	if m == nil {
		w, m = a.headlessMerge(ev)
	}
	a.reassignEnd(w)
	a.touch(w, ev)
	m.Root = a.names.intern(ev.Text)
	m.Finished, m.Outcome = ev.Time, MergeMerged
	m.ClockStepped = m.clockSteps != a.clockSteps
	w.Merged++
	w.done++
	if w.of == 1 {
		// Only the exit status shows that pkg_postinst failed, and only if no other
		// package can be the cause.
		m.held = true
		return
	}
	a.sink.Merge(m.Merge)
	w.merges = without(w.merges, m)
	a.spares = append(a.spares, m)
}

// newMerge returns an empty merge. It reuses the memory of delivered ones.
func (a *assembler) newMerge() *openMerge {
	if n := len(a.spares); n > 0 {
		m := a.spares[n-1]
		a.spares = a.spares[:n-1]
		*m = openMerge{}
		return m
	}
	return new(openMerge)
}

// replacing returns the open merge of a package named name (cat/pn) whose files are
// installed.
func (a *assembler) replacing(name string) (*work, *openMerge) {
	for _, w := range slices.Backward(a.open) {
		for _, m := range w.merges {
			if m.Steps.Autoclean != 0 && !m.held && !w.presumedDead && m.packageName() == name {
				return w, m
			}
		}
	}
	return nil, nil
}

// autoclean handles ">>> AUTOCLEAN: CAT/PN:SLOT".
func (a *assembler) autoclean(ev *logline.Event) {
	var w *work
	var m *openMerge
	for _, candidate := range slices.Backward(a.open) {
		for _, open := range candidate.merges {
			if open.held || open.Steps.Autoclean != 0 || open.packageName() != string(ev.Name) {
				continue
			}
			if m == nil || open.phase >= merging && m.phase < merging || w.presumedDead && !candidate.presumedDead {
				w, m = candidate, open
			}
		}
	}
	if m == nil {
		return
	}
	a.touch(w, ev)
	m.Steps.Autoclean = ev.Time
	m.Slot = a.names.intern(ev.Text)
	m.phase = max(m.phase, autocleaned)
}

// usage handles "=== Resource usage for CPV [PAIRS]", which has neither "(N of M)"
// nor a root.
func (a *assembler) usage(ev *logline.Event) {
	for _, w := range slices.Backward(a.open) {
		for _, m := range w.merges {
			if m.Usage == nil && !m.held && m.phase <= built && m.CPV == string(ev.Name) {
				usage := parse.ParseUsage(string(ev.Text))
				m.Usage, m.Steps.Built = &usage, ev.Time
				m.phase = max(m.phase, built)
				a.touch(w, ev)
				return
			}
		}
	}
}

// binpkgSuffixes are the suffixes of binary packages in Portage (bintree.py).
var binpkgSuffixes = []string{".gpkg.tar", ".xpak", ".tbz2"}

// setKind derives source or binary from the path in a "Post-Build Cleaning" line.
func (m *openMerge) setKind(path []byte) {
	switch {
	case bytes.HasSuffix(path, []byte(".ebuild")):
		m.Kind = KindSource
	case slices.ContainsFunc(binpkgSuffixes, func(suffix string) bool { return bytes.HasSuffix(path, []byte(suffix)) }):
		m.Kind = KindBinary
		m.setBinpkg(string(path))
	}
}

// setBinpkg records the file of a binary merge. Portage logs "None" if it does not
// know the path.
func (m *openMerge) setBinpkg(path string) {
	if path == "None" {
		return
	}
	m.Binpkg, m.BuildID = path, buildID(path, m.CPV)
}

// buildID returns the build id in the file name of a binary package of cpv,
// CAT/PN/PF-ID.gpkg.tar or .xpak (FEATURES=binpkg-multi-instance). It returns 0 if
// the name has none.
func buildID(path, cpv string) int {
	name := lastElement(path)
	for _, suffix := range binpkgSuffixes {
		name = strings.TrimSuffix(name, suffix)
	}
	id, found := strings.CutPrefix(name, lastElement(cpv)+"-")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(id)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
