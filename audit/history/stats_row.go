package history

import "slices"

// detail is the set of columns to compute in a row.
type detail uint8

const (
	withQuartiles  detail = iota
	withPrediction        // and the trend
)

// row computes the row of a tally.
func (r *StatsRows) row(t *tally, how detail) PackageStats {
	row := PackageStats{
		CP: r.words[t.name], Period: r.words[t.interval], Unmerges: int(t.unmerges), Failures: int(t.failures), FirstAt: at(int64(t.firstAt)), LastAt: at(int64(t.lastAt)),
		Source:   r.sorter.kindStats(r.durations[t.begin:t.binary], int(t.untimed), how),
		Binaries: r.sorter.kindStats(r.durations[t.binary:t.end], int(t.binaryUntimed), how),
	}
	row.Merges, row.Binary = row.Source.Merges+row.Binaries.Merges, row.Binaries.Merges
	row.Seconds = row.Source.Seconds + row.Binaries.Seconds
	if timed := int64(t.end - t.begin); timed > 0 {
		row.Average = rounded(row.Seconds, timed)
	}
	row.Predicted = row.Source.Predicted
	if row.Source.Merges == 0 {
		row.Predicted = row.Binaries.Predicted
	}
	if begun := int64(row.Merges + row.Failures); begun > 0 {
		row.FailureRate = rounded(int64(row.Failures)*100, begun)
	}
	return row
}

// rounded returns the rounded quotient of numbers that are not negative.
func rounded(n, by int64) *int64 {
	q := (n + by/2) / by
	return &q
}

// sorter holds the memory in which durations are sorted.
type sorter []int64

// sorted returns durations in ascending order. It is valid until the next call.
func (s *sorter) sorted(durations []int64) []int64 {
	*s = append((*s)[:0], durations...)
	slices.Sort(*s)
	return *s
}

// kindStats computes the statistics of durations in seconds, oldest first, and of
// untimed merges of unknown duration.
func (s *sorter) kindStats(durations []int64, untimed int, how detail) KindStats {
	k := KindStats{Merges: len(durations) + untimed}
	if len(durations) == 0 {
		return k
	}
	for _, d := range durations {
		k.Seconds += d
	}
	k.Average = rounded(k.Seconds, int64(len(durations)))
	sorted := s.sorted(durations)
	median, spread := quantile(sorted, 2), quantile(sorted, 3)-quantile(sorted, 1)
	k.Median, k.Spread = &median, &spread
	if how != withPrediction {
		return k
	}
	if e, ok := estimateOf(durations); ok {
		k.Predicted = &e.seconds
	}
	if len(durations) >= trendSamples {
		third := len(durations) / 3
		before := quantile(s.sorted(durations[:third]), 2)
		if before != 0 {
			trend := quantile(s.sorted(durations[len(durations)-third:]), 2) * 100 / before
			k.Trend = &trend
		}
	}
	return k
}

// trendSamples is the least number of merges with a trend.
const trendSamples = 6

// statsColumn returns a function that returns the value of a column, or nil if
// unknown. ok is false for an undefined column.
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
