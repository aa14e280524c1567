package history

import "slices"

// recent is how many of the last merges of a package an estimate rests on:
// enough to pass over an odd one, and few enough to follow a package that
// grows. Emlop takes as many, so that the two can be compared.
const recent = 10

// estimate is what the past says of how long a merge takes.
type estimate struct {
	seconds   int64 // the median
	low, high int64 // half of the samples lie between them
	samples   int
}

// spreadSamples is the least number of samples whose quartiles say something.
// With fewer the spread is taken to be a quarter of the median to both sides,
// about what half of the merges in real logs differ by: that one merge took just
// so long does not make the next one certain.
const spreadSamples = 4

// estimateOf returns the estimate from durations, oldest first; ok is false
// where there is none.
func estimateOf(durations []int64) (e estimate, ok bool) {
	if len(durations) == 0 {
		return e, false
	}
	last := durations[max(0, len(durations)-recent):]
	var buffer [recent]int64
	sorted := append(buffer[:0], last...)
	slices.Sort(sorted)
	// Between two samples it is the whole second below: the logged times are cut to
	// seconds too, and beside real merges it was never further off than rounding.
	middle := (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
	e = estimate{seconds: middle, low: quantile(sorted, 1), high: quantile(sorted, 3), samples: len(sorted)}
	if e.samples < spreadSamples {
		e.low, e.high = min(e.low, e.seconds-e.seconds/4), max(e.high, e.seconds+(e.seconds+3)/4)
	}
	return e, true
}

// quantile returns a quartile (1, 2 or 3) of sorted numbers, between two of
// them where it falls there.
func quantile(sorted []int64, quarter int) int64 {
	scaled := quarter * (len(sorted) - 1)
	i, rest := scaled/4, int64(scaled%4)
	if rest == 0 {
		return sorted[i]
	}
	return (sorted[i]*(4-rest) + sorted[i+1]*rest + 2) / 4
}
