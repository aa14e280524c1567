package state

import (
	"slices"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelog"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// ebuild(1) and scripts that call it merge without a line in emerge.log, but
// below PORTAGE_LOGDIR they leave the same logs as emerge does: one of the
// build, and one of what was replaced (prepare_build_dirs.py). Where emerge.log
// and the installed packages disagree, such a log says when the package came.

// ebuildMerge is a merge that only its build log tells of.
type ebuildMerge struct {
	merge *logs.Merge
	log   string // path of the build log
	// It happened after the build directory was prepared and before the log
	// was written for the last time, unix seconds.
	from, until int64
}

// addEbuildMerges replays once more with the merges that build logs tell of,
// for the packages about which log and VDB disagree, and keeps the result where
// that explains something and contradicts nothing.
func (t *timeline) addEbuildMerges(db audit.Database, ever []inventory.Installed) error {
	if len(t.disagreements) == 0 {
		return nil
	}
	var packages []string
	for _, d := range t.disagreements {
		if cp := audit.PackageOf(d.cpv); !slices.Contains(packages, cp) {
			packages = append(packages, cp)
		}
	}
	merges, err := history.LoadMergeHistory(db, packages)
	if err != nil {
		return err
	}
	var found []ebuildMerge
	for _, cp := range packages {
		logs, err := logs.BuildLogs(db.Tx, db.Host, logs.BuildLogQuery{CP: cp})
		if err != nil {
			return err
		}
		found = append(found, t.ebuildMergesOf(merges, logs)...)
	}
	for _, o := range found {
		with := &timeline{Moves: t.Moves, runs: t.runs, drafts: t.drafts, cutMerges: t.cutMerges, since: t.since, snapshots: t.snapshots, seen: t.seen, clock: t.clock, segments: t.segments, Syncs: t.Syncs, ebuildMerges: append(slices.Clone(t.ebuildMerges), o)}
		for _, c := range t.Changes {
			c.effective = false
			with.Changes = append(with.Changes, c)
		}
		with.Changes = append(with.Changes, change{kind: changeMerge, at: o.until, logged: o.until, place: o.merge.BeganAt, merge: o.merge})
		with.order()
		with.replay(ever)
		with.settle()
		if len(with.disagreements) < len(t.disagreements) && len(with.unknown) <= len(t.unknown) {
			*t = *with
		}
	}
	return nil
}

// ebuildMergesOf picks the logs of one package that no merge of emerge.log
// wrote and that tell of a whole merge.
func (t *timeline) ebuildMergesOf(merges *history.MergeHistory, buildLogs []logs.BuildLog) []ebuildMerge {
	var all []ebuildMerge
	for i := range buildLogs {
		l := &buildLogs[i]
		if l.Log.Kind != mergelog.KindSource || l.Log.Outcome != mergelog.OutcomeMerged || l.PreparedAt == 0 || l.WrittenAt < l.PreparedAt || !t.quiet(l.PreparedAt, l.WrittenAt) {
			continue
		}
		if _, certainty := merges.Link(l); certainty != history.LinkNone {
			continue
		}
		m := &logs.Merge{BeganAt: -l.File}
		m.CPV, m.Slot, m.Kind, m.Outcome = l.CPV, l.Log.Slot, emergelog.KindSource, emergelog.MergeMerged
		m.Started, m.Finished, m.Steps.Compiling, m.Steps.Merging = l.PreparedAt, l.WrittenAt, l.PreparedAt, l.WrittenAt
		for j := range buildLogs {
			// The log of the removal was begun while the merge was at work.
			u := &buildLogs[j]
			if j != i && u.Log.Kind != mergelog.KindSource && u.Log.Kind != mergelog.KindBinary && l.PreparedAt <= u.PreparedAt && u.PreparedAt <= l.WrittenAt {
				m.Replaced = append(m.Replaced, u.CPV)
			}
		}
		all = append(all, ebuildMerge{m, l.Path, l.PreparedAt, l.WrittenAt})
	}
	return all
}

// quiet reports whether emerge.log has nothing during a time, so that it does not
// matter at which moment of it something happened.
func (t *timeline) quiet(from, until int64) bool {
	within := func(at int64) bool { return from <= at && at <= until }
	if slices.ContainsFunc(t.clock.steps, func(s clockStep) bool { return from <= s.until && s.at <= until }) {
		return false
	}
	return !slices.ContainsFunc(t.Changes, func(c change) bool { return within(c.at) }) &&
		!slices.ContainsFunc(t.runs, func(r logs.Run) bool { return within(r.Started) })
}

// ebuildMergeFindings report what was merged without emerge.
func (t *timeline) ebuildMergeFindings() []audit.Finding {
	var all []audit.Finding
	for _, o := range t.ebuildMerges {
		all = append(all, audit.Finding{
			Code: "state-disagreement", Severity: audit.SeverityInfo, Subject: t.Moves.CPV(o.merge.CPV), Evidence: []audit.Evidence{{Source: o.log}},
			Message: "it was merged on " + audit.Day(o.until) + " without a line in emerge.log, as ebuild(1) does; its build log tells when, so no state is unknown for it",
			Remedy:  audit.Do(audit.Emaudit("ingest")).When("after each change, since a recorded state needs no log"),
		})
	}
	return all
}
