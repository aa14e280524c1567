package state

import (
	"cmp"
	"slices"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/parse/emergelog"
	"emaudit/parse/userconf"
	"emaudit/store"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// Installation is one installed instance during the time in which it was there. The
// times are numbers of states: the host was in state k between the changes k-1
// and k of the [timeline], and what is said of a state is true of its end. Where
// the evidence leaves a gap, the bounds of what is certain lie inside those of
// what is possible; a stay with first > last is certain nowhere.
type Installation struct {
	CPV     string // under the name that the package has now
	Logged  string // as emerge.log or the VDB has it
	slot    string // "" where nothing tells
	Row     *inventory.Installed
	Merge   *logs.Merge // that installed it; nil: before the log, or not logged
	first   int         // certainly there from this state
	Last    int         // to this one
	from    int         // possibly there from this state
	until   int         // to this one
	witness int         // the earliest state for which something proves it, while replaying
}

// changeKind is what a [change] rests on.
type changeKind uint8

const (
	changeMerge changeKind = iota
	changeUnmerge
	// changeSnapshot changes nothing: it proves what was installed.
	changeSnapshot
	// changeRestore puts an earlier state back; see [restore].
	changeRestore
	// changeNothing is a place, until a restore puts a snapshot there.
	changeNothing
)

// change leads from one state to the next.
type change struct {
	kind     changeKind
	at       int64 // unix seconds, as [clock] has them
	logged   int64 // unix seconds, as the log has them
	Run      int64
	place    int64 // in bytes of the whole log
	merge    *logs.Merge
	unmerge  *logs.Unmerge
	snapshot []*inventory.Installed
	// effective reports that what was installed is not the same afterwards.
	effective bool
	// doubt tells of a removal that it may be of another root.
	doubt bool
}

// timeline is the history of what was installed, replayed backward from what
// is installed now.
type timeline struct {
	Changes []change
	runs    []logs.Run // oldest first
	// sittings are the updates that the runs make.
	drafts updateDrafts
	// cut are the merges that were cut, and cutSpans the states in which they leave
	// a package in doubt; cutMerges finds them.
	cut       []history.CutMerge
	cutSpans  []cutSpan
	cutMerges *history.CutMerges
	// restored is the moment at which the root was put back to an earlier state; nil
	// where that is not seen.
	restored      *restore
	installations []*Installation
	Moves         userconf.Moves
	// since is the moment from which on the log says what happened; 0 where
	// there is no log.
	since int64
	// hiding are the states that nothing is known of.
	unknown       []unknownStates
	disagreements []disagreement
	// hidden are the spans in which COUNTER counts merges that nothing
	// explains.
	unexplained []span
	// outside are the merges that only build logs tell of.
	ebuildMerges []ebuildMerge
	snapshots    []inventory.Snapshot
	seen         []inventory.Snapshot // those that have their place in time
	clock        clock
	segments     []logs.Segment
	Syncs        []int64 // when a repository was synced without failure, unix seconds
}

// unknownStates are those behind a disagreement that nothing settles, up to the
// ingest before it: what an ingest saw needs no log.
type unknownStates struct {
	from, until int // from is the first, until the one behind the last
	why         string
}

// disagreement is a place at which the log says something else than what was
// installed later.
type disagreement struct {
	change int // index of the change at which it shows
	cpv    string
	found  string // what was there instead; "" = nothing
	// from and until are the states between which something happened that the
	// log does not have.
	from, until     int
	merged          bool          // what happened was a merge, which COUNTER counts
	by              *Installation // what that merge installed; nil where nothing tells
	settled         bool          // COUNTER proves that nothing else is missing
	unloggedRemoval bool          // a removal, and the log has every merge there ever was
}

// readTimeline reads the history of a host from the store; see
// [timeline.reconstruct].
func readTimeline(db audit.Database) (*timeline, error) {
	t := &timeline{Moves: userconf.Moves{}}
	files, err := db.Tx.ConfigFiles(db.Host, store.ConfigUpdates)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		updates, _ := userconf.ParseUpdates(f.Content)
		t.Moves.Add(updates)
	}
	if t.snapshots, err = inventory.Snapshots(db.Tx, db.Host); err != nil {
		return nil, err
	}
	if t.segments, err = logs.Segments(db.Tx, db.Host); err != nil {
		return nil, err
	}
	own, err := db.EROOT()
	if err != nil {
		return nil, err
	}
	if t.cutMerges, err = history.NewCutMerges(db); err != nil {
		return nil, err
	}
	return t, t.readLog(logs.ReadEmergeLog(db.Tx, db.Host), newOtherRoots(own))
}

// settleWith makes the stays of packages out of what was read, with everything
// that was ever seen installed.
func (t *timeline) reconstruct(db audit.Database, ever []inventory.Installed) error {
	t.addSnapshots(ever)
	t.order()
	t.replay(ever)
	t.settle()
	if t.addRestore(ever); t.restored == nil {
		if err := t.addEbuildMerges(db, ever); err != nil {
			return err
		}
	}
	var err error
	if t.cut, err = t.cutMerges.Of(db); err != nil {
		return err
	}
	t.spanCuts()
	return nil
}

// readLog takes the runs and what they changed.
func (t *timeline) readLog(log *logs.EmergeLog, roots *otherRoots) error {
	for _, s := range t.segments {
		if s.FirstAt > 0 && (t.since == 0 || s.FirstAt < t.since) {
			t.since = s.FirstAt
		}
	}
	var facts logs.Facts
	var lines []logTime
	err := log.Runs(logs.RunRange{}, logs.OldestFirst, func(r *logs.Run) error {
		t.runs = append(t.runs, *r)
		if err := log.Facts(r, &facts); err != nil {
			return err
		}
		lines = timesOfRun(lines, r, &facts)
		t.drafts.see(r, &facts)
		t.cutMerges.See(&facts)
		for _, s := range facts.Syncs {
			if s.Finished != 0 && s.Outcome == emergelog.SyncOK {
				t.Syncs = append(t.Syncs, s.Finished)
			}
		}
		elsewhere := 0
		for i := range facts.Merges {
			// What went into another root is no part of this one.
			m := facts.Merges[i]
			if roots.merged(&m) {
				elsewhere++
				continue
			}
			if m.Steps.Merging == 0 && m.Outcome != emergelog.MergeMerged {
				continue
			}
			m.Replaced = slices.Clone(m.Replaced)
			t.Changes = append(t.Changes, change{kind: changeMerge, at: MergedAt(&m), Run: r.ID, place: m.BeganAt, merge: &m})
		}
		for i := range facts.Unmerges {
			// A removal that belongs to a merge is part of it.
			u := facts.Unmerges[i]
			if u.Outcome != emergelog.UnmergeOK || u.Reason == emergelog.UnmergeReplaced && u.Unmerge.Merge != 0 {
				continue
			}
			other, doubt := roots.removed(u.CPV, elsewhere > 0 && elsewhere == len(facts.Merges))
			if !other {
				t.Changes = append(t.Changes, change{kind: changeUnmerge, at: cmp.Or(u.Finished, u.Started), Run: r.ID, place: u.BeganAt, unmerge: &u, doubt: doubt})
			}
		}
		return nil
	})
	t.clock = readClock(lines)
	for i := range t.Changes {
		c := &t.Changes[i]
		c.logged = c.at
		c.at = t.clock.at(c.place, c.at)
	}
	t.seen = t.clock.orderly(t.snapshots)
	return err
}

// MergedAt is the moment at which a merge changed what is installed, as near
// as the log tells.
func MergedAt(m *logs.Merge) int64 {
	return cmp.Or(m.Steps.Autoclean, m.Finished, m.Steps.Merging, m.Started)
}

// addSnapshots adds the moments at which the VDB was looked at, but for the
// last, from which the replay begins.
func (t *timeline) addSnapshots(ever []inventory.Installed) {
	if len(t.seen) == 0 {
		return
	}
	// Lines that are younger than the ingest that read them were written by
	// another clock: then it cannot be told what a snapshot came after.
	last := t.seen[len(t.seen)-1]
	if slices.ContainsFunc(t.Changes, func(c change) bool { return c.at > last.ConfirmedAt }) {
		return
	}
	for i, s := range t.seen {
		var there []*inventory.Installed
		for j := range ever {
			if p := &ever[j]; p.AddedAt <= s.TakenAt && (p.RemovedAt == 0 || p.RemovedAt > s.TakenAt) {
				there = append(there, p)
			}
		}
		t.Changes = append(t.Changes, change{kind: changeSnapshot, at: s.TakenAt, snapshot: there})
		if _, ambiguous := t.clock.ambiguous(s.ConfirmedAt); s.ConfirmedAt != s.TakenAt && i < len(t.seen)-1 && !ambiguous {
			t.Changes = append(t.Changes, change{kind: changeSnapshot, at: s.ConfirmedAt, snapshot: there})
		}
	}
}

// order sorts the changes by time. What a run did in one second stays in the
// order of the log, and a snapshot comes after it. What counts as made at a step
// of the clock comes before what was made after it.
func (t *timeline) order() {
	slices.SortStableFunc(t.Changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.at, b.at), audit.CompareBools(a.kind == changeSnapshot, b.kind == changeSnapshot),
			cmp.Compare(t.clock.epoch(a.place), t.clock.epoch(b.place)), cmp.Compare(a.logged, b.logged),
			cmp.Compare(a.Run, b.Run), cmp.Compare(a.place, b.place))
	})
}

// replayer walks backward through the changes.
type replayer struct {
	*timeline
	live map[string][]*Installation // by category/pn
	// known has, by category/pn and slot, the next later state for which
	// something reports what the slot held.
	known map[string]int
	end   int
}

// replay walks backward from what is installed now. It is false where that
// contradicts a restore.
func (t *timeline) replay(ever []inventory.Installed) bool {
	r := &replayer{timeline: t, live: map[string][]*Installation{}, known: map[string]int{}, end: len(t.Changes)}
	for i := range ever {
		if p := &ever[i]; p.RemovedAt == 0 {
			r.add(&Installation{CPV: t.Moves.CPV(p.CPV), Logged: p.CPV, slot: p.Slot, Row: p, Last: r.end, until: r.end, witness: r.end})
		}
	}
	for i := len(t.Changes) - 1; i >= 0; i-- {
		c := &t.Changes[i]
		switch c.kind {
		case changeMerge:
			r.unmerge(i, c)
		case changeUnmerge:
			r.remerge(i, c)
		case changeSnapshot:
			r.compare(i, c.snapshot)
		case changeRestore:
			if !r.restoreBack(i) {
				return false
			}
		}
	}
	// What is left was there before the first change.
	for _, all := range r.live {
		for _, s := range all {
			s.first, s.from = 0, 0
		}
	}
	return true
}

func (r *replayer) add(s *Installation) {
	cp := audit.PackageOf(s.CPV)
	r.live[cp] = append(r.live[cp], s)
	r.installations = append(r.installations, s)
}

func (r *replayer) find(cpv string) *Installation {
	for _, s := range r.live[audit.PackageOf(cpv)] {
		if s.CPV == cpv {
			return s
		}
	}
	return nil
}

// inSlot returns what the slot of a package holds.
func (r *replayer) inSlot(cpv, slot string) *Installation {
	for _, s := range r.live[audit.PackageOf(cpv)] {
		if s.slot == slot || s.slot == "" || slot == "" {
			return s
		}
	}
	return nil
}

func (r *replayer) drop(s *Installation) {
	cp := audit.PackageOf(s.CPV)
	r.live[cp] = slices.DeleteFunc(r.live[cp], func(x *Installation) bool { return x == s })
}

func (r *replayer) slotKey(cpv, slot string) string { return audit.PackageOf(cpv) + ":" + slot }

// unmerge goes back over a merge: what it installed is taken away, and what it
// replaced comes back.
func (r *replayer) unmerge(i int, c *change) {
	m := c.merge
	cpv := r.Moves.CPV(m.CPV)
	s := r.find(cpv)
	if m.Outcome != emergelog.MergeMerged && !m.PostinstFailed && !r.merged(m, s) {
		// It was cut off, or failed, before it was installed. What it had
		// removed by then is gone nevertheless.
		r.restore(i, c, cpv, m.Slot)
		return
	}
	c.effective = true
	switch {
	case s == nil:
		r.lost(i, c, cpv)
	case !r.builtBy(s, m):
		// The same version, but a later build that the log does not have.
		s.first, s.from = s.witness, i+1
		r.drop(s)
		r.ended(i, cpv, m, s.witness)
		r.note(i, cpv, s, i+1, s.witness, true)
	default:
		s.first, s.from, s.Merge = i+1, i+1, m
		if s.slot == "" {
			s.slot = m.Slot
		}
		if s.Row == nil {
			s.Logged = m.CPV
		}
		r.drop(s)
	}
	r.restore(i, c, cpv, m.Slot)
	r.known[r.slotKey(cpv, m.Slot)] = i
}

// merged reports whether a merge whose end the log does not have installed its
// package: the package is there afterwards, and nothing but this merge
// explains it.
func (r *replayer) merged(m *logs.Merge, s *Installation) bool {
	if s == nil {
		return false
	}
	if s.Row != nil && s.Row.BuildTime != 0 && m.Kind == emergelog.KindSource {
		return withinMerge(s.Row.BuildTime, m)
	}
	return len(m.Replaced) > 0 && !slices.Contains(m.Replaced, m.CPV)
}

// builtBy reports whether the evidence allows that a stay was installed by a
// merge: a build from source ends between the lines of its merge.
func (r *replayer) builtBy(s *Installation, m *logs.Merge) bool {
	if s.Row == nil || s.Row.BuildTime == 0 || m.Kind != emergelog.KindSource || m.ClockStepped {
		return true
	}
	return withinMerge(s.Row.BuildTime, m)
}

// withinMerge reports whether a package with this BUILD_TIME was built by a
// source merge: it is taken while the package is compiled.
func withinMerge(buildTime int64, m *logs.Merge) bool {
	begin := cmp.Or(m.Steps.Compiling, m.Steps.Cleaning, m.Started)
	end := cmp.Or(m.Steps.Merging, m.Finished)
	return begin <= buildTime && (end == 0 || buildTime <= end)
}

// restore brings back what a merge replaced.
func (r *replayer) restore(i int, c *change, cpv, slot string) {
	for _, name := range c.merge.Replaced {
		old := r.Moves.CPV(name)
		c.effective = true
		if s := r.find(old); s != nil {
			// It came back without a line of the log.
			s.first, s.from = s.witness, i+1
			r.drop(s)
			r.note(i, old, s, i+1, s.witness, true)
		}
		r.add(&Installation{CPV: old, Logged: name, slot: slot, Last: i, until: i, witness: i})
	}
}

// ended adds a stay that was installed by the change i and had ended, without
// a line of the log, at the end of state until. Nothing proves any moment
// between: it is certain nowhere.
func (r *replayer) ended(i int, cpv string, m *logs.Merge, until int) {
	r.installations = append(r.installations, &Installation{CPV: cpv, Logged: m.CPV, slot: m.Slot, Merge: m, first: i + 1, from: i + 1, Last: i, until: max(until-1, i+1)})
}

// lost handles a merge whose package is not there afterwards.
func (r *replayer) lost(i int, c *change, cpv string) {
	m := c.merge
	if x := r.inSlot(cpv, m.Slot); x != nil {
		x.first, x.from = x.witness, i+1
		r.drop(x)
		r.ended(i, cpv, m, x.witness)
		r.note(i, cpv, x, i+1, x.witness, true)
		return
	}
	until, ok := r.known[r.slotKey(cpv, m.Slot)]
	if !ok {
		until = r.end
	}
	r.ended(i, cpv, m, until)
	r.note(i, cpv, nil, i+1, until, false)
}

func (r *replayer) note(i int, cpv string, by *Installation, from, until int, merged bool) {
	found := ""
	if by != nil {
		found = by.CPV
	}
	r.disagreements = append(r.disagreements, disagreement{change: i, cpv: cpv, found: found, from: from, until: until, merged: merged, by: by})
}

// remerge goes back over a removal: the package comes back.
func (r *replayer) remerge(i int, c *change) {
	cpv := r.Moves.CPV(c.unmerge.CPV)
	s := r.find(cpv)
	if c.doubt && s != nil && s.Row != nil && s.Row.DirMTimeNS/1e9 < c.at {
		return // what is installed was installed before: another root lost its own
	}
	c.effective = true
	if s != nil {
		s.first, s.from = s.witness, i+1
		r.drop(s)
		r.note(i, cpv, s, i+1, s.witness, true)
	}
	r.add(&Installation{CPV: cpv, Logged: c.unmerge.CPV, Last: i, until: i, witness: i})
}

// compare holds the replay against what an ingest saw at the change i, which
// is the end of state i.
func (r *replayer) compare(i int, snapshot []*inventory.Installed) {
	k := i + 1
	seen := map[*Installation]bool{}
	for _, p := range snapshot {
		cpv := r.Moves.CPV(p.CPV)
		s := r.find(cpv)
		if s != nil && s.Row != nil && s.Row.ID != p.ID && (s.Row.BuildTime != p.BuildTime || s.Row.Counter != p.Counter) {
			// Another build of the version came between.
			s.first, s.from = s.witness, k
			r.drop(s)
			r.note(i, cpv, s, k, s.witness, true)
			s = nil
		}
		if s == nil {
			until := r.end - 1
			if next, ok := r.known[r.slotKey(cpv, p.Slot)]; ok {
				until = next - 1
			}
			until = max(until, k)
			s = &Installation{CPV: cpv, Logged: p.CPV, slot: p.Slot, Row: p, Last: k - 1, until: until, witness: k - 1}
			r.add(s)
			r.note(i, cpv, nil, k, until+1, false)
		}
		if s.Row == nil {
			s.Row, s.slot = p, p.Slot
		}
		s.witness = min(s.witness, k-1)
		seen[s] = true
	}
	for _, all := range r.live {
		for _, s := range slices.Clone(all) {
			if seen[s] {
				continue
			}
			// It came after this moment, without a line of the log.
			s.first, s.from = s.witness, k+1
			r.drop(s)
			r.note(i, s.CPV, s, k, s.witness, true)
		}
	}
}
