package history

import (
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"

	"emaudit/audit"
	"emaudit/parse/emergelog"
	"emaudit/parse/userconf"
	"emaudit/store/config"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// RunQuery selects runs.
type RunQuery struct {
	Period audit.Period
	Search Search
	// First and Last limit the answer to the oldest or newest runs; 0 means no
	// limit.
	First, Last int
}

// AuditRuns yields the selected runs, oldest first. A run is valid until the next
// one. The transaction of the database must stay open meanwhile.
func AuditRuns(db audit.Database, q RunQuery) iter.Seq2[*Run, error] {
	return func(yield func(*Run, error) bool) {
		reader := newRunReader(db)
		stopped := false
		err := reader.each(q, func(r *logs.Run) error {
			run, err := reader.run(r)
			if err != nil {
				return err
			}
			if !yield(run, nil) {
				stopped = true
				return logs.ErrStop
			}
			return nil
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// AuditRun returns one run. A negative number counts from the newest, which is -1.
// ok is false if there is no such run.
func AuditRun(db audit.Database, id int64) (run *Run, ok bool, err error) {
	for r, err := range AuditRuns(db, RunQuery{Period: audit.Period{FirstRun: id, LastRun: id}}) {
		if err != nil {
			return nil, false, err
		}
		own := *r
		own.Merges, own.Unmerges, own.Syncs = slices.Clone(r.Merges), slices.Clone(r.Unmerges), slices.Clone(r.Syncs)
		return &own, true, namePackaged(db, &own)
	}
	return nil, false, nil
}

// runReader turns stored runs into answers.
type runReader struct {
	db       audit.Database
	log      *logs.EmergeLog
	segments []logs.Segment
	pkgDir   string
	facts    logs.Facts
	out      Run
	moves    userconf.Moves
}

func newRunReader(db audit.Database) *runReader {
	return &runReader{db: db, log: logs.ReadEmergeLog(db.Tx, db.Host)}
}

// prepare reads the facts that all answers need.
func (r *runReader) prepare() error {
	var err error
	if r.segments, err = logs.Segments(r.db.Tx, r.db.Host); err != nil {
		return err
	}
	dirs, err := inventory.PkgDirs(r.db.Tx, r.db.Host)
	for _, d := range dirs {
		if d.Kind == inventory.KindPkgDir {
			r.pkgDir = d.Path
		}
	}
	if err != nil {
		return err
	}
	r.moves, err = config.Moves(r.db.Tx, r.db.Host)
	return err
}

// each calls fn for the runs of a query, oldest first.
func (r *runReader) each(q RunQuery, fn func(*logs.Run) error) error {
	if err := r.prepare(); err != nil {
		return err
	}
	runs, ok, err := r.rangeOf(q.Period)
	if err != nil || !ok {
		return err
	}
	inPeriod := func(run *logs.Run) bool { return q.Period.Contains(run.Started) }
	if !q.Search.All() {
		packages, err := r.packages(q.Search)
		if err != nil {
			return err
		}
		numbers, err := r.numbersOf(packages, runs)
		if err != nil {
			return err
		}
		return r.limited(q, func(order logs.Order, each func(*logs.Run) error) error {
			if order == logs.NewestFirst {
				numbers = reversed(numbers)
			}
			return r.log.RunsNumbered(numbers, func(run *logs.Run) error {
				if !inPeriod(run) {
					return nil
				}
				meant, err := r.meant(run, q.Search)
				if err != nil || !meant {
					return err
				}
				return each(run)
			})
		}, fn)
	}
	return r.limited(q, func(order logs.Order, each func(*logs.Run) error) error {
		return r.log.Runs(runs, order, func(run *logs.Run) error {
			if !inPeriod(run) {
				return nil
			}
			return each(run)
		})
	}, fn)
}

// limited calls fn for the first or last runs from walk, oldest first.
func (r *runReader) limited(q RunQuery, walk func(logs.Order, func(*logs.Run) error) error, fn func(*logs.Run) error) error {
	if q.Last == 0 {
		n := 0
		return walk(logs.OldestFirst, func(run *logs.Run) error {
			if n++; q.First > 0 && n > q.First {
				return logs.ErrStop
			}
			return fn(run)
		})
	}
	// The newest runs are found by reading backward. They are few, so their numbers
	// are collected first.
	var numbers []int64
	err := walk(logs.NewestFirst, func(run *logs.Run) error {
		if len(numbers) == q.Last {
			return logs.ErrStop
		}
		numbers = append(numbers, run.ID)
		return nil
	})
	if err != nil {
		return err
	}
	return r.log.RunsNumbered(reversed(numbers), fn)
}

func reversed(numbers []int64) []int64 {
	r := slices.Clone(numbers)
	slices.Reverse(r)
	return r
}

// rangeOf returns the range of runs that contains all events of a period.
func (r *runReader) rangeOf(p audit.Period) (runs logs.RunRange, ok bool, err error) {
	last, err := r.log.LastRun()
	if err != nil || last == 0 {
		return runs, false, err
	}
	absolute := func(n int64) int64 {
		if n < 0 {
			return max(last+1+n, 0)
		}
		return n
	}
	runs = logs.RunRange{First: absolute(p.FirstRun), Last: absolute(p.LastRun)}
	if p.LastRun < 0 && runs.Last == 0 {
		return runs, false, nil
	}
	if !p.Timed() {
		return runs, true, nil
	}
	until := p.Until
	if until == 0 {
		until = endOfTime
	}
	timed, ok, err := r.log.RunsBetween(p.Since, until)
	if err != nil || !ok {
		return runs, false, err
	}
	runs.First = max(runs.First, timed.First)
	if runs.Last == 0 || timed.Last < runs.Last {
		runs.Last = timed.Last
	}
	return runs, runs.First <= runs.Last, nil
}

// endOfTime is later than any time in a log.
const endOfTime = 1 << 40

// numbersOf returns the numbers of the runs in a range that merge or remove any of
// the packages.
func (r *runReader) numbersOf(packages []string, runs logs.RunRange) ([]int64, error) {
	found, err := r.log.RunsOf(packages)
	return slices.DeleteFunc(found, func(n int64) bool { return n < runs.First || runs.Last != 0 && n > runs.Last }), err
}

// meant reports whether a run has a fact about the packages of a search.
func (r *runReader) meant(run *logs.Run, search Search) (bool, error) {
	if err := r.readFacts(run); err != nil {
		return false, err
	}
	for i := range r.facts.Merges {
		if m := &r.facts.Merges[i]; r.matches(search, m.CP, m.CPV, m.Slot, path.Base(m.RepoPath)) {
			return true, nil
		}
	}
	for i := range r.facts.Unmerges {
		if u := &r.facts.Unmerges[i]; r.matches(search, u.CP, u.CPV, "", "") {
			return true, nil
		}
	}
	return false, nil
}

// deadAfter is the age of the last line, in seconds, from which a run without end
// counts as killed. No build takes more than a day without a line in the log.
const deadAfter = 24 * 3600

// readFacts reads the facts of a run. A run without logged end whose last line is
// older than [deadAfter] counts as killed: the log of another machine, or of one
// that lost power, never gets an end.
func (r *runReader) readFacts(run *logs.Run) error {
	if err := r.log.Facts(run, &r.facts); err != nil {
		return err
	}
	if run.Outcome != emergelog.RunRunning || r.db.Now-run.LastSeen <= deadAfter {
		return nil
	}
	run.Outcome, run.Uncertain = emergelog.RunKilled, true
	for i := range r.facts.Merges {
		if m := &r.facts.Merges[i]; m.Outcome == emergelog.MergeRunning {
			m.Outcome, m.BetweenVersions = emergelog.MergeInterrupted, len(m.Replaced) > 0
		}
	}
	for i := range r.facts.Unmerges {
		if u := &r.facts.Unmerges[i]; u.Outcome == emergelog.UnmergeRunning {
			u.Outcome = emergelog.UnmergeInterrupted
		}
	}
	for i := range r.facts.Syncs {
		if s := &r.facts.Syncs[i]; s.Outcome == emergelog.SyncRunning {
			s.Outcome = emergelog.SyncUnknown
		}
	}
	return nil
}

// errNoRun means that a run does not exist.
var errNoRun = errors.New("no such run")

// ErrNoRun returns the error for the number of a run that does not exist.
func ErrNoRun(id int64) error { return fmt.Errorf("run %d: %w", id, errNoRun) }
