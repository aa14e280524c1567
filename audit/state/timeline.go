package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/parse/emergelog"
	"emaudit/parse/userconf"
	"emaudit/store"
	"emaudit/store/config"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// Installation is a build during the time in which it was installed. The fields
// first, Last, from and until are numbers of states. State k lies between the changes
// k-1 and k of the [timeline], and a statement about a state holds at its end. The
// build was certainly installed from first to Last and possibly from from to until.
// If first > Last, it was certainly installed at no moment.
type Installation struct {
	CPV     string // under the present name of the package
	Logged  string // as in emerge.log or the VDB
	slot    string // "" = unknown
	Row     *inventory.Installed
	Merge   *Merge // the merge that installed it; nil = before the log, or not logged
	first   int    // first state in which it was certainly installed
	Last    int    // to this one
	from    int    // first state in which it was possibly installed
	until   int    // to this one
	witness int    // during the replay: the earliest state with evidence for it
	build   *Build // the result of [Past.Identify], once asked for
}

// changeKind is the evidence for a [change].
type changeKind uint8

const (
	changeMerge changeKind = iota
	changeUnmerge
	// changeSnapshot is not a change. It shows what was installed.
	changeSnapshot
	// changeRestore restores an earlier state; see [restore].
	changeRestore
	// changeNothing reserves a place, which a restore turns into a snapshot.
	changeNothing
)

// change leads from one state to the next.
type change struct {
	kind changeKind
	// effective reports that the change altered what is installed.
	effective bool
	// doubt reports that a removal may concern another root.
	doubt    bool
	at       int64 // unix seconds, corrected by [clock]
	logged   int64 // unix seconds, as logged
	Run      int64
	place    int64 // offset in bytes in the whole log
	merge    *Merge
	removed  string // cpv, as logged
	snapshot *snapshot
}

// snapshot is what an ingest found installed.
type snapshot []*inventory.Installed

// timeline is the history of what was installed, replayed backward from what is
// installed now.
type timeline struct {
	Changes []change
	runs    []Run // oldest first
	// drafts are the updates that the runs form.
	drafts updateDrafts
	// cut are the interrupted merges, found by cutMerges. cutSpans are the states in
	// which they leave a package in doubt.
	cut       []history.CutMerge
	cutSpans  []cutSpan
	cutMerges *history.CutMerges
	// restored is the moment at which the root was put back to an earlier state, or
	// nil.
	restored      *restore
	installations []*Installation
	Moves         userconf.Moves
	// since is the time at which the log begins, or 0 if there is no log.
	since int64
	// unknown are the states of which nothing is known.
	unknown       []unknownStates
	disagreements []disagreement
	// unexplained are the spans in which COUNTER counts merges that nothing explains.
	unexplained []span
	// ebuildMerges are the merges that only build logs show.
	ebuildMerges []ebuildMerge
	snapshots    []inventory.Snapshot
	seen         []inventory.Snapshot // the ones in order; see clock.orderly
	clock        clock
	segments     []logs.Segment
	Syncs        []int64 // times of successful syncs, unix seconds
}

// unknownStates are the states before an unresolved disagreement, back to the last
// ingest: a state that an ingest recorded needs no log.
type unknownStates struct {
	from, until int // from the first one up to, but not including, until
	// cpv is the version that the disagreement is about. If it is "", COUNTER counts
	// more merges than emerge.log has.
	cpv    string
	merges int64
}

// why returns why nothing is known of the states.
func (u *unknownStates) why() string {
	if u.cpv == "" {
		return fmt.Sprintf("COUNTER counts %d merges that emerge.log does not have", u.merges)
	}
	return "emerge.log and the installed packages disagree about " + u.cpv
}

// disagreement is a change in the log that contradicts what was installed later.
type disagreement struct {
	change int // index of the contradicting change
	cpv    string
	found  string // what was installed instead; "" = nothing
	// from and until are the states between which the unlogged event happened.
	from, until     int
	merged          bool          // the event was a merge, which COUNTER counts
	by              *Installation // what that merge installed; nil = unknown
	settled         bool          // COUNTER proves that nothing else is missing
	unloggedRemoval bool          // the event was a removal, and COUNTER proves that the log has every merge
}

// readTimeline reads the log and the snapshots of a host. [timeline.reconstruct] then
// replays them.
func readTimeline(db audit.Database) (*timeline, error) {
	t := &timeline{}
	var err error
	if t.Moves, err = config.Moves(db.Tx, db.Host); err != nil {
		return nil, err
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

// reconstruct computes the installations from what was read and all packages that
// were ever seen installed.
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

// readLog reads the runs and their changes.
func (t *timeline) readLog(log *logs.EmergeLog, roots *otherRoots) error {
	for _, s := range t.segments {
		if s.FirstAt > 0 && (t.since == 0 || s.FirstAt < t.since) {
			t.since = s.FirstAt
		}
	}
	var facts logs.Facts
	var lines []logTime
	names := store.Strings{}
	err := log.Runs(logs.RunRange{}, logs.OldestFirst, func(r *logs.Run) error {
		t.runs = append(t.runs, keepRun(r))
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
			// A merge into another root does not concern this one.
			m := &facts.Merges[i]
			if roots.merged(m) {
				elsewhere++
				continue
			}
			if m.Steps.Merging == 0 && m.Outcome != emergelog.MergeMerged {
				continue
			}
			kept := keepMerge(m, names)
			t.Changes = append(t.Changes, change{kind: changeMerge, at: kept.At, Run: r.ID, place: m.BeganAt, merge: kept})
		}
		for i := range facts.Unmerges {
			// A removal by a merge is part of that merge.
			u := &facts.Unmerges[i]
			if u.Outcome != emergelog.UnmergeOK || u.Reason == emergelog.UnmergeReplaced && u.Unmerge.Merge != 0 {
				continue
			}
			other, doubt := roots.removed(u.CPV, elsewhere > 0 && elsewhere == len(facts.Merges))
			if !other {
				t.Changes = append(t.Changes, change{kind: changeUnmerge, at: cmp.Or(u.Finished, u.Started), Run: r.ID, place: u.BeganAt, removed: names.One(u.CPV), doubt: doubt})
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

// addSnapshots adds the snapshots of the VDB to the changes.
func (t *timeline) addSnapshots(ever []inventory.Installed) {
	if len(t.seen) == 0 {
		return
	}
	// Lines that are younger than the ingest that read them were written with another
	// clock. The order of lines and snapshots is then unknown.
	last := t.seen[len(t.seen)-1]
	if slices.ContainsFunc(t.Changes, func(c change) bool { return c.at > last.ConfirmedAt }) {
		return
	}
	for i, s := range t.seen {
		var there snapshot
		for j := range ever {
			if p := &ever[j]; p.AddedAt <= s.TakenAt && (p.RemovedAt == 0 || p.RemovedAt > s.TakenAt) {
				there = append(there, p)
			}
		}
		t.Changes = append(t.Changes, change{kind: changeSnapshot, at: s.TakenAt, snapshot: &there})
		if _, ambiguous := t.clock.ambiguous(s.ConfirmedAt); s.ConfirmedAt != s.TakenAt && i < len(t.seen)-1 && !ambiguous {
			t.Changes = append(t.Changes, change{kind: changeSnapshot, at: s.ConfirmedAt, snapshot: &there})
		}
	}
}

// order sorts the changes by time. Changes of one run in the same second keep the
// order of the log, and a snapshot follows them. Changes that count for the time of a
// clock step precede the changes after the step.
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
	// known maps category/name and slot to the next later state for which there is
	// evidence of the content of the slot.
	known map[string]int
	end   int
}

// replay walks backward from what is installed now. It returns false if the log
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
			r.compare(i, *c.snapshot)
		case changeRestore:
			if !r.restoreBack(i) {
				return false
			}
		}
	}
	// The rest was installed before the first change.
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

// inSlot returns what is installed in the slot of a package.
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

// unmerge undoes a merge: it removes the installed package and brings back the
// replaced ones.
func (r *replayer) unmerge(i int, c *change) {
	m := c.merge
	cpv := r.Moves.CPV(m.CPV)
	s := r.find(cpv)
	if !m.installed && !r.merged(m, s) {
		// The merge was interrupted or failed before it installed the package. What
		// it had removed is gone nevertheless.
		r.restore(i, c, cpv, m.Slot)
		return
	}
	c.effective = true
	switch {
	case s == nil:
		r.lost(i, c, cpv)
	case !r.builtBy(s, m):
		// It is the same version, but a later, unlogged build.
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

// merged reports whether a merge without an end in the log installed its package: the
// package exists afterwards, and only this merge explains it.
func (r *replayer) merged(m *Merge, s *Installation) bool {
	if s == nil {
		return false
	}
	if s.Row != nil && s.Row.BuildTime != 0 && m.Kind == emergelog.KindSource {
		return m.built(s.Row.BuildTime)
	}
	return len(m.Replaced) > 0 && !slices.Contains(m.Replaced, m.CPV)
}

// builtBy reports whether an installation can come from a merge. BUILD_TIME of a
// build from source lies between the lines of its merge.
func (r *replayer) builtBy(s *Installation, m *Merge) bool {
	if s.Row == nil || s.Row.BuildTime == 0 || m.Kind != emergelog.KindSource || m.ClockStepped {
		return true
	}
	return m.built(s.Row.BuildTime)
}

// restore brings back what a merge replaced.
func (r *replayer) restore(i int, c *change, cpv, slot string) {
	for _, name := range c.merge.Replaced {
		old := r.Moves.CPV(name)
		c.effective = true
		if s := r.find(old); s != nil {
			// Something brought it back without a line in the log.
			s.first, s.from = s.witness, i+1
			r.drop(s)
			r.note(i, old, s, i+1, s.witness, true)
		}
		r.add(&Installation{CPV: old, Logged: name, slot: slot, Last: i, until: i, witness: i})
	}
}

// ended adds an installation that began with change i and ended, unlogged, no later
// than state until. Nothing proves that it existed at any moment between, so it is
// certain in no state.
func (r *replayer) ended(i int, cpv string, m *Merge, until int) {
	r.installations = append(r.installations, &Installation{CPV: cpv, Logged: m.CPV, slot: m.Slot, Merge: m, first: i + 1, from: i + 1, Last: i, until: max(until-1, i+1)})
}

// lost handles a merge whose package is not installed afterwards.
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

// remerge undoes a removal: the package comes back.
func (r *replayer) remerge(i int, c *change) {
	cpv := r.Moves.CPV(c.removed)
	s := r.find(cpv)
	if c.doubt && s != nil && s.Row != nil && s.Row.DirMTimeNS/1e9 < c.at {
		return // it was installed before the removal, which concerned another root
	}
	c.effective = true
	if s != nil {
		s.first, s.from = s.witness, i+1
		r.drop(s)
		r.note(i, cpv, s, i+1, s.witness, true)
	}
	r.add(&Installation{CPV: cpv, Logged: c.removed, Last: i, until: i, witness: i})
}

// compare compares the replay with the snapshot at change i, which shows the end of
// state i.
func (r *replayer) compare(i int, recorded snapshot) {
	k := i + 1
	seen := map[*Installation]bool{}
	for _, p := range recorded {
		cpv := r.Moves.CPV(p.CPV)
		s := r.find(cpv)
		if s != nil && s.Row != nil && s.Row.ID != p.ID && (s.Row.BuildTime != p.BuildTime || s.Row.Counter != p.Counter) {
			// Another build of the same version was installed in between.
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
			// It was installed after this snapshot, without a line in the log.
			s.first, s.from = s.witness, k+1
			r.drop(s)
			r.note(i, s.CPV, s, k, s.witness, true)
		}
	}
}
