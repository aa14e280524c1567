package history

import (
	"cmp"
	"math"
	"slices"

	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelist"
	"emaudit/store"
)

// PredictedPackage is what is expected of one merge.
type PredictedPackage struct {
	CPV  string `json:"cpv"`
	Kind string `json:"kind"` // source, binary
	// Seconds is the median of the last merges of the package, of the same kind;
	// nil where there is none.
	Seconds *int64 `json:"seconds"`
	Samples int    `json:"samples"`
	// Low and High are the quartiles: half of the last merges lie between them.
	Low  *int64 `json:"low_seconds"`
	High *int64 `json:"high_seconds"`
	// Elapsed is how long a merge that runs has been at it.
	Elapsed *int64 `json:"elapsed_seconds"`
	Phase   string `json:"phase"`
	Root    string `json:"root"`
}

// remaining is what is left of the expected time; ok is false where nothing is
// expected.
func (p *PredictedPackage) remaining() (seconds int64, ok bool) {
	if p.Seconds == nil {
		return 0, false
	}
	seconds = *p.Seconds
	if p.Elapsed != nil {
		seconds = max(0, seconds-*p.Elapsed)
	}
	return seconds, true
}

// Prediction is the answer for a list of packages.
type Prediction struct {
	Packages []PredictedPackage `json:"packages"`
	// Total is the time for all packages of which something is expected, with
	// Jobs of them at once; Low and High are its spread, packages taken to vary
	// independently.
	Total int64 `json:"total_seconds"`
	Low   int64 `json:"low_seconds"`
	High  int64 `json:"high_seconds"`
	// Unknown counts the packages that were never merged before; the time they
	// take is not in Total.
	Unknown int `json:"unknown"`
	// Unlisted counts the packages that a running emerge has still to do and that
	// nothing names; they are in no other number.
	Unlisted int    `json:"unlisted"`
	EndsAt   *int64 `json:"ends_at"`
	Jobs     int    `json:"jobs"`
	// From is where the list came from: stdin, resume, status, log.
	From string `json:"from"`
}

// PlannedMerge is one package of a list.
type PlannedMerge struct {
	mergelist.Item
	Elapsed *int64 // seconds; nil for one that has not begun
	Phase   string
}

// AuditPredict answers how long a list of merges takes, jobs of them at once.
func AuditPredict(db audit.Database, from string, list []PlannedMerge, jobs int) (*Prediction, error) {
	r := newRunReader(db)
	if err := r.prepare(); err != nil {
		return nil, err
	}
	known, err := r.pastOf(list)
	if err != nil {
		return nil, err
	}
	out := &Prediction{Packages: []PredictedPackage{}, Jobs: max(jobs, 1), From: from}
	building := 0
	for _, m := range list {
		if m.Elapsed != nil && m.Phase != waiting {
			// An emerge that builds so many at once will go on to.
			building++
			out.Jobs = max(out.Jobs, building)
		}
		p := PredictedPackage{CPV: m.CPV, Kind: emergelog.KindSource.String(), Root: m.Root, Elapsed: m.Elapsed, Phase: m.Phase}
		history := cmp.Or(known[r.renamed(nameOf(m.CPV))], &past{})
		samples := history.durations
		if m.Binary {
			p.Kind, samples = emergelog.KindBinary.String(), history.binary
		}
		if e, ok := estimateOf(samples); ok {
			p.Seconds, p.Low, p.High, p.Samples = &e.seconds, &e.low, &e.high, e.samples
		}
		out.Packages = append(out.Packages, p)
	}
	out.sum(db.Now)
	return out, nil
}

// pastOf returns the past of the packages of a list, under the names that
// they have today.
func (r *runReader) pastOf(list []PlannedMerge) (map[string]*past, error) {
	wanted := map[string]bool{}
	for _, m := range list {
		wanted[r.renamed(nameOf(m.CPV))] = true
	}
	names := make([]string, 0, len(wanted))
	for name := range wanted {
		names = append(names, name)
	}
	for old := range r.moves {
		if wanted[r.renamed(old)] {
			names = append(names, old)
		}
	}
	all := map[string]*past{}
	if len(names) == 0 {
		return all, nil
	}
	var sums []store.PackageSum
	err := r.log.PackageSums(store.SumQuery{Packages: names}, func(sum *store.PackageSum) {
		kept := *sum
		kept.Durations, kept.BinaryDurations = slices.Clone(sum.Durations), slices.Clone(sum.BinaryDurations)
		sums = append(sums, kept)
	})
	// A package had one name first and then the other.
	slices.SortStableFunc(sums, func(a, b store.PackageSum) int { return cmp.Compare(a.LastAt, b.LastAt) })
	for i := range sums {
		name := r.renamed(sums[i].CP)
		if all[name] == nil {
			all[name] = new(past)
		}
		all[name].durations = append(all[name].durations, sums[i].Durations...)
		all[name].binary = append(all[name].binary, sums[i].BinaryDurations...)
	}
	return all, err
}

// past has how long the merges of a package took, oldest first.
type past struct{ durations, binary []int64 }

// sum adds up the packages. Each job takes the next package when it is free: the
// order of a merge list is that in which emerge begins.
func (p *Prediction) sum(now int64) {
	free := make([]int64, p.Jobs)
	below, above := 0.0, 0.0
	for i := range p.Packages {
		m := &p.Packages[i]
		if m.Phase == waiting {
			// It is built; to be installed takes little, and no job.
			continue
		}
		seconds, ok := m.remaining()
		if !ok {
			p.Unknown++
			continue
		}
		below += square(*m.Seconds - *m.Low)
		above += square(*m.High - *m.Seconds)
		earliest := slices.Index(free, slices.Min(free))
		free[earliest] += seconds
	}
	p.Total = slices.Max(free)
	p.Low = max(0, p.Total-int64(math.Round(math.Sqrt(below))))
	p.High = p.Total + int64(math.Round(math.Sqrt(above)))
	if p.Unknown < len(p.Packages) {
		ends := now + p.Total
		p.EndsAt = &ends
	}
}

// waiting is the phase of a package that is built and waits to be installed,
// which with FEATURES=merge-wait it may do until no build runs any more.
const waiting = "merge-wait"

func square(n int64) float64 { return float64(n) * float64(n) }

// Accuracy says how good the predictions would have been.
type Accuracy struct {
	// Merges counts the merges that were compared: completed, of known duration,
	// and not the first of their package and kind.
	Merges  int   `json:"merges"`
	Seconds int64 `json:"total_seconds"` // what they took
	// Predicted is what was expected of them in sum.
	Predicted int64 `json:"predicted_seconds"`
	// MeanError is the mean distance of the prediction from what happened, in
	// seconds; MedianError the median of it in percent of what happened.
	MeanError   float64 `json:"mean_error_seconds"`
	MedianError float64 `json:"median_error_percent"`
	// Within counts the merges that took a time between the quartiles.
	Within int `json:"within_spread"`
	// First counts the merges of which nothing could be expected.
	First int `json:"without_history"`
	// Packages are those with the largest sum of errors, the worst first.
	Packages []PackageAccuracy `json:"packages"`
}

// PackageAccuracy says how good the predictions of one package would have been.
type PackageAccuracy struct {
	CP        string  `json:"cp"`
	Kind      string  `json:"kind"`
	Merges    int     `json:"merges"`
	Seconds   int64   `json:"total_seconds"`
	MeanError float64 `json:"mean_error_seconds"`
}

// worstPackages is how many packages an accuracy names.
const worstPackages = 20

// AuditAccuracy predicts every merge of a period from those before it and
// compares.
func AuditAccuracy(db audit.Database, period audit.Period, search Search) (*Accuracy, error) {
	r := newRunReader(db)
	if err := r.prepare(); err != nil {
		return nil, err
	}
	type key struct {
		name   string
		binary bool
	}
	before := map[key][]int64{}
	sums := map[key]*PackageAccuracy{}
	out := &Accuracy{Packages: []PackageAccuracy{}}
	var relative []float32
	compare := func(k key, took int64) {
		samples := before[k]
		if len(samples) == recent+1 {
			copy(samples, samples[1:])
			samples = samples[:recent]
		}
		before[k] = append(samples, took)
		e, ok := estimateOf(samples)
		if !ok {
			out.First++
			return
		}
		off := math.Abs(float64(e.seconds - took))
		out.Merges++
		out.Seconds += took
		out.Predicted += e.seconds
		out.MeanError += off
		relative = append(relative, float32(off*100/math.Max(float64(took), 1)))
		if took >= e.low && took <= e.high {
			out.Within++
		}
		if sums[k] == nil {
			kind := emergelog.KindSource
			if k.binary {
				kind = emergelog.KindBinary
			}
			sums[k] = &PackageAccuracy{CP: k.name, Kind: kind.String()}
		}
		sums[k].Merges++
		sums[k].Seconds += took
		sums[k].MeanError += off
	}
	for e, err := range AuditLog(db, LogQuery{Period: period, Search: search, Kinds: []EventKind{EventMerge}, Outcomes: []string{"merged"}}) {
		if err != nil {
			return nil, err
		}
		if e.Merge.Seconds != nil {
			compare(key{r.renamed(nameOf(e.Merge.CPV)), e.Merge.Kind == "binary"}, *e.Merge.Seconds)
		}
	}
	if len(relative) > 0 {
		out.MeanError /= float64(out.Merges)
		slices.Sort(relative)
		out.MedianError = float64(relative[len(relative)/2])
	}
	for _, p := range sums {
		out.Packages = append(out.Packages, *p)
	}
	slices.SortFunc(out.Packages, func(a, b PackageAccuracy) int {
		switch {
		case a.MeanError > b.MeanError:
			return -1
		case a.MeanError < b.MeanError:
			return 1
		case a.CP < b.CP:
			return -1
		}
		return 1
	})
	if len(out.Packages) > worstPackages {
		out.Packages = out.Packages[:worstPackages]
	}
	for i := range out.Packages {
		out.Packages[i].MeanError /= float64(out.Packages[i].Merges)
	}
	return out, nil
}
