package history

import (
	"fmt"
	"path"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/store"
)

// StatsBy says what statistics have a row for.
type StatsBy string

// What statistics are by.
const (
	StatsByPackage  StatsBy = "package"
	StatsByCategory StatsBy = "category"
	StatsByTotal    StatsBy = "total"
)

// StatsPer says into which stretches of time statistics are divided.
type StatsPer string

// The stretches of time.
const (
	PerAll   StatsPer = ""
	PerYear  StatsPer = "year"
	PerMonth StatsPer = "month"
	PerWeek  StatsPer = "week"
	PerDay   StatsPer = "day"
)

// StatsQuery says which statistics are asked for.
type StatsQuery struct {
	Period audit.Period
	Search Search
	By     StatsBy
	Per    StatsPer
	Zone   *time.Location // of days; nil is UTC
	// Sort is a column of [StatsColumns], with a "-" before it for the largest
	// first; empty is by name.
	Sort        string
	First, Last int
}

// KindStats are the statistics of source or of binary merges.
type KindStats struct {
	Merges  int    `json:"merges"`
	Seconds int64  `json:"total_seconds"`
	Average *int64 `json:"average_seconds"`
	Median  *int64 `json:"median_seconds"`
	// Spread is the distance of the quartiles: half of the merges lie in it.
	Spread *int64 `json:"spread_seconds"`
	// Trend is the median of the last third over that of the first, in percent:
	// 120 is a fifth longer than it was. nil for fewer than six merges.
	Trend *int64 `json:"trend_percent"`
	// Predicted is what the next one is expected to take.
	Predicted *int64 `json:"predicted_seconds"`
}

// PackageStats is one row: a package, a category, or everything.
type PackageStats struct {
	CP        string `json:"cp"`
	Period    string `json:"period"` // 2026, 2026-05, 2026-W19, 2026-05-10; "" for all
	Merges    int    `json:"merges"`
	Seconds   int64  `json:"total_seconds"`
	Average   *int64 `json:"average_seconds"`
	Predicted *int64 `json:"predicted_seconds"` // of a source merge, where there was one
	Binary    int    `json:"binary_merges"`
	Unmerges  int    `json:"unmerges"`
	Failures  int    `json:"failures"`
	// FailureRate is the part of the merges begun that failed, in percent.
	FailureRate *int64    `json:"failure_percent"`
	FirstAt     *int64    `json:"first_at"`
	LastAt      *int64    `json:"last_at"`
	Source      KindStats `json:"source"`
	Binaries    KindStats `json:"binary"`
}

// RepoStats are the statistics of the syncs of a repository.
type RepoStats struct {
	Repo     string `json:"repo"`
	Period   string `json:"period"`
	Syncs    int    `json:"syncs"` // that succeeded
	Failures int    `json:"failures"`
	Seconds  int64  `json:"total_seconds"`
	Average  *int64 `json:"average_seconds"`
	Median   *int64 `json:"median_seconds"`
	FirstAt  *int64 `json:"first_at"`
	LastAt   *int64 `json:"last_at"`
}

// RunStats are the statistics of runs with one action.
type RunStats struct {
	Action      string `json:"action"`
	Period      string `json:"period"`
	Runs        int    `json:"runs"`
	Succeeded   int    `json:"succeeded"`
	Failed      int    `json:"failed"`
	Interrupted int    `json:"interrupted"` // declined and killed ones too
	Seconds     int64  `json:"total_seconds"`
	FirstAt     *int64 `json:"first_at"`
	LastAt      *int64 `json:"last_at"`
}

// Stats are the answer.
type Stats struct {
	Packages *StatsRows
	Runs     []RunStats
	syncs    func() []RepoStats
	sum      func() *StatsSum
}

// Syncs returns a row for each repository and stretch of time.
func (s *Stats) Syncs() []RepoStats { return s.syncs() }

// Totals returns a row for each stretch of time, oldest first.
func (s *Stats) Totals() []PackageStats {
	all := []PackageStats{}
	s.Packages.tallies.totals(func(stretch string, t *tally) {
		all = append(all, t.row([2]string{totalName, stretch}, withQuartiles, new(numbers)))
	})
	return all
}

// StatsSum are the counts and sums of everything, without the medians of which
// [Stats.Totals] tells.
type StatsSum struct {
	Merges, Binary, Unmerges, Failures int
	// Seconds is how long all took of which that is known; Timed tells whether
	// there is any.
	Seconds int64
	Timed   bool
}

// Sum is nil where there are several stretches of time, or nothing is known.
func (s *Stats) Sum() *StatsSum { return s.sum() }

func sumOf(rows *StatsRows) *StatsSum {
	all := rows.tallies
	last := all.len() - 1
	if last < 0 || all.key(0)[1] != all.key(uint32(last))[1] {
		return nil
	}
	sum := new(StatsSum)
	var memory tally
	for i := range all.len() {
		t := all.tally(uint32(i), &memory)
		for _, durations := range [...][]int64{t.durations, t.binary} {
			sum.Timed = sum.Timed || len(durations) > 0
			for _, seconds := range durations {
				sum.Seconds += seconds
			}
		}
		sum.Binary += len(t.binary) + t.binaryUntimed
		sum.Merges += len(t.durations) + t.untimed + len(t.binary) + t.binaryUntimed
		sum.Failures += t.failures
		sum.Unmerges += t.unmerges
	}
	return sum
}

// StatsColumns are the columns by which rows of packages can be sorted.
var StatsColumns = []string{"name", "period", "merges", "total", "average", "median", "predicted", "spread", "trend", "binary", "unmerges", "failures", "first", "last"}

// rowsOf are rows by name and stretch of time.
type rowsOf[T any] map[[2]string]*T

func (rows rowsOf[T]) of(name, period string) *T {
	key := [2]string{name, period}
	if rows[key] == nil {
		rows[key] = new(T)
	}
	return rows[key]
}

// AuditStats answers how often and how long packages were merged, repositories
// synced and emerge run.
func AuditStats(db audit.Database, q StatsQuery) (*Stats, error) {
	if q.Zone == nil {
		q.Zone = time.UTC
	}
	if q.By == "" {
		q.By = StatsByPackage
	}
	named := new(namedTallies)
	s := &statsReader{runReader: newRunReader(db), q: q, packages: named, syncs: rowsOf[store.SyncHistory]{}, runs: rowsOf[store.RunHistory]{}}
	if q.Per != PerAll {
		s.packages = newPackedTallies()
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	var err error
	if q.Period == (audit.Period{}) && q.Per == PerAll {
		err = s.fromHistories(named)
	} else {
		err = s.fromRuns()
	}
	if err != nil {
		return nil, err
	}
	return s.stats()
}

// statsReader collects tallies.
type statsReader struct {
	*runReader
	q        StatsQuery
	packages tallies
	syncs    rowsOf[store.SyncHistory]
	runs     rowsOf[store.RunHistory]
	// day is the one whose stretch was named last.
	dayFrom, dayUntil int64
	dayStretch        string
}

// of returns the tallies to which a fact of a package counts.
func (s *statsReader) of(cp, stretch string) *tally {
	name := s.renamed(cp)
	switch s.q.By {
	case StatsByCategory:
		name, _, _ = strings.Cut(name, "/")
	case StatsByTotal:
		name = totalName
	}
	return s.packages.of(name, stretch)
}

// totalName is the name of the row that has everything.
const totalName = "total"

// fromHistories reads the sums that the store keeps, which cost nothing of the
// length of the log.
func (s *statsReader) fromHistories(named *namedTallies) error {
	packages := []string(nil)
	if !s.q.Search.All() {
		var err error
		if packages, err = s.runReader.packages(s.q.Search); err != nil {
			return err
		}
		if s.q.Search.versioned() {
			return s.fromRuns()
		}
		if len(packages) == 0 {
			return nil
		}
	}
	err := s.log.Histories(packages, func(h *store.PackageHistory) {
		switch name := s.renamed(h.CP); {
		case !s.q.Search.matchCP(h.CP) && !s.q.Search.matchCP(name):
		case s.q.By == StatsByPackage:
			named.history(name, h)
		default:
			past := tallyOf(h)
			s.of(h.CP, "").add(&past)
		}
	})
	if err != nil {
		return err
	}
	if err := s.fromSums(); err != nil {
		return err
	}
	return s.log.OpenFacts(func(r *store.Run, f *store.Facts) error {
		s.packageFacts(f)
		s.otherFacts(r, f)
		return nil
	})
}

// fromSums reads the sums of syncs and runs.
func (s *statsReader) fromSums() error {
	if !s.q.Search.All() {
		return nil
	}
	syncs, err := s.log.SyncHistories()
	if err != nil {
		return err
	}
	for _, h := range syncs {
		*s.syncs.of(h.Repo, "") = h
	}
	runs, err := s.log.RunHistories()
	for _, h := range runs {
		*s.runs.of(h.Action.String(), "") = h
	}
	return err
}

// fromRuns reads the facts of all runs of the period.
func (s *statsReader) fromRuns() error {
	runs, ok, err := s.rangeOf(s.q.Period)
	if err != nil || !ok {
		return err
	}
	fold := func(r *store.Run) error {
		if err := s.log.Facts(r, &s.facts); err != nil {
			return err
		}
		s.packageFacts(&s.facts)
		s.otherFacts(r, &s.facts)
		return nil
	}
	if s.q.Search.All() {
		return s.log.Runs(runs, store.OldestFirst, fold)
	}
	numbers, err := s.numbersOf(s.q.Search, runs)
	if err != nil {
		return err
	}
	return s.log.RunsNumbered(numbers, fold)
}

func (s *statsReader) packageFacts(f *store.Facts) {
	for i := range f.Merges {
		m := &f.Merges[i]
		at := max(m.Finished, m.Started)
		if !s.q.Period.Contains(at) || !s.matches(s.q.Search, m.CP, m.CPV, m.Slot, path.Base(m.RepoPath)) {
			continue
		}
		s.of(m.CP, s.stretch(at)).merge(m)
	}
	for i := range f.Unmerges {
		u := &f.Unmerges[i]
		at := max(u.Finished, u.Started)
		if !s.q.Period.Contains(at) || !s.matches(s.q.Search, u.CP, u.CPV, "", "") {
			continue
		}
		s.of(u.CP, s.stretch(at)).unmerge(u)
	}
}

func (s *statsReader) otherFacts(r *store.Run, f *store.Facts) {
	if !s.q.Search.All() {
		return
	}
	for i := range f.Syncs {
		y := &f.Syncs[i]
		at := max(y.Finished, y.Started)
		if s.q.Period.Contains(at) {
			s.syncs.of(y.Repo, s.stretch(at)).Add(&y.Sync)
		}
	}
	if s.q.Period.Contains(r.Started) {
		s.runs.of(r.Action.String(), s.stretch(r.Started)).Add(&r.Run)
	}
}

// stretch names the stretch of time in which a moment lies.
func (s *statsReader) stretch(at int64) string {
	if s.q.Per == PerAll {
		return ""
	}
	if at >= s.dayFrom && at < s.dayUntil {
		return s.dayStretch
	}
	t := time.Unix(at, 0).In(s.q.Zone)
	year, month, day := t.Date()
	s.dayFrom, s.dayUntil = audit.DayBegins(year, month, day, s.q.Zone).Unix(), audit.DayBegins(year, month, day+1, s.q.Zone).Unix()
	s.dayStretch = s.stretchOf(t)
	return s.dayStretch
}

func (s *statsReader) stretchOf(t time.Time) string {
	switch s.q.Per {
	case PerYear:
		return t.Format("2006")
	case PerMonth:
		return t.Format("2006-01")
	case PerWeek:
		year, week := t.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	}
	return t.Format("2006-01-02")
}
