package history

import "slices"

// recent is the number of last merges of a package that an estimate uses. It is
// enough to ignore an outlier, and few enough to follow a growing package. emlop
// uses the same number, so that the results can be compared.
const recent = 10

// estimate is the expected duration of a merge, in seconds.
type estimate struct {
	seconds   int64 // the median
	low, high int64 // the quartiles of the samples
	samples   int
}

// spreadSamples is the least number of samples whose quartiles are meaningful. With
// fewer samples, the spread is a quarter of the median in both directions, which in
// real logs covers about half of the merges. A single merge does not make the next
// one certain.
const spreadSamples = 4

// estimateOf returns the estimate from durations, oldest first. ok is false if
// there are none.
func estimateOf(durations []int64) (e estimate, ok bool) {
	if len(durations) == 0 {
		return e, false
	}
	last := durations[max(0, len(durations)-recent):]
	var buffer [recent]int64
	sorted := append(buffer[:0], last...)
	slices.Sort(sorted)
	// Between two samples the result is rounded down, because logged times are
	// rounded down too.
	middle := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	e = estimate{seconds: middle, low: quantile(sorted, 1), high: quantile(sorted, 3), samples: len(sorted)}
	if e.samples < spreadSamples {
		e.low, e.high = min(e.low, e.seconds-e.seconds/4), max(e.high, e.seconds+(e.seconds+3)/4)
	}
	return e, true
}

// quantile returns a quartile (1, 2 or 3) of sorted numbers. It interpolates
// between two numbers.
func quantile(sorted []int64, quarter int) int64 {
	scaled := quarter * (len(sorted) - 1)
	i, rest := scaled/4, int64(scaled%4)
	if rest == 0 {
		return sorted[i]
	}
	return (sorted[i]*(4-rest) + sorted[i+1]*rest + 2) / 4
}
