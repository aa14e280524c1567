package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/store/inventory"
)

// If a root is put back to an earlier state, for example from a snapshot of its file
// system, but /var/log is not, an older VDB stands under a newer emerge.log. The log
// is then correct, but the changes of the runs in between were undone.

// restore is the event of putting a root back.
type restore struct {
	run int64 // the root went back to the state before this run
	// the numbers of the undone changes, from the first up to, but not including,
	// until
	from, until int
	// The event happened between after and before, unix seconds.
	after, before int64
}

// addRestore looks for an earlier state to which the root was put back, if log and
// installed packages disagree, and replays with it. It accepts a state if the log
// leads from there to the moment of the restore without contradiction, and if no
// installed package was built or registered after that state. A package that somebody
// merged anew would have been.
func (t *timeline) addRestore(ever []inventory.Installed) {
	last := -1
	for _, d := range t.disagreements {
		if !d.settled && !d.unloggedRemoval {
			last = max(last, d.change)
		}
	}
	if last < 0 {
		return
	}
	until := last + 1
	for until < len(t.Changes) && t.Changes[until].Run != 0 && t.Changes[until].Run == t.Changes[last].Run {
		until++
	}
	newest := int64(0) // of the installed packages that were not merged after the restore
	for i := range ever {
		p := &ever[i]
		if p.RemovedAt == 0 && (until == len(t.Changes) || p.DirMTimeNS/1e9 < t.Changes[until].at) {
			newest = max(newest, p.BuildTime, p.DirMTimeNS/1e9)
		}
	}
	if newest == 0 {
		return // no package could have been restored
	}
	for i := len(t.runs) - 1; i >= 0; i-- {
		r := &t.runs[i]
		from := t.stateBefore(r)
		if t.clock.at(r.BeganAt, r.Started) < newest {
			return
		}
		if from >= until {
			continue
		}
		if with := t.withRestore(ever, r, from, until); with != nil && len(with.unknown) < len(t.unknown) {
			*t = *with
			return
		}
	}
}

// withRestore replays with a restore to state from, between the changes until-1 and
// until. It returns nil if that contradicts the log.
func (t *timeline) withRestore(ever []inventory.Installed, r *Run, from, until int) *timeline {
	began := t.clock.at(r.BeganAt, r.Started)
	with := *t
	with.installations, with.unknown, with.disagreements, with.unexplained, with.ebuildMerges = nil, nil, nil, nil, nil
	with.Changes = nil
	for _, c := range t.Changes {
		c.effective = false
		with.Changes = append(with.Changes, c)
	}
	x := restore{run: r.ID, from: from + 1, until: until + 1, after: t.Changes[until-1].at}
	switch {
	case until < len(t.Changes):
		// The restore was before the next run.
		x.before = t.Changes[until].at
		if next := t.Run(t.Changes[until].Run); next != nil {
			x.before = max(x.after, min(x.before, t.clock.at(next.BeganAt, next.Started)))
		}
	default:
		for _, s := range slices.Backward(t.snapshots) {
			if s.TakenAt >= x.after {
				x.before = s.TakenAt
			}
		}
		x.before = max(x.before, x.after)
	}
	with.Changes = slices.Insert(with.Changes, until, change{kind: changeRestore, at: x.before, logged: x.before, effective: true})
	with.Changes = slices.Insert(with.Changes, from, change{kind: changeNothing, at: began, logged: began})
	with.restored = &x
	if !with.replay(ever) {
		return nil
	}
	with.settle()
	return &with
}

// restoreBack undoes a restore: the packages after it came with it, and before it the
// root had what the log made of the earlier state. It returns false if that
// contradicts the log.
func (r *replayer) restoreBack(i int) bool {
	x := r.restored
	before := map[string]*Installation{}
	var rows []*inventory.Installed
	rowless := false
	for _, all := range r.live {
		for _, s := range slices.Clone(all) {
			rowless = rowless || s.Row == nil
			rows = append(rows, s.Row)
			before[s.CPV] = &Installation{CPV: s.CPV, Logged: s.Logged, slot: s.slot, Row: s.Row, Last: i, until: i, witness: i}
			s.first, s.from = i+1, i+1
			r.drop(s)
		}
	}
	for k := x.from; k < i; k++ {
		if !r.forward(before, &r.Changes[k], i) {
			return false
		}
	}
	for _, s := range before {
		r.add(s)
	}
	if !rowless {
		c := &r.Changes[x.from-1]
		c.kind, c.snapshot = changeSnapshot, (*snapshot)(&rows)
	}
	return true
}

// forward applies a change to the packages in live. It returns false if they
// contradict the change.
func (r *replayer) forward(live map[string]*Installation, c *change, until int) bool {
	take := func(cpv string) bool {
		_, there := live[cpv]
		delete(live, cpv)
		return there
	}
	switch c.kind {
	case changeMerge:
		m := c.merge
		for _, old := range m.Replaced {
			if !take(r.Moves.CPV(old)) {
				return false
			}
		}
		if !m.installed {
			return len(m.Replaced) == 0
		}
		cpv := r.Moves.CPV(m.CPV)
		if live[cpv] != nil {
			return false
		}
		live[cpv] = &Installation{CPV: cpv, Logged: m.CPV, slot: m.Slot, Last: until, until: until, witness: until}
	case changeUnmerge:
		return take(r.Moves.CPV(c.removed))
	case changeSnapshot:
		for _, p := range *c.snapshot {
			s := live[r.Moves.CPV(p.CPV)]
			if s == nil {
				return false
			}
			s.Row = cmp.Or(s.Row, p)
		}
		return len(live) == len(*c.snapshot)
	}
	return true
}

// restoreFindings returns the finding about a restore.
func (t *timeline) restoreFindings() []audit.Finding {
	x := t.restored
	if x == nil {
		return nil
	}
	when := "after " + audit.Day(x.after)
	if x.before > x.after {
		when = fmt.Sprintf("between %s and %s", audit.Minute(x.after), audit.Minute(x.before))
	}
	return []audit.Finding{{
		Code: "state-restored", Severity: audit.SeverityInfo, Subject: fmt.Sprintf("run:%d", x.run),
		Message: fmt.Sprintf("the root was put back to the state before #%d, %s, as from a snapshot: the changes of #%d and later runs were undone", x.run, when, x.run),
		Remedy:  audit.Advise("none is needed: history goes on from that state"),
	}}
}
