package logs

import (
	"bytes"
	"cmp"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"emaudit/parse/emergelog"
	"emaudit/store"
)

// SumQuery selects the facts of sums.
type SumQuery struct {
	Runs RunRange
	// Since and Until bound the time of a fact in unix seconds, inclusive. 0 means
	// no bound.
	Since, Until int64
	// Packages are the selected packages (cat/pn); nil means all.
	Packages []string
	// Versions, if not nil, are the only selected versions of them.
	Versions []LoggedVersion
	// Intervals are the begins of intervals in ascending order. There is one sum
	// for each; if empty, there is one sum in total.
	Intervals []int64
}

// LoggedVersion is a version of a package in a merge or removal.
type LoggedVersion struct {
	CP, CPV, Slot, RepoPath string
	Unmerged                bool // of a removal
}

// version returns the value of the column.
func (v *LoggedVersion) version() string { return strings.TrimPrefix(v.CPV[len(v.CP):], "-") }

// PackageSum is the sum of the merges, or of the removals, of a package in an
// interval.
type PackageSum struct {
	CP                 string
	Interval           int64 // begin of the interval; 0 if there is only one
	Unmerges, Failures int
	// FirstAt and LastAt are the times of completed merges in unix seconds, or 0.
	FirstAt, LastAt int64
	// Durations and BinaryDurations are the durations of completed merges in
	// seconds, oldest first. Untimed and BinaryUntimed count those whose duration
	// is unknown.
	Durations, BinaryDurations []int64
	Untimed, BinaryUntimed     int
}

// where returns the condition of a query on the facts of a table.
func (l *EmergeLog) where(q *SumQuery, versions string) (where string, args []any, err error) {
	host := "host"
	if q.Packages != nil || q.Runs == (RunRange{}) {
		host = l.byPackage
	}
	where, args = host+" = ?"+q.Runs.where("run"), []any{l.host}
	if q.Since != 0 {
		where += fmt.Sprintf(" AND coalesce(ended_at, started_at) >= %d", q.Since)
	}
	if q.Until != 0 {
		where += fmt.Sprintf(" AND coalesce(ended_at, started_at) <= %d", q.Until)
	}
	if q.Packages != nil {
		among, err := l.tx.PackageNumbers(l.host, q.Packages)
		if err != nil {
			return "", nil, err
		}
		where += " AND cp IN (" + among + ")"
	}
	if q.Versions == nil {
		return where, args, nil
	}
	where += " AND (" + versions + ") IN (VALUES ('', '', '', '')"
	for i := range q.Versions {
		v := &q.Versions[i]
		where += ", (?, ?, ?, ?)"
		args = append(args, v.CP, v.version(), v.Slot, v.RepoPath)
	}
	return where + ")", args, nil
}

// interval returns the SQL for the begin of a fact's interval. It stores the
// intervals of the query.
func (l *EmergeLog) interval(q *SumQuery, at string) (string, error) {
	if len(q.Intervals) == 0 {
		return "0", nil
	}
	for _, statement := range []string{"CREATE TEMP TABLE IF NOT EXISTS interval_begin (since INTEGER PRIMARY KEY)", "DELETE FROM interval_begin"} {
		if _, err := l.tx.Exec(statement); err != nil {
			return "", err
		}
	}
	rows := l.tx.Bulk("interval_begin", "since")
	for _, since := range q.Intervals {
		if err := rows.Add(since); err != nil {
			return "", err
		}
	}
	return "coalesce((SELECT max(since) FROM interval_begin WHERE since <= " + at + "), 0)", rows.Flush()
}

// eachInterval is the part of GROUP BY that makes a sum for each interval. Sorting by a
// constant takes as long as by a column.
func (q *SumQuery) eachInterval() string {
	if len(q.Intervals) == 0 {
		return ""
	}
	return ", interval_at"
}

const (
	mergeVersions   = "(SELECT value FROM cp WHERE cp.id = merge.cp), version, coalesce(slot, ''), coalesce((SELECT value FROM text WHERE text.id = merge.repo_path), '')"
	unmergeVersions = "(SELECT value FROM cp WHERE cp.id = unmerge.cp), version, '', ''"
	factAt          = "coalesce(ended_at, started_at)"
	// took is the duration of a fact, as [emergelog.Merge.Duration] has it.
	took = "CASE WHEN clock_stepped = 0 AND ended_at >= started_at THEN ended_at - started_at END"
)

// timed is the duration of a merge that was completed at a time.
type timed struct{ at, seconds int64 }

// packageTimes are the merges of a package in an interval, of source and of binary
// packages.
type packageTimes struct {
	sum    PackageSum
	source []timed
	binary []timed
}

// add adds a merge. seconds is -1 if its duration is unknown.
func (p *packageTimes) add(kind emergelog.MergeKind, outcome emergelog.MergeOutcome, at, seconds int64) {
	s := &p.sum
	if outcome == emergelog.MergeFailed {
		s.Failures++
	}
	if outcome != emergelog.MergeMerged {
		return
	}
	if s.FirstAt == 0 || at < s.FirstAt {
		s.FirstAt = at
	}
	s.LastAt = max(s.LastAt, at)
	times, untimed := &p.source, &s.Untimed
	if kind == emergelog.KindBinary {
		times, untimed = &p.binary, &s.BinaryUntimed
	}
	if seconds < 0 {
		*untimed++
	} else {
		*times = append(*times, timed{at, seconds})
	}
}

// inOrder appends durations, oldest first. Merges of one time keep their order in the
// log.
func inOrder(durations []int64, times []timed) []int64 {
	slices.SortStableFunc(times, func(a, b timed) int { return cmp.Compare(a.at, b.at) })
	for _, t := range times {
		durations = append(durations, t.seconds)
	}
	return durations
}

// PackageSums calls each with the sums of packages, in no particular order. With
// intervals, a package may have several sums for one interval. A sum is valid until
// each returns.
func (l *EmergeLog) PackageSums(q SumQuery, each func(*PackageSum)) error {
	interval, err := l.interval(&q, factAt)
	if err != nil {
		return err
	}
	where, args, err := l.where(&q, mergeVersions)
	if err != nil {
		return err
	}
	packages := map[int64]*packageTimes{}
	of := func(cp int64) *packageTimes {
		p := packages[cp]
		if p == nil {
			p = new(packageTimes)
			packages[cp] = p
		}
		return p
	}
	columns, order := "cp, kind, outcome, "+factAt+", "+took, ""
	if len(q.Intervals) > 0 {
		// Only the packages of one interval are held.
		columns, order = columns+", "+interval, " ORDER BY 6, run, seq"
	} else if err := l.removals(&q, interval, "cp", func(cp, _ int64, n int) error {
		of(cp).sum.Unmerges = n
		return nil
	}); err != nil {
		return err
	}
	var begin int64
	var source, binary []int64
	deliver := func() error {
		for cp, p := range packages {
			sum := &p.sum
			if sum.CP, err = l.cps.name(cp); err != nil {
				return err
			}
			source, binary = inOrder(source[:0], p.source), inOrder(binary[:0], p.binary)
			sum.Interval, sum.Durations, sum.BinaryDurations = begin, source, binary
			each(sum)
		}
		clear(packages)
		return nil
	}
	err = l.tx.RawQuery(func(v []driver.Value) error {
		n := func(i int) int64 { return store.Number(v[i], 0) }
		if len(q.Intervals) > 0 && n(5) != begin {
			if err := deliver(); err != nil {
				return err
			}
			begin = n(5)
		}
		of(n(0)).add(emergelog.MergeKind(n(1)), emergelog.MergeOutcome(n(2)), n(3), store.Number(v[4], -1))
		return nil
	}, "SELECT "+columns+" FROM merge WHERE "+where+order, args...)
	if err != nil {
		return err
	}
	if err := deliver(); err != nil || len(q.Intervals) == 0 {
		return err
	}
	var sum PackageSum
	return l.removals(&q, interval, "cp, interval_at", func(cp, interval int64, n int) (err error) {
		sum.CP, err = l.cps.name(cp)
		sum.Interval, sum.Unmerges = interval, n
		each(&sum)
		return err
	})
}

// removals calls each with the number of completed removals of packages.
func (l *EmergeLog) removals(q *SumQuery, interval, group string, each func(cp, interval int64, n int) error) error {
	where, args, err := l.where(q, unmergeVersions)
	if err != nil {
		return err
	}
	return l.tx.RawQuery(func(v []driver.Value) error {
		return each(store.Number(v[0], 0), store.Number(v[1], 0), int(store.Number(v[2], 0)))
	}, fmt.Sprintf("SELECT cp, min(interval_at), count(*) FILTER (WHERE outcome = %d) FROM (SELECT cp, outcome, %s AS interval_at FROM unmerge WHERE %s) AS f GROUP BY %s",
		emergelog.UnmergeOK, interval, where, group), args...)
}

// appendNumbers appends numbers separated by blanks.
func appendNumbers(list []int64, text []byte) []int64 {
	for field := range bytes.FieldsSeq(text) {
		if n, err := strconv.ParseInt(string(field), 10, 64); err == nil {
			list = append(list, n)
		}
	}
	return list
}

// LoggedVersions returns the versions of packages (cat/pn) in the log.
func (l *EmergeLog) LoggedVersions(packages []string) ([]LoggedVersion, error) {
	among, err := l.tx.PackageNumbers(l.host, packages)
	if err != nil {
		return nil, err
	}
	var all []LoggedVersion
	err = l.tx.Query(func(rows *sql.Rows) error {
		var v LoggedVersion
		var version string
		err := rows.Scan(&v.CP, &version, &v.Slot, &v.RepoPath, &v.Unmerged)
		v.CPV = joined(v.CP, version)
		all = append(all, v)
		return err
	}, "SELECT DISTINCT "+mergeVersions+", 0 FROM merge WHERE "+l.byPackage+" = ? AND cp IN ("+among+") UNION ALL SELECT DISTINCT "+unmergeVersions+", 1 FROM unmerge WHERE "+l.byPackage+" = ? AND cp IN ("+among+")",
		l.host, l.host)
	return all, err
}

// SyncSum is the sum of the syncs of a repository in an interval.
type SyncSum struct {
	Repo            string
	Interval        int64
	Syncs, Failures int
	FirstAt, LastAt int64   // of successful syncs, in unix seconds
	Durations       []int64 // seconds, oldest first
}

// SyncSums returns the sums of syncs by interval and repository.
func (l *EmergeLog) SyncSums(q SumQuery) ([]SyncSum, error) {
	interval, err := l.interval(&q, factAt)
	if err != nil {
		return nil, err
	}
	q.Packages, q.Versions = nil, nil
	where, args, err := l.where(&q, "")
	if err != nil {
		return nil, err
	}
	var all []SyncSum
	err = l.tx.Query(func(rows *sql.Rows) error {
		var s SyncSum
		var durations sql.RawBytes
		err := rows.Scan(&s.Repo, &s.Interval, &s.Syncs, &s.Failures, &s.FirstAt, &s.LastAt, &durations)
		s.Durations = appendNumbers(nil, durations)
		all = append(all, s)
		return err
	}, fmt.Sprintf(`SELECT (SELECT value FROM text WHERE text.id = f.repo), min(interval_at), count(*) FILTER (WHERE outcome = %[1]d), count(*) FILTER (WHERE outcome = %[2]d),
			coalesce(min(at) FILTER (WHERE outcome = %[1]d), 0), coalesce(max(at) FILTER (WHERE outcome = %[1]d), 0),
			string_agg(CAST(seconds AS TEXT), ' ' ORDER BY at, run, seq) FILTER (WHERE outcome = %[1]d)
		FROM (SELECT repo, outcome, `+took+` AS seconds, run, seq, `+factAt+" AS at, "+interval+" AS interval_at FROM sync WHERE "+where+") AS f GROUP BY repo"+q.eachInterval()+" ORDER BY 2, 1",
		emergelog.SyncOK, emergelog.SyncFailed), args...)
	return all, err
}

// RunSum is the sum of the runs with one action in an interval.
type RunSum struct {
	Action                               string
	Interval                             int64
	Runs, Succeeded, Failed, Interrupted int
	Declined                             int // counted in Interrupted too
	Seconds                              int64
	FirstAt, LastAt                      int64 // unix seconds
}

// RunSums returns the sums of runs by interval and action.
func (l *EmergeLog) RunSums(q SumQuery) ([]RunSum, error) {
	interval, err := l.interval(&q, "started_at")
	if err != nil {
		return nil, err
	}
	where := q.Runs.where("number")
	if q.Since != 0 {
		where += fmt.Sprintf(" AND started_at >= %d", q.Since)
	}
	if q.Until != 0 {
		where += fmt.Sprintf(" AND started_at <= %d", q.Until)
	}
	return store.All(l.tx, func(s *RunSum) []any {
		return []any{&s.Action, &s.Interval, &s.Runs, &s.Succeeded, &s.Failed, &s.Interrupted, &s.Declined, &s.Seconds, &s.FirstAt, &s.LastAt}
	}, fmt.Sprintf(`SELECT (SELECT word FROM run_action WHERE code = f.action), min(interval_at), count(*), count(*) FILTER (WHERE outcome = %d), count(*) FILTER (WHERE outcome = %d),
			count(*) FILTER (WHERE outcome IN (%[3]d, %d, %d)), count(*) FILTER (WHERE outcome = %[3]d), coalesce(sum(seconds), 0), min(started_at), max(started_at)
		FROM (SELECT action, outcome, `+took+" AS seconds, started_at, "+interval+" AS interval_at FROM run WHERE host = ?"+where+") AS f GROUP BY action"+q.eachInterval()+" ORDER BY 2, 1",
		emergelog.RunOK, emergelog.RunFailed, emergelog.RunDeclined, emergelog.RunInterrupted, emergelog.RunKilled), l.host)
}

// Extent returns the times of the first and the last fact in the log in unix
// seconds, or 0.
func (l *EmergeLog) Extent() (first, last int64, err error) {
	err = l.tx.QueryRow(`SELECT coalesce(min(first_at), 0), coalesce(max(last_at), 0) FROM (
			SELECT min(started_at) AS first_at, max(seen_at) AS last_at FROM run WHERE host = ?
			UNION ALL SELECT min(`+factAt+"), max("+factAt+`) FROM merge WHERE host = ?
			UNION ALL SELECT min(`+factAt+"), max("+factAt+`) FROM unmerge WHERE host = ?
			UNION ALL SELECT min(`+factAt+"), max("+factAt+") FROM sync WHERE host = ?) AS f", l.host, l.host, l.host, l.host).Scan(&first, &last)
	return first, last, err
}
