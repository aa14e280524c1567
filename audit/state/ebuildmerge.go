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

// ebuild(1) and scripts that call it merge without a line in emerge.log. Below
// PORTAGE_LOGDIR they leave the same logs as emerge does: one of the build, and one
// of the removal of the replaced package (prepare_build_dirs.py). If emerge.log and
// the installed packages disagree, such a log shows when the package was merged.

// ebuildMerge is a merge that only its build log shows.
type ebuildMerge struct {
	merge *Merge
	log   string // path of the build log
	// The merge happened after the build directory was prepared and before the last
	// write of the log, in unix seconds.
	from, until int64
}

// addEbuildMerges replays the log once more, with the merges in the build logs of the
// packages about which log and VDB disagree. It keeps a merge if that resolves a
// disagreement and creates none.
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
	var found []ebuildMerge
	for _, cp := range packages {
		buildLogs, err := logs.BuildLogs(db.Tx, db.Host, logs.BuildLogQuery{CP: cp})
		if err != nil {
			return err
		}
		if len(buildLogs) == 0 {
			continue
		}
		merges, err := history.LoadMergeHistory(db, []string{cp})
		if err != nil {
			return err
		}
		found = append(found, t.ebuildMergesOf(merges, buildLogs)...)
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

// ebuildMergesOf returns the complete merges in the build logs of one package that
// belong to no merge in emerge.log.
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
		m := &Merge{CPV: l.CPV, Slot: l.Log.Slot, Kind: emergelog.KindSource, BeganAt: -l.File, At: l.WrittenAt, from: l.PreparedAt, until: l.WrittenAt, installed: true}
		for j := range buildLogs {
			// The removal log was begun during the merge.
			u := &buildLogs[j]
			if j != i && u.Log.Kind != mergelog.KindSource && u.Log.Kind != mergelog.KindBinary && l.PreparedAt <= u.PreparedAt && u.PreparedAt <= l.WrittenAt {
				m.Replaced = append(m.Replaced, u.CPV)
			}
		}
		all = append(all, ebuildMerge{m, l.Path, l.PreparedAt, l.WrittenAt})
	}
	return all
}

// quiet reports whether emerge.log has no line in a time span, so that the exact
// moment of an event in it does not matter.
func (t *timeline) quiet(from, until int64) bool {
	within := func(at int64) bool { return from <= at && at <= until }
	if slices.ContainsFunc(t.clock.steps, func(s clockStep) bool { return from <= s.until && s.at <= until }) {
		return false
	}
	return !slices.ContainsFunc(t.Changes, func(c change) bool { return within(c.at) }) &&
		!slices.ContainsFunc(t.runs, func(r Run) bool { return within(r.Started) })
}

// ebuildMergeFindings returns a finding for each merge without emerge.
func (t *timeline) ebuildMergeFindings() []audit.Finding {
	var all []audit.Finding
	for _, o := range t.ebuildMerges {
		all = append(all, audit.Finding{
			Code: audit.CodeStateDisagreement, Severity: audit.SeverityInfo, Subject: t.Moves.CPV(o.merge.CPV), Evidence: []audit.Evidence{{Source: o.log}},
			Message: "it was merged on " + audit.Day(o.until) + " without a line in emerge.log, as by ebuild(1); its build log shows when, so no state is unknown because of it",
			Remedy:  audit.Do(audit.Emaudit("ingest")).When("record the state after each change; a recorded state needs no log"),
		})
	}
	return all
}
