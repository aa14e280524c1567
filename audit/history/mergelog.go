package history

import (
	"cmp"
	"slices"

	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelog"
	"emaudit/store/logs"
)

// LinkCertainty says how certain the merge is that a log belongs to.
type LinkCertainty string

// The certainties of a link.
const (
	// LinkCertain: exactly one merge of the cpv was in progress at the time of the
	// log.
	LinkCertain LinkCertainty = "certain"
	// LinkAmbiguous: several merges could have written the log; the nearest is
	// used.
	LinkAmbiguous LinkCertainty = "ambiguous"
	// LinkNone: no merge in emerge.log fits, for example after ebuild(1).
	LinkNone LinkCertainty = "none"
)

const (
	// LinkSlack is the largest difference, in seconds, between the time of a log
	// and the lines of emerge.log about the same step.
	LinkSlack = 5
	// linkSpan is the time, in seconds, after the begin of a merge without logged
	// end during which it may still have written a log.
	linkSpan = 48 * 3600
)

// MergeEnd returns the time until which a merge was or may have been in progress,
// in unix seconds.
func MergeEnd(m *logs.Merge) int64 {
	if m.Finished != 0 {
		return m.Finished
	}
	return m.Started + linkSpan
}

// MergeKey identifies a merge, or a removal, in emerge.log.
type MergeKey struct {
	Run int64
	Seq int
}

// MergeHistory holds the merges and removals of some packages, oldest first.
type MergeHistory struct {
	Merges   map[string][]*logs.Merge // by cpv
	ByCP     map[string][]*logs.Merge
	Unmerges map[string][]*logs.Unmerge // by cpv, including replaced versions
}

// LoadMergeHistory reads the merges and removals of the given packages (cat/pn).
func LoadMergeHistory(db audit.Database, packages []string) (*MergeHistory, error) {
	h := &MergeHistory{Merges: map[string][]*logs.Merge{}, ByCP: map[string][]*logs.Merge{}, Unmerges: map[string][]*logs.Unmerge{}}
	if len(packages) == 0 {
		return h, nil
	}
	facts, err := logs.ReadEmergeLog(db.Tx, db.Host).FactsOf(packages)
	if err != nil {
		return nil, err
	}
	for i := range facts.Merges {
		m := &facts.Merges[i]
		h.Merges[m.CPV] = append(h.Merges[m.CPV], m)
		h.ByCP[m.CP] = append(h.ByCP[m.CP], m)
	}
	for i := range facts.Unmerges {
		u := &facts.Unmerges[i]
		h.Unmerges[u.CPV] = append(h.Unmerges[u.CPV], u)
	}
	byTime := func(a, b *logs.Merge) int { return CompareTimes(a.Started, b.Started, a.Run, b.Run) }
	for _, list := range h.Merges {
		slices.SortStableFunc(list, byTime)
	}
	for _, list := range h.ByCP {
		slices.SortStableFunc(list, byTime)
	}
	for _, list := range h.Unmerges {
		slices.SortStableFunc(list, func(a, b *logs.Unmerge) int { return CompareTimes(a.Started, b.Started, a.Run, b.Run) })
	}
	return h, nil
}

// CompareTimes orders by time, then by run.
func CompareTimes(a, b, runA, runB int64) int {
	return cmp.Or(cmp.Compare(a, b), cmp.Compare(runA, runB))
}

// Link finds the merge that wrote a log. The time in the name of a log is the time
// at which the build directory was prepared, between the begin of the merge and its
// "Compiling" line. A log without such a time was last written before the end of
// the merge.
func (h *MergeHistory) Link(log *logs.BuildLog) (*logs.Merge, LinkCertainty) {
	var found []*logs.Merge
	for _, m := range h.Merges[log.CPV] {
		if m.Started == 0 || !kindsAgree(m.Kind, log.Log.Kind) {
			continue
		}
		at := log.At()
		if at >= m.Started-LinkSlack && at <= MergeEnd(m)+LinkSlack {
			found = append(found, m)
		}
	}
	if len(found) == 0 && log.PreparedAt != 0 && log.WrittenAt != 0 {
		// A kept build directory (FEATURES=keepwork) keeps its name, and its log
		// holds the last attempt.
		for _, m := range h.Merges[log.CPV] {
			if m.Started != 0 && kindsAgree(m.Kind, log.Log.Kind) && log.WrittenAt >= m.Started && log.WrittenAt <= MergeEnd(m)+LinkSlack {
				found = append(found, m)
			}
		}
	}
	switch len(found) {
	case 0:
		return h.linkByEnd(log)
	case 1:
		if log.NameAmbiguous {
			return found[0], LinkAmbiguous
		}
		return found[0], LinkCertain
	}
	// Merges of one package in one root do not overlap. So the newest that had
	// begun wrote the log, unless another one was in progress at the same time.
	last := found[len(found)-1]
	before := found[len(found)-2]
	if log.NameAmbiguous || before.Finished == 0 && before.Root != last.Root || before.Finished > last.Started+LinkSlack {
		return last, LinkAmbiguous
	}
	return last, LinkCertain
}

// linkByEnd finds the merge of a log that only has the time of its last write,
// which may be long after the merge, as in a captured session. It is the newest
// merge that can have ended by then.
func (h *MergeHistory) linkByEnd(log *logs.BuildLog) (*logs.Merge, LinkCertainty) {
	if log.PreparedAt != 0 || log.Log.Failure == nil {
		return nil, LinkNone
	}
	for _, m := range slices.Backward(h.Merges[log.CPV]) {
		if m.Started != 0 && m.Started <= log.WrittenAt && kindsAgree(m.Kind, log.Log.Kind) && (m.Outcome != emergelog.MergeMerged || m.PostinstFailed) {
			return m, LinkAmbiguous
		}
	}
	return nil, LinkNone
}

// kindsAgree reports whether a merge of one kind can have written a log of another.
// Unknown agrees with both, a removal with neither.
func kindsAgree(merge emergelog.MergeKind, log mergelog.Kind) bool {
	switch log {
	case mergelog.KindUnmerge:
		return false
	case mergelog.KindSource:
		return merge != emergelog.KindBinary
	case mergelog.KindBinary:
		return merge != emergelog.KindSource
	}
	return true
}

// Removal returns the removal that wrote a log without a header. The package in its
// name is then the removed one. ok is false if there is no such removal.
func (h *MergeHistory) Removal(log *logs.BuildLog) (*logs.Unmerge, bool) {
	if log.Log.Kind == mergelog.KindSource || log.Log.Kind == mergelog.KindBinary {
		return nil, false
	}
	for _, u := range slices.Backward(h.Unmerges[log.CPV]) {
		end := u.Finished
		if end == 0 {
			end = u.Started + linkSpan
		}
		if u.Started != 0 && log.At() >= u.Started-LinkSlack && log.At() <= end+LinkSlack {
			return u, true
		}
	}
	return nil, false
}
