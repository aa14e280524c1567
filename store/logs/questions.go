package logs

import (
	"database/sql"
	"database/sql/driver"

	"emaudit/parse/emergelog"
	"emaudit/store"
)

// FailedMerges returns the failed merges since a time in unix seconds, whether they
// failed at their end or before. They lack the replaced versions.
func (l *EmergeLog) FailedMerges(since int64) ([]Merge, error) {
	return l.mergesWhere(`(outcome = ? OR postinst_failed = 1) AND coalesce(started_at, 0) >= ? AND EXISTS (
		SELECT 1 FROM run r WHERE r.host = merge.host AND r.number = merge.run AND r.outcome <> ?) ORDER BY run, seq`, emergelog.MergeFailed, since, emergelog.RunOK)
}

// LastChange returns the number of the newest run that began to merge or remove
// packages, or 0.
func (l *EmergeLog) LastChange() (number int64, err error) {
	err = l.tx.QueryRow("SELECT coalesce(max(number), 0) FROM run WHERE host = ? AND merges + unmerges > 0", l.host).Scan(&number)
	return number, err
}

// FactsOf returns the merges and removals of packages (cat/pn), in the order of the
// log.
func (l *EmergeLog) FactsOf(packages []string) (*Facts, error) {
	among, err := l.tx.PackageNumbers(l.host, packages)
	if err != nil {
		return nil, err
	}
	f := &Facts{}
	of := func(table string) string { return l.keysOf(table, among) }
	if f.Merges, err = l.mergesWhere(of("merge"), l.host); err != nil {
		return nil, err
	}
	err = l.tx.RawQuery(func(row []driver.Value) error {
		var u Unmerge
		err := l.readUnmerge(row, &u)
		f.Unmerges = append(f.Unmerges, u)
		return err
	}, "SELECT "+l.columns(briefUnmerge, restOfUnmerge)+" FROM unmerge WHERE host = ? AND "+of("unmerge"), l.host, l.host)
	if err != nil {
		return nil, err
	}
	var usages []storedUsage
	err = l.tx.RawQuery(func(row []driver.Value) error {
		var u storedUsage
		err := l.readUsage(row, &u)
		usages = append(usages, u)
		return err
	}, "SELECT "+usageColumns+" FROM merge_usage WHERE host = ? AND "+of("merge"), l.host, l.host)
	f.join(usages)
	return f, err
}

// keysOf returns the condition for the rows of packages, and their order. The keys come
// from the index, which SQLite would not use for whole rows.
func (l *EmergeLog) keysOf(table, among string) string {
	return "(run, seq) IN (SELECT run, seq FROM " + table + " WHERE " + l.byPackage + " = ? AND cp IN (" + among + ")) ORDER BY run, seq"
}

// mergesWhere returns the merges that satisfy a condition, which may end with their
// order.
func (l *EmergeLog) mergesWhere(condition string, args ...any) ([]Merge, error) {
	var all []Merge
	err := l.tx.RawQuery(func(row []driver.Value) error {
		var m Merge
		err := l.readMerge(row, &m)
		all = append(all, m)
		return err
	}, "SELECT "+l.columns(briefMerge, restOfMerge)+" FROM merge WHERE host = ? AND "+condition, append([]any{l.host}, args...)...)
	return all, err
}

// OpenRuns returns the numbers of the runs without an end in the log, whose rows
// are not final.
func (l *EmergeLog) OpenRuns() ([]int64, error) {
	return l.numbers("SELECT number FROM run WHERE host = ? AND open = 1 ORDER BY number", l.host)
}

// numbers returns the numbers that a query selects.
func (l *EmergeLog) numbers(query string, args ...any) ([]int64, error) {
	return store.All(l.tx, store.Value[int64], query, args...)
}

const runsBetween = "SELECT min(number), max(number) FROM run WHERE host = ? AND started_at <= ? AND seen_at >= ?"

// RunsBetween returns a range that includes all runs in progress at any time from
// since to until, in unix seconds, inclusive. If the clock was set, the range also
// includes other runs. ok is false if there are no such runs.
func (l *EmergeLog) RunsBetween(since, until int64) (runs RunRange, ok bool, err error) {
	var first, last sql.NullInt64
	err = l.tx.QueryRow(runsBetween, l.host, until, since).Scan(&first, &last)
	return RunRange{first.Int64, last.Int64}, first.Valid, err
}

// LastRun returns the number of the newest run of a host, or 0.
func (l *EmergeLog) LastRun() (number int64, err error) {
	err = l.tx.QueryRow("SELECT coalesce(max(number), 0) FROM run WHERE host = ?", l.host).Scan(&number)
	return number, err
}

// runsOf returns the query of [EmergeLog.RunsOf] for the numbers of packages.
func (l *EmergeLog) runsOf(among string) string {
	where := " WHERE " + l.byPackage + " = ? AND cp IN (" + among + ")"
	return "SELECT run FROM merge" + where + " UNION SELECT run FROM unmerge" + where + " ORDER BY run"
}

// RunsOf returns the numbers of the runs that merge or remove any of the given
// packages (cat/pn), in ascending order.
func (l *EmergeLog) RunsOf(packages []string) ([]int64, error) {
	among, err := l.tx.PackageNumbers(l.host, packages)
	if err != nil {
		return nil, err
	}
	return l.numbers(l.runsOf(among), l.host, l.host)
}

// PackagesCut returns the packages (cat/pn) of which a merge began to install files and
// was not completed, sorted.
func (l *EmergeLog) PackagesCut() ([]string, error) {
	return store.All(l.tx, store.Value[string],
		"SELECT value FROM cp WHERE id IN (SELECT cp FROM merge WHERE host = ? AND outcome <> ? AND merging IS NOT NULL) ORDER BY value", l.host, emergelog.MergeMerged)
}
