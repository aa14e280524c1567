package audit

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"emaudit/store"
)

// stats makes the answer of the tallies.
func (s *statsReader) stats() (*Stats, error) {
	rows, err := s.packages.rows(s.q)
	if err != nil {
		return nil, err
	}
	out := &Stats{Packages: rows, Syncs: []RepoStats{}, Runs: []RunStats{}, totals: sync.OnceValue(s.packages.totals)}
	go out.totals()
	for _, key := range sortedKeys(s.syncs) {
		out.Syncs = append(out.Syncs, repoRow(key, s.syncs[key]))
	}
	for _, key := range sortedKeys(s.runs) {
		h := s.runs[key]
		out.Runs = append(out.Runs, RunStats{
			Action: key[0], Period: key[1], Runs: h.Runs, Succeeded: h.Succeeded, Failed: h.Failed,
			Interrupted: h.Interrupted, Seconds: h.Seconds, FirstAt: at(h.FirstAt), LastAt: at(h.LastAt),
		})
	}
	return out, nil
}

// sortedKeys orders rows by stretch of time, then by name.
func sortedKeys[T any](rows rowsOf[T]) [][2]string {
	keys := make([][2]string, 0, len(rows))
	for key := range rows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[1], b[1]), strings.Compare(a[0], b[0])) })
	return keys
}

func (t *tally) row(key [2]string, predict bool) PackageStats {
	row := PackageStats{
		CP: key[0], Period: key[1], Unmerges: t.unmerges, Failures: t.failures, FirstAt: at(t.firstAt), LastAt: at(t.lastAt),
		Source: kindStats(t.durations, t.untimed, predict), Binaries: kindStats(t.binary, t.binaryUntimed, predict),
	}
	row.Merges, row.Binary = row.Source.Merges+row.Binaries.Merges, row.Binaries.Merges
	row.Seconds = row.Source.Seconds + row.Binaries.Seconds
	if timed := int64(len(t.durations) + len(t.binary)); timed > 0 {
		average := (row.Seconds + timed/2) / timed
		row.Average = &average
	}
	row.Predicted = row.Source.Predicted
	if row.Source.Merges == 0 {
		row.Predicted = row.Binaries.Predicted
	}
	if begun := int64(row.Merges + row.Failures); begun > 0 {
		rate := (int64(row.Failures)*100 + begun/2) / begun
		row.FailureRate = &rate
	}
	return row
}

func kindStats(durations []int64, untimed int, predict bool) KindStats {
	k := KindStats{Merges: len(durations) + untimed}
	if len(durations) == 0 {
		return k
	}
	for _, d := range durations {
		k.Seconds += d
	}
	n := int64(len(durations))
	average := (k.Seconds + n/2) / n
	sorted := slices.Clone(durations)
	slices.Sort(sorted)
	median, spread := quantile(sorted, 2), quantile(sorted, 3)-quantile(sorted, 1)
	k.Average, k.Median, k.Spread = &average, &median, &spread
	if predict {
		if e, ok := estimateOf(durations); ok {
			k.Predicted = &e.seconds
		}
		k.Trend = trend(durations)
	}
	return k
}

// trendSamples is the least number of merges of which a trend is told.
const trendSamples = 6

// trend compares the median of the last third with that of the first.
func trend(durations []int64) *int64 {
	if len(durations) < trendSamples {
		return nil
	}
	third := len(durations) / 3
	early, late := slices.Clone(durations[:third]), slices.Clone(durations[len(durations)-third:])
	slices.Sort(early)
	slices.Sort(late)
	before := quantile(early, 2)
	if before == 0 {
		return nil
	}
	percent := quantile(late, 2) * 100 / before
	return &percent
}

func repoRow(key [2]string, h *store.SyncHistory) RepoStats {
	k := kindStats(h.Durations, 0, false)
	return RepoStats{
		Repo: key[0], Period: key[1], Syncs: h.Syncs, Failures: h.Failures, Seconds: k.Seconds, Average: k.Average, Median: k.Median,
		FirstAt: at(h.FirstAt), LastAt: at(h.LastAt),
	}
}

// statsColumn returns the value of a column by which rows are sorted, nil where
// it is not known; ok is false for a column that is none.
func statsColumn(column string) (value func(*PackageStats) *int64, ok bool) {
	number := func(get func(*PackageStats) int64) (func(*PackageStats) *int64, bool) {
		return func(r *PackageStats) *int64 { n := get(r); return &n }, true
	}
	switch column {
	case "merges":
		return number(func(r *PackageStats) int64 { return int64(r.Merges) })
	case "total":
		return number(func(r *PackageStats) int64 { return r.Seconds })
	case "average":
		return func(r *PackageStats) *int64 { return r.Average }, true
	case "median":
		return func(r *PackageStats) *int64 { return r.Source.Median }, true
	case "predicted":
		return func(r *PackageStats) *int64 { return r.Predicted }, true
	case "spread":
		return func(r *PackageStats) *int64 { return r.Source.Spread }, true
	case "trend":
		return func(r *PackageStats) *int64 { return r.Source.Trend }, true
	case "binary":
		return number(func(r *PackageStats) int64 { return int64(r.Binary) })
	case "unmerges":
		return number(func(r *PackageStats) int64 { return int64(r.Unmerges) })
	case "failures":
		return number(func(r *PackageStats) int64 { return int64(r.Failures) })
	case "first":
		return func(r *PackageStats) *int64 { return r.FirstAt }, true
	case "last":
		return func(r *PackageStats) *int64 { return r.LastAt }, true
	}
	return nil, false
}
