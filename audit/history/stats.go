package history

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"emaudit/audit"
	"emaudit/store/logs"
)

// StatsBy is the subject of one row of statistics.
type StatsBy string

// The subjects.
const (
	StatsByPackage  StatsBy = "package"
	StatsByCategory StatsBy = "category"
	StatsByTotal    StatsBy = "total"
)

// StatsPer is the interval of time that statistics are divided into.
type StatsPer string

// The intervals.
const (
	PerAll   StatsPer = ""
	PerYear  StatsPer = "year"
	PerMonth StatsPer = "month"
	PerWeek  StatsPer = "week"
	PerDay   StatsPer = "day"
)

// StatsQuery selects statistics.
type StatsQuery struct {
	Period audit.Period
	Search Search
	By     StatsBy
	Per    StatsPer
	Zone   *time.Location // time zone of days; nil means UTC
	// Sort is a column of [StatsColumns]. A leading "-" sorts the largest first. ""
	// sorts by name.
	Sort        string
	First, Last int
}

// KindStats are the statistics of source or of binary merges.
type KindStats struct {
	Merges  int    `json:"merges"`
	Seconds int64  `json:"total_seconds"`
	Average *int64 `json:"average_seconds"`
	Median  *int64 `json:"median_seconds"`
	// Spread is the distance between the quartiles, which hold half of the merges.
	Spread *int64 `json:"spread_seconds"`
	// Trend is the median of the last third of the merges in percent of that of the
	// first third: 120 means a fifth longer. It is nil for fewer than six merges.
	Trend *int64 `json:"trend_percent"`
	// Predicted is the expected duration of the next merge in seconds.
	Predicted *int64 `json:"predicted_seconds"`
}

// PackageStats is one row: a package, a category, or the total.
type PackageStats struct {
	CP        string `json:"cp"`
	Period    string `json:"period"` // 2026, 2026-05, 2026-W19, 2026-05-10; "" for all
	Merges    int    `json:"merges"`
	Seconds   int64  `json:"total_seconds"`
	Average   *int64 `json:"average_seconds"`
	Predicted *int64 `json:"predicted_seconds"` // of a source merge, if there was one
	Binary    int    `json:"binary_merges"`
	Unmerges  int    `json:"unmerges"`
	Failures  int    `json:"failures"`
	// FailureRate is the percentage of merges that failed.
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
	Syncs    int    `json:"syncs"` // successful syncs
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
	Interrupted int    `json:"interrupted"` // including declined and killed runs
	Seconds     int64  `json:"total_seconds"`
	FirstAt     *int64 `json:"first_at"`
	LastAt      *int64 `json:"last_at"`
}

// Stats is the answer to a StatsQuery.
type Stats struct {
	Packages *StatsRows
	Runs     []RunStats
	Syncs    []RepoStats
}

// Totals returns one row for each interval, oldest first.
func (s *Stats) Totals() []PackageStats { return s.Packages.totals() }

// StatsSum holds the counts and sums of everything, without the medians of
// [Stats.Totals].
type StatsSum struct {
	Merges, Binary, Unmerges, Failures int
	// Seconds is the total duration of the merges whose duration is known. Timed
	// reports whether there are any.
	Seconds int64
	Timed   bool
}

// Sum returns nil if there are several intervals, or if there are no facts.
func (s *Stats) Sum() *StatsSum { return s.Packages.sum() }

// StatsColumns are the columns by which rows of packages can be sorted.
var StatsColumns = []string{"name", "period", "merges", "total", "average", "median", "predicted", "spread", "trend", "binary", "unmerges", "failures", "first", "last"}

// totalName is the name of the row with the total.
const totalName = "total"

// AuditStats counts the merges of packages, the syncs of repositories and the runs
// of emerge, with their durations. SQL selects the merges of the query; Go sums them
// up, because medians and trends need each duration.
func AuditStats(db audit.Database, q StatsQuery) (*Stats, error) {
	if q.Zone == nil {
		q.Zone = time.UTC
	}
	if q.By == "" {
		q.By = StatsByPackage
	}
	s := &statsReader{runReader: newRunReader(db), q: q}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	out := &Stats{}
	rows := &StatsRows{detail: withQuartiles}
	if q.By == StatsByPackage {
		rows.detail = withPrediction
	}
	out.Packages = rows
	sums, ok, err := s.sums()
	if err != nil {
		return nil, err
	}
	if ok {
		if err := s.log.PackageSums(sums, func(sum *logs.PackageSum) {
			rows.add(s.group(sum.CP), s.intervalName(sum.Interval), sum)
		}); err != nil {
			return nil, err
		}
	}
	if ok && q.Search.All() {
		if err := s.others(sums, out); err != nil {
			return nil, err
		}
	}
	return out, rows.arrange(q)
}

// statsReader reads sums.
type statsReader struct {
	*runReader
	q     StatsQuery
	names map[int64]string // of intervals, by their begin
}

// sums turns the query into one for sums. ok is false if nothing can match.
func (s *statsReader) sums() (sums logs.SumQuery, ok bool, err error) {
	runs, ok, err := s.rangeOf(s.q.Period)
	if err != nil || !ok {
		return sums, false, err
	}
	sums = logs.SumQuery{Runs: runs, Since: s.q.Period.Since, Until: s.q.Period.Until}
	if s.q.Search.All() {
		if err := s.db.Tx.ReadOnce(); err != nil {
			return sums, false, err
		}
	} else if sums.Packages, err = s.packages(s.q.Search); err != nil || len(sums.Packages) == 0 {
		return sums, false, err
	}
	if s.q.Search.versioned() {
		all, err := s.log.LoggedVersions(sums.Packages)
		if err != nil {
			return sums, false, err
		}
		sums.Versions = slices.DeleteFunc(all, func(v logs.LoggedVersion) bool {
			return !s.matches(s.q.Search, v.CP, v.CPV, v.Slot, path.Base(v.RepoPath))
		})
	}
	if s.q.Per != PerAll {
		first, last, err := s.log.Extent()
		if err != nil {
			return sums, false, err
		}
		sums.Intervals = s.intervals(first, last)
	}
	return sums, true, nil
}

// group returns the name of the row that a package belongs to.
func (s *statsReader) group(cp string) string {
	name := s.moves.Name(cp)
	switch s.q.By {
	case StatsByCategory:
		name, _, _ = strings.Cut(name, "/")
	case StatsByTotal:
		name = totalName
	}
	return name
}

// others reads the sums of syncs and runs.
func (s *statsReader) others(sums logs.SumQuery, out *Stats) error {
	syncs, err := s.log.SyncSums(sums)
	if err != nil {
		return err
	}
	var sorter sorter
	for _, h := range syncs {
		k := sorter.kindStats(h.Durations, 0, withQuartiles)
		out.Syncs = append(out.Syncs, RepoStats{
			Repo: h.Repo, Period: s.intervalName(h.Interval), Syncs: h.Syncs, Failures: h.Failures, Seconds: k.Seconds,
			Average: k.Average, Median: k.Median, FirstAt: at(h.FirstAt), LastAt: at(h.LastAt),
		})
	}
	runs, err := s.log.RunSums(sums)
	for _, h := range runs {
		out.Runs = append(out.Runs, RunStats{
			Action: h.Action, Period: s.intervalName(h.Interval), Runs: h.Runs, Succeeded: h.Succeeded, Failed: h.Failed,
			Interrupted: h.Interrupted, Seconds: h.Seconds, FirstAt: at(h.FirstAt), LastAt: at(h.LastAt),
		})
	}
	return err
}

// intervals returns the begins of the intervals from the one with first to the one
// with last, and names them.
func (s *statsReader) intervals(first, last int64) []int64 {
	s.names = map[int64]string{}
	year, month, day := time.Unix(first, 0).In(s.q.Zone).Date()
	var years, months, days int
	switch s.q.Per {
	case PerYear:
		years, month, day = 1, 1, 1
	case PerMonth:
		months, day = 1, 1
	case PerWeek:
		weekday := time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Weekday()
		days, day = 7, day-int(weekday+6)%7
	default:
		days = 1
	}
	var all []int64
	for {
		begin := audit.DayBegins(year, month, day, s.q.Zone)
		if begin.Unix() > last {
			return all
		}
		all = append(all, begin.Unix())
		s.names[begin.Unix()] = s.nameOf(begin)
		year, month, day = year+years, month+time.Month(months), day+days
	}
}

// intervalName returns the name of the interval that begins at a time.
func (s *statsReader) intervalName(begin int64) string {
	if s.q.Per == PerAll {
		return ""
	}
	return s.names[begin]
}

func (s *statsReader) nameOf(t time.Time) string {
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
