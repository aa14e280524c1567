package history

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"emaudit/store"
)

// stats makes the answer of the tallies.
func (s *statsReader) stats() (*Stats, error) {
	rows, err := s.rows()
	if err != nil {
		return nil, err
	}
	out := &Stats{Packages: rows, Runs: []RunStats{}}
	// Made while the rows of packages are written.
	out.syncs = sync.OnceValue(s.repoRows)
	out.sum = sync.OnceValue(func() *StatsSum { return sumOf(rows) })
	go out.syncs()
	go out.sum()
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

// detail says how much of a row is made.
type detail uint8

const (
	withQuartiles  detail = iota
	withPrediction        // and the trend
)

// numbers holds the values of rows, so that not each is allocated alone.
type numbers []int64

// numbersOfRow is how many values a row has that may be unknown.
const numbersOfRow = 15

// of returns the place of a value.
func (n *numbers) of(value int64) *int64 {
	if len(*n) == cap(*n) {
		*n = make(numbers, 0, numbersOfRow)
	}
	*n = append(*n, value)
	return &(*n)[len(*n)-1]
}

// at is the package's function at, in this memory.
func (n *numbers) at(unix int64) *int64 {
	if unix == 0 {
		return nil
	}
	return n.of(unix)
}

// row makes the row of a name and a stretch of time.
func (t *tally) row(key [2]string, how detail, n *numbers) PackageStats {
	row := PackageStats{
		CP: key[0], Period: key[1], Unmerges: t.unmerges, Failures: t.failures, FirstAt: n.at(t.firstAt), LastAt: n.at(t.lastAt),
		Source: kindStats(t.durations, t.untimed, how, n), Binaries: kindStats(t.binary, t.binaryUntimed, how, n),
	}
	row.Merges, row.Binary = row.Source.Merges+row.Binaries.Merges, row.Binaries.Merges
	row.Seconds = row.Source.Seconds + row.Binaries.Seconds
	if timed := int64(len(t.durations) + len(t.binary)); timed > 0 {
		row.Average = n.of((row.Seconds + timed/2) / timed)
	}
	row.Predicted = row.Source.Predicted
	if row.Source.Merges == 0 {
		row.Predicted = row.Binaries.Predicted
	}
	if begun := int64(row.Merges + row.Failures); begun > 0 {
		row.FailureRate = n.of((int64(row.Failures)*100 + begun/2) / begun)
	}
	return row
}

func kindStats(durations []int64, untimed int, how detail, n *numbers) KindStats {
	k := KindStats{Merges: len(durations) + untimed}
	if len(durations) == 0 {
		return k
	}
	for _, d := range durations {
		k.Seconds += d
	}
	timed := int64(len(durations))
	k.Average = n.of((k.Seconds + timed/2) / timed)
	var memory [2 * sortedHere]int64
	sorted := sortThirds(durations, memory[:0])
	k.Median, k.Spread = n.of(quantile(sorted.all, 2)), n.of(quantile(sorted.all, 3)-quantile(sorted.all, 1))
	if how != withPrediction {
		return k
	}
	if e, ok := estimateOf(durations); ok {
		k.Predicted = n.of(e.seconds)
	}
	if len(durations) >= trendSamples {
		if before := quantile(sorted.first, 2); before != 0 {
			k.Trend = n.of(quantile(sorted.last, 2) * 100 / before)
		}
	}
	return k
}

// trendSamples is the least number of merges of which a trend is told.
const trendSamples = 6

// sortedHere is how many durations are sorted without a list made for them: most
// packages have fewer.
const sortedHere = 128

// thirds are durations in the order of their length: the first third of them,
// the last, and all.
type thirds struct{ first, last, all []int64 }

// sortThirds sorts durations, in memory where that has room for twice as many.
// The trend wants the thirds sorted anyhow, and to merge them is faster than to
// sort all.
func sortThirds(durations, memory []int64) thirds {
	n := len(durations)
	third := n / 3
	memory = append(append(memory, durations...), durations...)
	parts, all := memory[:n], memory[n:]
	first, middle, last := parts[:third], parts[third:n-third], parts[n-third:]
	slices.Sort(first)
	slices.Sort(middle)
	slices.Sort(last)
	// The first two are merged at the front; then the last, from the back, fills
	// what is left before it.
	merge(all[:n-third], first, middle)
	mergeBack(all, n-third, last)
	return thirds{first, last, all}
}

// merge merges two sorted lists into one that is as long as both.
func merge(into, a, b []int64) {
	for i := range into {
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			into[i], a = a[0], a[1:]
		} else {
			into[i], b = b[0], b[1:]
		}
	}
}

// mergeBack merges a sorted list into the first n of all, which are sorted and
// have so much room behind them.
func mergeBack(all []int64, n int, list []int64) {
	for i := len(all) - 1; len(list) > 0; i-- {
		if end := len(list) - 1; n == 0 || all[n-1] <= list[end] {
			all[i], list = list[end], list[:end]
		} else {
			n--
			all[i] = all[n]
		}
	}
}

func (s *statsReader) repoRows() []RepoStats {
	rows := []RepoStats{}
	for _, key := range sortedKeys(s.syncs) {
		rows = append(rows, repoRow(key, s.syncs[key]))
	}
	return rows
}

func repoRow(key [2]string, h *store.SyncHistory) RepoStats {
	k := kindStats(h.Durations, 0, withQuartiles, new(numbers))
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
