package audit

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"emaudit/parse/emergelog"
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
	Period Period
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
	Packages []PackageStats `json:"packages"`
	Syncs    []RepoStats    `json:"syncs"`
	Runs     []RunStats     `json:"runs"`
	Totals   []PackageStats `json:"totals"` // one row for each stretch of time
}

// StatsColumns are the columns by which rows of packages can be sorted.
var StatsColumns = []string{"name", "period", "merges", "total", "average", "median", "predicted", "spread", "trend", "binary", "unmerges", "failures", "first", "last"}

// tally collects what a row is made of.
type tally struct {
	durations, binary          []int64 // oldest first
	untimed, binaryUntimed     int
	unmerges, failures         int
	firstAt, lastAt            int64
	runs, succeeded, cut, fail int
	seconds                    int64
}

func (t *tally) saw(at int64) {
	if t.firstAt == 0 || at < t.firstAt {
		t.firstAt = at
	}
	t.lastAt = max(t.lastAt, at)
}

func (t *tally) merge(m *store.Merge) {
	switch m.Outcome {
	case emergelog.MergeFailed:
		t.failures++
	case emergelog.MergeMerged:
		t.saw(max(m.Finished, m.Started))
		seconds, ok := m.Duration()
		switch isBinary := m.Kind == emergelog.KindBinary; {
		case ok && isBinary:
			t.binary = append(t.binary, seconds)
		case ok:
			t.durations = append(t.durations, seconds)
		case isBinary:
			t.binaryUntimed++
		default:
			t.untimed++
		}
	}
}

func (t *tally) unmerge(u *store.Unmerge) {
	if u.Outcome == emergelog.UnmergeOK {
		t.unmerges++
	}
}

// add adds another tally, whose merges are later.
func (t *tally) add(o *tally) {
	t.durations, t.binary = joined(t.durations, o.durations), joined(t.binary, o.binary)
	t.untimed += o.untimed
	t.binaryUntimed += o.binaryUntimed
	t.unmerges += o.unmerges
	t.failures += o.failures
	if o.lastAt != 0 {
		t.saw(o.firstAt)
		t.saw(o.lastAt)
	}
}

// joined appends, but shares the memory of what is added to nothing.
func joined(a, b []int64) []int64 {
	if len(a) == 0 {
		return slices.Clip(b)
	}
	return append(a, b...)
}

// tallies are rows by name and stretch of time.
type tallies map[[2]string]*tally

func (t tallies) of(name, period string) *tally {
	key := [2]string{name, period}
	if t[key] == nil {
		t[key] = new(tally)
	}
	return t[key]
}

// AuditStats answers how often and how long packages were merged, repositories
// synced and emerge run.
func AuditStats(db Database, q StatsQuery) (*Stats, error) {
	if q.Zone == nil {
		q.Zone = time.UTC
	}
	if q.By == "" {
		q.By = StatsByPackage
	}
	s := &statsReader{runReader: newRunReader(db), q: q, packages: tallies{}, syncs: tallies{}, runs: tallies{}}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	var err error
	if q.Period == (Period{}) && q.Per == PerAll {
		err = s.fromHistories()
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
	q                     StatsQuery
	packages, syncs, runs tallies
}

// fromHistories reads the sums that the store keeps, which cost nothing of the
// length of the log.
func (s *statsReader) fromHistories() error {
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
	err := s.log.Histories(packages, func(h *store.PackageHistory) error {
		if !s.q.Search.matchCP(h.CP) && !s.q.Search.matchCP(s.renamed(h.CP)) {
			return nil
		}
		s.packages.of(s.renamed(h.CP), "").add(&tally{durations: h.Durations, binary: h.BinaryDurations, untimed: h.Untimed,
			binaryUntimed: h.BinaryUntimed, unmerges: h.Unmerges, failures: h.Failures, firstAt: h.FirstAt, lastAt: h.LastAt})
		return nil
	})
	if err != nil {
		return err
	}
	return s.log.OpenFacts(func(_ *store.Run, f *store.Facts) error {
		s.packageFacts(f)
		return nil
	})
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
		if !s.q.Period.contains(at) || !s.matches(s.q.Search, m.CPV, m.Slot, path.Base(m.RepoPath)) {
			continue
		}
		s.packages.of(s.renamed(s.nameOf(m.CPV)), s.stretch(at)).merge(m)
	}
	for i := range f.Unmerges {
		u := &f.Unmerges[i]
		at := max(u.Finished, u.Started)
		if !s.q.Period.contains(at) || !s.matches(s.q.Search, u.CPV, "", "") {
			continue
		}
		s.packages.of(s.renamed(s.nameOf(u.CPV)), s.stretch(at)).unmerge(u)
	}
}

func (s *statsReader) otherFacts(r *store.Run, f *store.Facts) {
	if !s.q.Search.All() {
		return
	}
	for i := range f.Syncs {
		y := &f.Syncs[i]
		at := max(y.Finished, y.Started)
		if s.q.Period.contains(at) {
			s.syncs.of(y.Repo, s.stretch(at)).sync(y)
		}
	}
	if s.q.Period.contains(r.Started) {
		s.runs.of(r.Action.String(), s.stretch(r.Started)).run(r)
	}
}

func (t *tally) sync(y *store.Sync) {
	switch y.Outcome {
	case emergelog.SyncOK:
		t.runs++
		t.saw(max(y.Finished, y.Started))
		if seconds, ok := y.Duration(); ok {
			t.durations = append(t.durations, seconds)
		}
	case emergelog.SyncFailed:
		t.failures++
	}
}

func (t *tally) run(r *store.Run) {
	t.runs++
	t.saw(r.Started)
	switch r.Outcome {
	case emergelog.RunSuccess:
		t.succeeded++
	case emergelog.RunFailure:
		t.fail++
	case emergelog.RunDeclined, emergelog.RunInterrupted, emergelog.RunKilled:
		t.cut++
	}
	if r.Ended > r.Started {
		t.seconds += r.Ended - r.Started
	}
}

// stretch names the stretch of time in which a moment lies.
func (s *statsReader) stretch(at int64) string {
	if s.q.Per == PerAll {
		return ""
	}
	t := time.Unix(at, 0).In(s.q.Zone)
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

// stats makes rows of the tallies.
func (s *statsReader) stats() (*Stats, error) {
	out := &Stats{Packages: []PackageStats{}, Syncs: []RepoStats{}, Runs: []RunStats{}, Totals: []PackageStats{}}
	rows, totals := tallies{}, tallies{}
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
		out.Syncs = append(out.Syncs, s.syncs[key].repoRow(key))
	}
	for _, key := range sortedKeys(s.runs) {
		t := s.runs[key]
		out.Runs = append(out.Runs, RunStats{Action: key[0], Period: key[1], Runs: t.runs, Succeeded: t.succeeded, Failed: t.fail,
			Interrupted: t.cut, Seconds: t.seconds, FirstAt: at(t.firstAt), LastAt: at(t.lastAt)})
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
func sortedKeys(t tallies) [][2]string {
	keys := make([][2]string, 0, len(t))
	for key := range t {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[1], b[1]), strings.Compare(a[0], b[0])) })
	return keys
}

func (t *tally) row(key [2]string, predict bool) PackageStats {
	row := PackageStats{CP: key[0], Period: key[1], Unmerges: t.unmerges, Failures: t.failures, FirstAt: at(t.firstAt), LastAt: at(t.lastAt),
		Source: kindStats(t.durations, t.untimed, predict), Binaries: kindStats(t.binary, t.binaryUntimed, predict)}
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

func (t *tally) repoRow(key [2]string) RepoStats {
	k := kindStats(t.durations, 0, false)
	return RepoStats{Repo: key[0], Period: key[1], Syncs: t.runs, Failures: t.failures, Seconds: k.Seconds, Average: k.Average, Median: k.Median,
		FirstAt: at(t.firstAt), LastAt: at(t.lastAt)}
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
