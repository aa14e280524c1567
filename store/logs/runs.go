// Package logs stores what emerge did: the runs, merges, removals and syncs of
// emerge.log, and the records of build logs and elog messages.
package logs

import (
	"cmp"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"emaudit/parse/emergelog"
	"emaudit/store"
)

// EmergeLog reads the stored facts of one host's emerge.log.
type EmergeLog struct {
	tx   *store.Tx
	host store.HostID
	// only restricts the facts of runs to some packages, given by their numbers
	// separated by commas. "" means no restriction.
	only string
	// brief is set by [EmergeLog.Brief].
	brief      bool
	cps, texts *nameCache
	// byPackage is the column with the host in a condition on packages. With a plus
	// sign SQLite searches the index of packages, and not the key, which begins with
	// the host and would find all rows.
	byPackage string
}

// ReadEmergeLog returns a reader of a host's emerge.log. It is valid during the
// transaction.
func ReadEmergeLog(tx *store.Tx, host store.HostID) *EmergeLog {
	scope, byPackage := tx.NamesOf(host), "host"
	if scope == "" {
		byPackage = "+host"
	}
	return &EmergeLog{tx: tx, host: host, byPackage: byPackage, cps: &nameCache{tx: tx, table: "cp", scope: scope}, texts: &nameCache{tx: tx, table: "text", scope: scope}}
}

// Only returns a reader whose runs have only merges and removals of the given
// packages (cat/pn).
func (l *EmergeLog) Only(packages []string) (*EmergeLog, error) {
	numbers, err := l.tx.PackageNumbers(l.host, packages)
	limited := *l
	limited.only = numbers
	return &limited, err
}

// Brief returns a reader whose runs and facts have only what a table of events shows:
// names, roots, kinds, times, outcomes, and what was replaced. It reads half of the
// columns, which takes half of the time.
func (l *EmergeLog) Brief() *EmergeLog {
	brief := *l
	brief.brief = true
	return &brief
}

// Run is a stored run. Its positions are places in the whole log; see
// [EmergeLog.Place].
type Run struct {
	emergelog.Run
	BeganAt, LastAt int64

	scan *runScan
}

// Merge is a stored merge.
type Merge struct {
	emergelog.Merge
	CP      string // cat/pn, or all of the cpv if it is invalid
	BeganAt int64
}

// Unmerge is a stored removal.
type Unmerge struct {
	emergelog.Unmerge
	CP      string // as in Merge
	BeganAt int64
}

// Sync is a stored sync.
type Sync struct {
	emergelog.Sync
	BeganAt int64
}

// Facts are the facts of one run in the order of their begin.
type Facts struct {
	Merges   []Merge
	Unmerges []Unmerge
	Syncs    []Sync
}

// RunRange selects runs by their numbers, First to Last inclusive. 0 means no
// bound.
type RunRange struct{ First, Last int64 }

// where returns the condition on a column with the number of a run.
func (r RunRange) where(column string) string {
	w := ""
	if r.First > 0 {
		w += fmt.Sprintf(" AND %s >= %d", column, r.First)
	}
	if r.Last > 0 {
		w += fmt.Sprintf(" AND %s <= %d", column, r.Last)
	}
	return w
}

// Order is the order in which rows are read.
type Order string

// The orders.
const (
	OldestFirst Order = "ASC"
	NewestFirst Order = "DESC"
)

// ErrStop ends a query without an error, if the function for each row returns it.
var ErrStop = errors.New("stop")

// runScan reads runs, and the facts of those runs for which the caller asks.
type runScan struct {
	log      *EmergeLog
	where    func(column string) string // selects the runs
	order    Order
	merges   cursor[Merge]
	unmerges cursor[Unmerge]
	syncs    cursor[Sync]
	usages   cursor[storedUsage]
	// behind is the number of facts between the last rows read and the current run.
	behind int
	begun  bool
}

// maxBehind is the number of rows to skip, after which a new query is faster.
const maxBehind = 32

// Runs calls each for the runs in a range. A run is valid until each returns.
func (l *EmergeLog) Runs(runs RunRange, order Order, each func(*Run) error) error {
	return l.scan(&runScan{log: l, where: runs.where, order: order}, each)
}

// RunsNumbered calls each for the runs with the given numbers, in that order. It
// skips numbers without a run. A run is valid until each returns. Ascending or
// descending numbers are read many at a time.
func (l *EmergeLog) RunsNumbered(numbers []int64, each func(*Run) error) error {
	for len(numbers) > 0 {
		chunk, order := monotone(numbers)
		chunk = chunk[:min(len(chunk), maxNumbered)]
		numbers = numbers[len(chunk):]
		list := make([]string, len(chunk))
		for i, n := range chunk {
			list[i] = strconv.FormatInt(n, 10)
		}
		among := " IN (" + strings.Join(list, ", ") + ")"
		stopped := false
		err := l.scan(&runScan{log: l, where: func(column string) string { return " AND " + column + among }, order: order}, func(r *Run) error {
			err := each(r)
			stopped = errors.Is(err, ErrStop)
			return err
		})
		if err != nil || stopped {
			return err
		}
	}
	return nil
}

// maxNumbered is the number of runs that one query selects by number.
const maxNumbered = 1000

// monotone returns the longest prefix of numbers that only rises or only falls, and
// its order. numbers is not empty.
func monotone(numbers []int64) ([]int64, Order) {
	order := OldestFirst
	if len(numbers) > 1 && numbers[1] < numbers[0] {
		order = NewestFirst
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] == numbers[i-1] || (numbers[i] < numbers[i-1]) != (order == NewestFirst) {
			return numbers[:i], order
		}
	}
	return numbers, order
}

// runs returns the query for the selected runs.
func (s *runScan) runs() string {
	return "SELECT " + s.log.columns(briefRun, restOfRun) + " FROM run WHERE host = ?" + s.where("number") + " ORDER BY number " + string(s.order)
}

// scan calls each for the selected runs.
func (l *EmergeLog) scan(s *runScan, each func(*Run) error) error {
	defer s.close()
	r := Run{scan: s}
	err := l.tx.RawQuery(func(row []driver.Value) error {
		if err := l.readRun(row, &r); err != nil {
			return fmt.Errorf("run %d: %w", r.ID, err)
		}
		err := each(&r)
		s.behind += r.Merges + r.Unmerges + r.Syncs
		return err
	}, s.runs(), l.host)
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// Facts reads the facts of a run into f and reuses its memory. Call it only before
// the function that received the run returns.
func (l *EmergeLog) Facts(r *Run, f *Facts) error {
	f.Merges, f.Unmerges, f.Syncs = f.Merges[:0], f.Unmerges[:0], f.Syncs[:0]
	if r.Merges+r.Unmerges+r.Syncs == 0 {
		return nil
	}
	if err := r.scan.facts(r.ID, f); err != nil {
		return fmt.Errorf("run %d: %w", r.ID, err)
	}
	r.scan.behind -= r.Merges + r.Unmerges + r.Syncs
	return nil
}

func (s *runScan) facts(run int64, f *Facts) (err error) {
	if !s.begun || s.behind > maxBehind && s.log.only == "" {
		if err := s.seek(run); err != nil {
			return err
		}
	}
	if f.Merges, err = s.merges.take(run, s.order, f.Merges); err != nil {
		return err
	}
	if f.Unmerges, err = s.unmerges.take(run, s.order, f.Unmerges); err != nil {
		return err
	}
	if f.Syncs, err = s.syncs.take(run, s.order, f.Syncs); err != nil {
		return err
	}
	usages, err := s.usages.take(run, s.order, nil)
	f.join(usages)
	return err
}

// join gives merges the versions that they replaced and their measured usage.
// Facts and usages are in the order of the log.
func (f *Facts) join(usages []storedUsage) {
	merge := func(run int64, seq int) *Merge {
		// The merges of one run are usually numbered from 1, without a gap.
		if i := seq - 1; 0 <= i && i < len(f.Merges) && f.Merges[i].Seq == seq && f.Merges[i].Run == run {
			return &f.Merges[i]
		}
		i, ok := slices.BinarySearchFunc(f.Merges, seq, func(m Merge, seq int) int { return cmp.Or(cmp.Compare(m.Run, run), cmp.Compare(m.Seq, seq)) })
		if !ok {
			return nil
		}
		return &f.Merges[i]
	}
	for i := range f.Unmerges {
		u := &f.Unmerges[i]
		if m := merge(u.Run, u.Unmerge.Merge); m != nil && u.Outcome == emergelog.UnmergeOK {
			m.Replaced = append(m.Replaced, u.CPV)
		}
	}
	for i := range usages {
		if m := merge(usages[i].run, usages[i].seq); m != nil {
			m.Usage = &usages[i].Usage
		}
	}
}

// queries returns the queries for the facts of the selected runs from a run on: merges,
// removals, syncs and usages.
func (s *runScan) queries(run int64) (merges, unmerges, syncs, usages string) {
	from := fmt.Sprintf(" AND f.run >= %d", run)
	if s.order == NewestFirst {
		from = fmt.Sprintf(" AND f.run <= %d", run)
	}
	where := " f WHERE f.host = ?" + s.where("f.run") + from
	order := " ORDER BY f.run " + string(s.order) + ", f.seq " + string(s.order)
	packages, noPackage := "", ""
	if s.log.only != "" {
		packages, noPackage = " AND f.cp IN ("+s.log.only+")", " AND 1 = 0"
	}
	columns := s.log.columns
	return "SELECT " + columns(briefMerge, restOfMerge) + " FROM merge" + where + packages + order,
		"SELECT " + columns(briefUnmerge, restOfUnmerge) + " FROM unmerge" + where + packages + order,
		"SELECT " + columns(briefSync, restOfSync) + " FROM sync" + where + noPackage + order,
		"SELECT " + usageColumns + " FROM merge_usage" + where + order
}

// seek begins to read facts at a run.
func (s *runScan) seek(run int64) error {
	s.close()
	s.begun, s.behind = true, 0
	l := s.log
	merges, unmerges, syncs, usages := s.queries(run)
	err := errors.Join(s.merges.open(l, l.readMerge, merges), s.unmerges.open(l, l.readUnmerge, unmerges), s.syncs.open(l, l.readSync, syncs))
	if l.brief {
		return err
	}
	return errors.Join(err, s.usages.open(l, l.readUsage, usages))
}

func (s *runScan) close() {
	s.merges.close()
	s.unmerges.close()
	s.syncs.close()
	s.usages.close()
}

// cursor reads the facts of one kind, run by run.
type cursor[T any] struct {
	rows *store.RawRows
	read func([]driver.Value, *T) error
	next []driver.Value
	run  int64 // of next; 0 means there is none
}

func (c *cursor[T]) open(l *EmergeLog, read func([]driver.Value, *T) error, query string) (err error) {
	if c.rows, err = l.tx.Raw(query, l.host); err != nil {
		return err
	}
	c.read = read
	return c.step()
}

func (c *cursor[T]) close() {
	if c.rows != nil {
		c.rows.Close()
		c.rows, c.run = nil, 0
	}
}

// step reads the next row.
func (c *cursor[T]) step() (err error) {
	c.next, err = c.rows.Row()
	c.run = 0
	if c.next != nil {
		c.run = store.Number(c.next[0], 0)
	}
	return err
}

// take appends the facts of a run, and skips those of the runs before it.
func (c *cursor[T]) take(run int64, order Order, list []T) ([]T, error) {
	for c.run != 0 && c.run != run && (c.run < run) == (order == OldestFirst) {
		if err := c.step(); err != nil {
			return list, err
		}
	}
	begin := len(list)
	for c.run == run {
		// A fact that is read before it is in the list would be allocated by itself.
		var none T
		list = append(list, none)
		err := c.read(c.next, &list[len(list)-1])
		if err := errors.Join(err, c.step()); err != nil {
			return list, err
		}
	}
	if order == NewestFirst {
		slices.Reverse(list[begin:])
	}
	return list, nil
}
