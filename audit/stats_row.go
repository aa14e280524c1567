package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/store"
)

// stats makes rows of the tallies.
func (s *statsReader) stats() (*Stats, error) {
	out := &Stats{Packages: []PackageStats{}, Syncs: []RepoStats{}, Runs: []RunStats{}, Totals: []PackageStats{}}
	rows, totals := rowsOf[tally]{}, rowsOf[tally]{}
	for _, key := range sortedKeys(s.packages) {
		t := s.packages[key]
		totals.of("total", key[1]).add(t)
		switch s.q.By {
		case StatsByCategory:
			category, _, _ := strings.Cut(key[0], "/")
			rows.of(category, key[1]).add(t)
		case StatsByTotal:
		default:
			rows[key] = t
		}
	}
	for _, key := range sortedKeys(rows) {
		out.Packages = append(out.Packages, rows[key].row(key, s.q.By == StatsByPackage))
	}
	for _, key := range sortedKeys(totals) {
		out.Totals = append(out.Totals, totals[key].row(key, false))
	}
	if s.q.By == StatsByTotal {
		out.Packages = out.Totals
	}
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
	if err := sortStats(out.Packages, s.q.Sort); err != nil {
		return nil, err
	}
	if n := s.q.First; n > 0 && n < len(out.Packages) {
		out.Packages = out.Packages[:n]
	}
	if n := s.q.Last; n > 0 && n < len(out.Packages) {
		out.Packages = out.Packages[len(out.Packages)-n:]
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

// sortStats sorts rows by a column, unknown values last.
func sortStats(rows []PackageStats, column string) error {
	column, descending := strings.CutPrefix(column, "-")
	value := func(*PackageStats) *int64 { return nil }
	number := func(get func(*PackageStats) int64) {
		value = func(r *PackageStats) *int64 { n := get(r); return &n }
	}
	switch column {
	case "", "name":
		if descending {
			slices.Reverse(rows)
		} else if column == "name" {
			slices.SortStableFunc(rows, func(a, b PackageStats) int { return strings.Compare(a.CP, b.CP) })
		}
		return nil
	case "period":
		slices.SortStableFunc(rows, func(a, b PackageStats) int { return strings.Compare(a.Period, b.Period) })
		if descending {
			slices.Reverse(rows)
		}
		return nil
	case "merges":
		number(func(r *PackageStats) int64 { return int64(r.Merges) })
	case "total":
		number(func(r *PackageStats) int64 { return r.Seconds })
	case "average":
		value = func(r *PackageStats) *int64 { return r.Average }
	case "median":
		value = func(r *PackageStats) *int64 { return r.Source.Median }
	case "predicted":
		value = func(r *PackageStats) *int64 { return r.Predicted }
	case "spread":
		value = func(r *PackageStats) *int64 { return r.Source.Spread }
	case "trend":
		value = func(r *PackageStats) *int64 { return r.Source.Trend }
	case "binary":
		number(func(r *PackageStats) int64 { return int64(r.Binary) })
	case "unmerges":
		number(func(r *PackageStats) int64 { return int64(r.Unmerges) })
	case "failures":
		number(func(r *PackageStats) int64 { return int64(r.Failures) })
	case "first":
		value = func(r *PackageStats) *int64 { return r.FirstAt }
	case "last":
		value = func(r *PackageStats) *int64 { return r.LastAt }
	default:
		return fmt.Errorf("no column %q; there is: %s", column, strings.Join(StatsColumns, ", "))
	}
	slices.SortStableFunc(rows, func(a, b PackageStats) int {
		x, y := value(&a), value(&b)
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return 1
		case y == nil:
			return -1
		case descending:
			return cmp.Compare(*y, *x)
		}
		return cmp.Compare(*x, *y)
	})
	return nil
}
