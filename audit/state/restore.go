package state

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// A root that is put back to an earlier state, as from a snapshot of its file
// system, has an older VDB under a newer emerge.log, where /var/log was not put
// back with it. Then what the log says of the runs in between is true, and undone.

// restore is such a moment.
type restore struct {
	run int64 // the state before this run came back
	// from and until are the numbers of the changes that were undone: the first, and
	// the one behind the last.
	from, until int
	// after and before are between which times it happened, unix seconds.
	after, before int64
}

// addRestore looks for an earlier state that the root was put back to, where log
// and installed packages disagree, and replays with that. It is one where the log
// leads from that state to the moment before without contradiction, and where no
// installed package was built or registered later than that state: what was merged
// anew by hand would have been.
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
	newest := int64(0) // of what is installed, and was not merged after the moment
	for i := range ever {
		p := &ever[i]
		if p.RemovedAt == 0 && (until == len(t.Changes) || p.DirMTimeNS/1e9 < t.Changes[until].at) {
			newest = max(newest, p.BuildTime, p.DirMTimeNS/1e9)
		}
	}
	if newest == 0 {
		return // nothing that could have been put back
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

// withRestore replays anew with a restore between the changes until-1 and until,
// to the state from. It returns nil where that contradicts the log.
func (t *timeline) withRestore(ever []inventory.Installed, r *logs.Run, from, until int) *timeline {
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
		// It was put back before the next run began.
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

// restoreBack goes back over a restore: what is there afterwards came with it, and
// what the log made of the earlier state was there before. It is false where the
// log cannot have made anything of that.
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
		c.kind, c.snapshot = changeSnapshot, rows
	}
	return true
}

// forward makes of the packages in live what a change made of them.
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
		if m.Outcome != emergelog.MergeMerged && !m.PostinstFailed {
			return len(m.Replaced) == 0
		}
		cpv := r.Moves.CPV(m.CPV)
		if live[cpv] != nil {
			return false
		}
		live[cpv] = &Installation{CPV: cpv, Logged: m.CPV, slot: m.Slot, Last: until, until: until, witness: until}
	case changeUnmerge:
		return take(r.Moves.CPV(c.unmerge.CPV))
	case changeSnapshot:
		for _, p := range c.snapshot {
			s := live[r.Moves.CPV(p.CPV)]
			if s == nil {
				return false
			}
			s.Row = cmp.Or(s.Row, p)
		}
		return len(live) == len(c.snapshot)
	}
	return true
}

// restoreFindings report that the root was put back.
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
		Message: fmt.Sprintf("the root was put back to the state before #%d, %s, as from a snapshot: what emerge.log says of #%d and later runs was undone", x.run, when, x.run),
		Remedy:  audit.Advise("none is needed: history goes on from that state"),
	}}
}
