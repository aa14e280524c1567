package history

import (
	"cmp"
	"slices"

	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelog"
	"emaudit/store"
)

// LinkCertainty says how sure it is which merge a log belongs to.
type LinkCertainty string

// The certainties of a link.
const (
	// LinkCertain: exactly one merge of the cpv was at work at the log's time.
	LinkCertain LinkCertainty = "certain"
	// LinkAmbiguous: several could have written the log; the nearest is taken.
	LinkAmbiguous LinkCertainty = "ambiguous"
	// LinkNone: no merge of emerge.log fits, as with ebuild(1).
	LinkNone LinkCertainty = "none"
)

const (
	// LinkSlack is how far, in seconds, the stamp of a log and the lines of
	// emerge.log about the same step may lie apart.
	LinkSlack = 5
	// linkSpan is how long after its beginning a merge whose end was never
	// logged may still have written a log.
	linkSpan = 48 * 3600
)

// MergeEnd is the time until which a merge was at work, or may have been.
func MergeEnd(m *store.Merge) int64 {
	if m.Finished != 0 {
		return m.Finished
	}
	return m.Started + linkSpan
}

// MergeKey names a merge, or a removal, of emerge.log.
type MergeKey struct {
	Run int64
	Seq int
}

// MergeHistory is what emerge.log says of some packages, the oldest first.
type MergeHistory struct {
	Merges   map[string][]*store.Merge // by cpv
	ByCP     map[string][]*store.Merge
	Unmerges map[string][]*store.Unmerge // by cpv, replaced versions included
}

// LoadMergeHistory reads the merges and removals of the given packages (cat/pn).
func LoadMergeHistory(db audit.Database, packages []string) (*MergeHistory, error) {
	h := &MergeHistory{Merges: map[string][]*store.Merge{}, ByCP: map[string][]*store.Merge{}, Unmerges: map[string][]*store.Unmerge{}}
	if len(packages) == 0 {
		return h, nil
	}
	wanted := map[string]bool{}
	for _, cp := range packages {
		wanted[cp] = true
	}
	log, err := db.Tx.EmergeLog(db.Host).Only(packages)
	if err != nil {
		return nil, err
	}
	numbers, err := log.RunsOf(packages)
	if err != nil {
		return nil, err
	}
	var facts store.Facts
	err = log.RunsNumbered(numbers, func(r *store.Run) error {
		if err := log.Facts(r, &facts); err != nil {
			return err
		}
		for _, m := range facts.Merges {
			if cp := m.CP; wanted[cp] {
				h.Merges[m.CPV] = append(h.Merges[m.CPV], &m)
				h.ByCP[cp] = append(h.ByCP[cp], &m)
			}
		}
		for _, u := range facts.Unmerges {
			if wanted[u.CP] {
				h.Unmerges[u.CPV] = append(h.Unmerges[u.CPV], &u)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	byTime := func(a, b *store.Merge) int { return CompareTimes(a.Started, b.Started, a.Run, b.Run) }
	for _, list := range h.Merges {
		slices.SortStableFunc(list, byTime)
	}
	for _, list := range h.ByCP {
		slices.SortStableFunc(list, byTime)
	}
	for _, list := range h.Unmerges {
		slices.SortStableFunc(list, func(a, b *store.Unmerge) int { return CompareTimes(a.Started, b.Started, a.Run, b.Run) })
	}
	return h, nil
}

// CompareTimes orders by time, then by run.
func CompareTimes(a, b, runA, runB int64) int {
	return cmp.Or(cmp.Compare(a, b), cmp.Compare(runA, runB))
}

// Link finds the merge that wrote a log. The stamp of the name is the moment at
// which the build directory was prepared, between the beginning of the merge and
// its "Compiling" line; a log without a stamp was last written before the merge
// ended.
func (h *MergeHistory) Link(log *store.BuildLog) (*store.Merge, LinkCertainty) {
	var found []*store.Merge
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
		// A build directory that was kept (FEATURES=keepwork) has kept its
		// name: the last attempt is in it.
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
	// Merges of one package in one root follow each other: the newest that had
	// begun wrote the log, unless another one was at work at the same time.
	last := found[len(found)-1]
	before := found[len(found)-2]
	if log.NameAmbiguous || before.Finished == 0 && before.Root != last.Root || before.Finished > last.Started+LinkSlack {
		return last, LinkAmbiguous
	}
	return last, LinkCertain
}

// linkByEnd finds the merge of a log that only tells when it was last written,
// long after that merge perhaps, such as the captured screen of a whole session:
// the newest one that can have had that end.
func (h *MergeHistory) linkByEnd(log *store.BuildLog) (*store.Merge, LinkCertainty) {
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

// kindsAgree tells whether a merge of one kind can have written a log of
// another; unknown agrees with both, and a removal with neither.
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

// Removal tells whether a log without a header is that of a removal: the prefix
// of its name is then the package that was removed.
func (h *MergeHistory) Removal(log *store.BuildLog) (*store.Unmerge, bool) {
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
