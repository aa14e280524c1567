package history

import (
	"slices"
	"time"

	"emaudit/audit"
	"emaudit/store/logs"
)

// Interval is what emerge did in one interval of time.
type Interval struct {
	Name  string // 2026, 2026-05, 2026-W19, 2026-05-10
	Begin int64  // unix seconds
	// Runs counts all runs, Succeeded those that succeeded except syncs, and Syncs
	// the successful runs whose action is sync. Failed and CutOff (killed or
	// interrupted) count runs with any action. The others were declined, or their
	// outcome is unknown.
	Runs, Succeeded, Syncs, Failed, CutOff int
	// Source, Binary and Removed count packages. BuildSeconds is the total duration
	// of the merges from source.
	Source, Binary, Removed int
	BuildSeconds            int64
}

// Others counts the runs that were declined or whose outcome is unknown.
func (i *Interval) Others() int { return i.Runs - i.Succeeded - i.Syncs - i.Failed - i.CutOff }

// AuditIntervals returns the newest n intervals until now, oldest first, including those
// in which nothing happened. The first one has the first fact of emerge.log, or is later.
// It returns nil if there are no facts.
func AuditIntervals(db audit.Database, per StatsPer, zone *time.Location, n int) ([]Interval, error) {
	s := &statsReader{runReader: newRunReader(db), q: StatsQuery{Per: per, Zone: zone}}
	first, last, err := s.log.Extent()
	if err != nil || first == 0 {
		return nil, err
	}
	begins := s.intervals(first, max(last, db.Now))
	begins = begins[max(len(begins)-n, 0):]
	all := make([]Interval, len(begins))
	for i, begin := range begins {
		all[i] = Interval{Name: s.intervalName(begin), Begin: begin}
	}
	of := func(begin int64) *Interval {
		i, _ := slices.BinarySearch(begins, begin)
		return &all[min(i, len(all)-1)]
	}
	q := logs.SumQuery{Since: begins[0], Intervals: begins}
	err = s.log.PackageSums(q, func(sum *logs.PackageSum) {
		i := of(sum.Interval)
		i.Source += len(sum.Durations) + sum.Untimed
		i.Binary += len(sum.BinaryDurations) + sum.BinaryUntimed
		i.Removed += sum.Unmerges
		for _, seconds := range sum.Durations {
			i.BuildSeconds += seconds
		}
	})
	if err != nil {
		return nil, err
	}
	runs, err := s.log.RunSums(q)
	for _, sum := range runs {
		i := of(sum.Interval)
		i.Runs += sum.Runs
		i.Failed += sum.Failed
		i.CutOff += sum.Interrupted - sum.Declined
		if sum.Action == ActionSync {
			i.Syncs += sum.Succeeded
		} else {
			i.Succeeded += sum.Succeeded
		}
	}
	return all, err
}
