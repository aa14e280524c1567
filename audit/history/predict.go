package history

import (
	"cmp"
	"math"
	"slices"

	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/parse/mergelist"
	"emaudit/store/logs"
)

// PredictedPackage is the prediction for one merge.
type PredictedPackage struct {
	CPV  string `json:"cpv"`
	Kind string `json:"kind"` // source, binary
	// Seconds is the median of the last merges of the package of the same kind, or
	// nil if there are none.
	Seconds *int64 `json:"seconds"`
	Samples int    `json:"samples"`
	// Low and High are the quartiles: half of the last merges are between them.
	Low  *int64 `json:"low_seconds"`
	High *int64 `json:"high_seconds"`
	// Elapsed is the time since the begin of a running merge.
	Elapsed *int64 `json:"elapsed_seconds"`
	Phase   string `json:"phase"`
	Root    string `json:"root"`
}

// remaining returns the rest of the expected time. ok is false without a
// prediction.
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

// The sources of a list of merges.
const (
	ListStdin   = "stdin"
	ListResume  = "resume"  // the list of emerge --resume
	ListStatus  = "status"  // what a running emerge shows of itself
	ListLog     = "log"     // of a run that has not ended
	ListRunning = "running" // of a running emerge was asked for, and none runs
)

// Prediction is the answer for a list of packages.
type Prediction struct {
	Packages []PredictedPackage `json:"packages"`
	// Total is the duration of all packages with a prediction, with Jobs parallel
	// jobs. Low and High are its spread, if packages vary independently.
	Total int64 `json:"total_seconds"`
	Low   int64 `json:"low_seconds"`
	High  int64 `json:"high_seconds"`
	// Unknown counts packages of which no merge is known. Total does not include
	// them.
	Unknown int `json:"unknown"`
	// Unlisted counts the remaining packages of a running emerge whose names are
	// unknown. No other number includes them.
	Unlisted int    `json:"unlisted"`
	EndsAt   *int64 `json:"ends_at"`
	Jobs     int    `json:"jobs"`
	From     string `json:"from"` // the source of the list
	// ListedAt is when emerge wrote the resume list, or nil for another list.
	ListedAt *int64 `json:"listed_at"`
}

// PlannedMerge is one package of a list.
type PlannedMerge struct {
	mergelist.Item
	Elapsed *int64 // seconds; nil if it has not begun
	Phase   string
}

// AuditPredict predicts the duration of a list of merges with the given number of
// parallel jobs.
func AuditPredict(db audit.Database, from string, list []PlannedMerge, jobs int) (*Prediction, error) {
	r := newRunReader(db)
	if err := r.prepare(); err != nil {
		return nil, err
	}
	known, err := r.pastOfList(list)
	if err != nil {
		return nil, err
	}
	out := &Prediction{Jobs: max(jobs, 1), From: from}
	building := 0
	for _, m := range list {
		if m.Elapsed != nil && m.Phase != waiting {
			// A running emerge will continue with as many parallel builds as now.
			building++
			out.Jobs = max(out.Jobs, building)
		}
		p := PredictedPackage{CPV: m.CPV, Kind: emergelog.KindSource.String(), Root: m.Root, Elapsed: m.Elapsed, Phase: m.Phase}
		history := cmp.Or(known[r.moves.Name(nameOf(m.CPV))], &past{})
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

// pastOfList returns the previous durations of the packages in a list, under their
// current names.
func (r *runReader) pastOfList(list []PlannedMerge) (map[string]*past, error) {
	wanted := map[string]bool{}
	for _, m := range list {
		wanted[r.moves.Name(nameOf(m.CPV))] = true
	}
	names := make([]string, 0, len(wanted))
	for name := range wanted {
		names = append(names, name)
	}
	for old := range r.moves {
		if wanted[r.moves.Name(old)] {
			names = append(names, old)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return r.pastOf(logs.SumQuery{Packages: names})
}

// pastOf returns the durations of the merges that a query selects, by the current names
// of their packages.
func (r *runReader) pastOf(q logs.SumQuery) (map[string]*past, error) {
	var sums []logs.PackageSum
	err := r.log.PackageSums(q, func(sum *logs.PackageSum) {
		kept := *sum
		kept.Durations, kept.BinaryDurations = slices.Clone(sum.Durations), slices.Clone(sum.BinaryDurations)
		sums = append(sums, kept)
	})
	all := map[string]*past{}
	// The merges under the old name come first.
	slices.SortStableFunc(sums, func(a, b logs.PackageSum) int { return cmp.Compare(a.LastAt, b.LastAt) })
	for i := range sums {
		name := r.moves.Name(sums[i].CP)
		if all[name] == nil {
			all[name] = new(past)
		}
		all[name].durations = append(all[name].durations, sums[i].Durations...)
		all[name].binary = append(all[name].binary, sums[i].BinaryDurations...)
	}
	return all, err
}

// past holds the durations of the merges of a package, oldest first.
type past struct{ durations, binary []int64 }

// sum adds up the packages. Each job takes the next package when it is free, in the
// order of the merge list, as emerge does.
func (p *Prediction) sum(now int64) {
	free := make([]int64, p.Jobs)
	below, above := 0.0, 0.0
	for i := range p.Packages {
		m := &p.Packages[i]
		if m.Phase == waiting {
			// Its build is finished. The installation takes little time and no job.
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

// waiting is the phase of a built package that waits for its installation. With
// FEATURES=merge-wait it may wait until no build is running.
const waiting = "merge-wait"

func square(n int64) float64 { return float64(n) * float64(n) }

// Accuracy measures how good past predictions would have been.
type Accuracy struct {
	// Merges counts the compared merges: completed, with a known duration, and not
	// the first of their package and kind.
	Merges  int   `json:"merges"`
	Seconds int64 `json:"total_seconds"` // their actual duration
	// Predicted is the sum of the predictions.
	Predicted int64 `json:"predicted_seconds"`
	// MeanError is the mean absolute error in seconds. MedianError is the median
	// absolute error in percent of the actual duration.
	MeanError   float64 `json:"mean_error_seconds"`
	MedianError float64 `json:"median_error_percent"`
	// Within counts the merges whose duration was between the quartiles.
	Within int `json:"within_spread"`
	// First counts the merges without a prediction.
	First int `json:"without_history"`
	// Packages are those with the largest total error, largest first.
	Packages []PackageAccuracy `json:"packages"`
}

// PackageAccuracy measures how good past predictions for one package would have
// been.
type PackageAccuracy struct {
	CP        string  `json:"cp"`
	Kind      string  `json:"kind"`
	Merges    int     `json:"merges"`
	Seconds   int64   `json:"total_seconds"`
	MeanError float64 `json:"mean_error_seconds"`
}

// worstPackages is the number of packages in an Accuracy.
const worstPackages = 20

// AuditAccuracy predicts every merge in a period from the merges of the period before it
// and compares the results.
func AuditAccuracy(db audit.Database, period audit.Period, search Search) (*Accuracy, error) {
	s := &statsReader{runReader: newRunReader(db), q: StatsQuery{Period: period, Search: search}}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	sums, ok, err := s.sums()
	if err != nil {
		return nil, err
	}
	known := map[string]*past{}
	if ok {
		if known, err = s.pastOf(sums); err != nil {
			return nil, err
		}
	}
	out := &Accuracy{}
	var relative []float32
	compare := func(name string, kind emergelog.MergeKind, durations []int64) {
		if len(durations) > 0 {
			out.First++
		}
		p := PackageAccuracy{CP: name, Kind: kind.String()}
		for i := 1; i < len(durations); i++ {
			took := durations[i]
			e, _ := estimateOf(durations[:i])
			off := math.Abs(float64(e.seconds - took))
			p.Merges++
			p.Seconds += took
			p.MeanError += off
			out.Predicted += e.seconds
			relative = append(relative, float32(off*100/math.Max(float64(took), 1)))
			if took >= e.low && took <= e.high {
				out.Within++
			}
		}
		if p.Merges == 0 {
			return
		}
		out.Packages = append(out.Packages, p)
		out.Merges += p.Merges
		out.Seconds += p.Seconds
		out.MeanError += p.MeanError
	}
	for name, p := range known {
		compare(name, emergelog.KindSource, p.durations)
		compare(name, emergelog.KindBinary, p.binary)
	}
	if len(relative) > 0 {
		out.MeanError /= float64(out.Merges)
		slices.Sort(relative)
		out.MedianError = float64(relative[len(relative)/2])
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
