package state

import (
	"slices"
	"strings"

	"emaudit/parse/emergelog"
	"emaudit/store/logs"
)

// Update is a run that an administrator started, together with the runs that finish
// it. [updateDrafts.see] has the rule.
type Update struct {
	// Run is its first run. A rollback goes to the state before it, and its arguments
	// are the request.
	Run int64
	// Runs are all its runs, including failed ones, the oldest first.
	Runs []int64
}

// updateGap is the time after the end of an update, in seconds, within which a run
// can finish it. Builds of one evening may continue on the next.
const updateGap = 24 * 3600

// updateDraft is an update while the log is read. It includes runs that changed
// nothing.
type updateDraft struct {
	runs     []int64
	lastLine int64 // offset of the last line of its runs
	end      int64 // time of that line, unix seconds
	// begun are the packages (category/name) that were begun and not merged since.
	begun map[string]bool
	// failed reports that the last run that merged something failed. asked are its
	// requested packages.
	failed bool
	asked  string
}

// updateDrafts are the updates of a log, the oldest first.
type updateDrafts struct{ all []*updateDraft }

// see adds a run with its facts. The run belongs to the previous update if one of
// these is true:
//
//   - It began before the last run of the update ended.
//   - It resumes the list of the update (--resume). The update is then the newest one
//     that failed, and the runs in between belong to it too.
//   - It finishes the update within a day: --depclean without a package, or a set that
//     only rebuilds, such as @preserved-rebuild.
//   - It tries again within a day what failed: a package that the update began and did
//     not merge, or the same request after a failure.
//
// Any other run begins a new update. A run that neither merged nor removed anything,
// or only fetched or packaged, belongs to no update.
func (s *updateDrafts) see(r *logs.Run, facts *logs.Facts) {
	var begun, merged []string
	for i := range facts.Merges {
		switch m := &facts.Merges[i]; m.Outcome {
		case emergelog.MergeBuilt, emergelog.MergeFetched:
		case emergelog.MergeMerged:
			merged = append(merged, m.CP)
		default:
			begun = append(begun, m.CP)
		}
	}
	if len(begun)+len(merged)+len(facts.Unmerges) == 0 {
		return
	}
	now := s.join(r, slices.Concat(begun, merged))
	now.runs = append(now.runs, r.ID)
	now.lastLine, now.end = max(now.lastLine, r.LastAt), max(now.end, r.LastSeen)
	if len(begun) > 0 && now.begun == nil {
		now.begun = map[string]bool{}
	}
	for _, cp := range begun {
		now.begun[cp] = true
	}
	for _, cp := range merged {
		delete(now.begun, cp)
	}
	if len(begun)+len(merged) > 0 {
		now.failed = r.Outcome != emergelog.RunOK || len(begun) > 0
		if r.Action != emergelog.ActionResume {
			now.asked = packagesAsked(r.Args)
		}
	}
}

// join returns the update of a run, which may be a new one.
func (s *updateDrafts) join(r *logs.Run, packages []string) *updateDraft {
	from := len(s.all)
	if from > 0 {
		last := s.all[from-1]
		soon := r.Started-last.end <= updateGap
		switch {
		case r.BeganAt < last.lastLine, r.Action == emergelog.ActionResume && last.failed:
			from--
		case r.Action == emergelog.ActionResume:
			from = s.resumed(r)
		case soon && (finishes(r) || last.lacks(packages) || last.failed && last.asked != "" && last.asked == packagesAsked(r.Args)):
			from--
		}
	}
	if from == len(s.all) {
		s.all = append(s.all, &updateDraft{})
	}
	joined := s.all[from]
	for _, later := range s.all[from+1:] {
		joined.runs = append(joined.runs, later.runs...)
		joined.lastLine, joined.end = max(joined.lastLine, later.lastLine), max(joined.end, later.end)
	}
	s.all = s.all[:from+1]
	return joined
}

// resumed returns the index of the update whose list a run resumes if a later update
// succeeded: Portage keeps one list in reserve (mtimedb, resume_backup).
func (s *updateDrafts) resumed(r *logs.Run) int {
	for i := len(s.all) - 1; i >= 0 && r.Started-s.all[i].end <= updateGap; i-- {
		if s.all[i].failed {
			return i
		}
	}
	return len(s.all)
}

// lacks reports whether one of the packages was begun and not merged since.
func (s *updateDraft) lacks(packages []string) bool {
	return slices.ContainsFunc(packages, func(cp string) bool { return s.begun[cp] })
}

// finishes reports whether a run only completes an update and requests nothing else.
func finishes(r *logs.Run) bool {
	asked := packagesAsked(r.Args)
	if r.Action == emergelog.ActionDepclean {
		return asked == ""
	}
	if r.Action != emergelog.ActionMerge || asked == "" {
		return false
	}
	for set := range strings.FieldsSeq(asked) {
		if !strings.HasPrefix(set, "@") || !strings.HasSuffix(set, "-rebuild") || set == "@live-rebuild" {
			return false
		}
	}
	return true
}

// packagesAsked returns the packages and sets among the arguments of a run. Portage
// logs each option as one word.
func packagesAsked(args string) string {
	var words []string
	for word := range strings.FieldsSeq(args) {
		if !strings.HasPrefix(word, "-") {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// Updates returns the updates that changed which builds are installed, the newest
// first.
func (h *Past) Updates() []Update {
	prints := h.fingerprints()
	after := map[int64]int{} // the state after the last change of a run
	for i := range h.Changes {
		if c := &h.Changes[i]; c.effective && c.Run != 0 {
			after[c.Run] = i + 1
		}
	}
	var all []Update
	for _, s := range h.drafts.all {
		last := 0
		for _, id := range s.runs {
			last = max(last, after[id])
		}
		if last == 0 {
			continue
		}
		u := Update{Runs: slices.Sorted(slices.Values(s.runs))}
		u.Run = u.Runs[0]
		if prints[h.stateBefore(h.Run(u.Run))] != prints[last] {
			all = append(all, u)
		}
	}
	slices.Reverse(all)
	return all
}

// updateOf returns the runs of the update of a run, from that run on. A rollback to
// the state before it undoes them.
func (t *timeline) updateOf(run int64) []int64 {
	for _, s := range t.drafts.all {
		if slices.Contains(s.runs, run) {
			var all []int64
			for _, id := range s.runs {
				if id >= run {
					all = append(all, id)
				}
			}
			slices.Sort(all)
			return all
		}
	}
	return []int64{run}
}
