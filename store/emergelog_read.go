package store

import (
	"database/sql"
	"fmt"
	"strings"

	"emaudit/parse/emergelog"
)

// EmergeLog reads what is stored of one host's emerge.log.
type EmergeLog struct {
	tx    *Tx
	host  HostID
	names logNames
}

// EmergeLog returns the reader of a host's emerge.log, which holds as long as
// the transaction.
func (tx *Tx) EmergeLog(host HostID) *EmergeLog {
	return &EmergeLog{tx: tx, host: host, names: logNames{tx: tx}}
}

// Run is a stored run. Its positions are places in the whole log; see
// [EmergeLog.Place].
type Run struct {
	emergelog.Run
	BeganAt, LastAt int64
}

// Merge is a stored merge.
type Merge struct {
	emergelog.Merge
	BeganAt int64
}

// Unmerge is a stored removal.
type Unmerge struct {
	emergelog.Unmerge
	BeganAt int64
}

// Sync is a stored sync.
type Sync struct {
	emergelog.Sync
	BeganAt int64
}

// RunRange selects runs by their numbers: First and Last included, 0 for no
// bound.
type RunRange struct{ First, Last int64 }

// keys returns the range of the keys of runs.
func (r RunRange) keys(host HostID) (from, to int64) {
	from, to = runKey(host, r.First), runKey(host, r.Last+1)
	if r.Last == 0 {
		to = runKey(host+1, 0)
	}
	return from, to
}

// Order is the order in which rows are read.
type Order string

// The orders.
const (
	OldestFirst Order = "ASC"
	NewestFirst Order = "DESC"
)

// Runs calls each for the runs of a range until it returns false.
func (l *EmergeLog) Runs(runs RunRange, order Order, each func(*Run) bool) error {
	from, to := runs.keys(l.host)
	err := l.tx.query(func(rows *sql.Rows) error {
		var id, args int64
		var r Run
		var detail sql.RawBytes
		if err := rows.Scan(&id, &r.Started, &r.Ended, &r.LastSeen, &args, &r.Action, &r.Outcome, &r.ExitStatus, &detail); err != nil {
			return err
		}
		r.ID = id & (1<<hostBits - 1)
		r.Args = l.names.text(args)
		if err := l.names.runDetail(&r, detail); err != nil {
			return fmt.Errorf("run %d: %w", r.ID, err)
		}
		if !each(&r) {
			return errStop
		}
		return nil
	}, "SELECT id, started_at, ended_at, seen_at, args, action, outcome, exit_status, detail FROM run WHERE id >= ? AND id < ? ORDER BY id "+string(order), from, to)
	return stopped(err)
}

// errStop ends a query early.
var errStop = fmt.Errorf("stop")

func stopped(err error) error {
	if err == errStop {
		return nil
	}
	return err
}

// RunsBetween returns the range of the runs that were at work at any moment
// from since to until, unix seconds, both included; ok is false where there is
// none. Runs outside can lie within the range, where the clock was set.
func (l *EmergeLog) RunsBetween(since, until int64) (runs RunRange, ok bool, err error) {
	from, to := RunRange{}.keys(l.host)
	var first, last sql.NullInt64
	err = l.tx.queryRow("SELECT min(id), max(id) FROM run WHERE id >= ? AND id < ? AND seen_at >= ? AND started_at <= ?", from, to, since, until).Scan(&first, &last)
	if err != nil || !first.Valid {
		return RunRange{}, false, err
	}
	return RunRange{first.Int64 & (1<<hostBits - 1), last.Int64 & (1<<hostBits - 1)}, true, nil
}

// LastRun returns the number of the newest run of a host, 0 where there is
// none.
func (l *EmergeLog) LastRun() (int64, error) {
	from, to := RunRange{}.keys(l.host)
	var id int64
	missing, err := noRow(l.tx.queryRow("SELECT id FROM run WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1", from, to).Scan(&id))
	if missing || err != nil {
		return 0, err
	}
	return id & (1<<hostBits - 1), nil
}

const mergeColumns = "id, cpv, started_at, finished_at, kind, outcome, detail"

// Merges calls each for the merges of a range of runs, with the removals of
// what they replaced, until it returns false.
func (l *EmergeLog) Merges(runs RunRange, order Order, each func(*Merge, []Unmerge) bool) error {
	from, to := runs.keys(l.host)
	return l.merges(each, "SELECT "+mergeColumns+" FROM merge WHERE id >= ? AND id < ? ORDER BY id "+string(order), from<<runBits, to<<runBits)
}

func (l *EmergeLog) merges(each func(*Merge, []Unmerge) bool, query string, args ...any) error {
	err := l.tx.query(func(rows *sql.Rows) error {
		var id, cpv int64
		var m Merge
		var detail sql.RawBytes
		if err := rows.Scan(&id, &cpv, &m.Started, &m.Finished, &m.Kind, &m.Outcome, &detail); err != nil {
			return err
		}
		m.Run, m.Seq = splitFactKey(id)
		m.CPV = l.names.cpv(cpv)
		replaced, err := l.names.mergeDetail(&m, detail)
		if err != nil {
			return fmt.Errorf("merge %d of run %d: %w", m.Seq, m.Run, err)
		}
		if !each(&m, replaced) {
			return errStop
		}
		return nil
	}, query, args...)
	return stopped(err)
}

const unmergeColumns = "id, cpv, started_at, finished_at, reason, outcome, detail"

// Unmerges calls each for the removals of a range of runs that [EmergeLog.Merges]
// does not give, until it returns false.
func (l *EmergeLog) Unmerges(runs RunRange, order Order, each func(*Unmerge) bool) error {
	from, to := runs.keys(l.host)
	return l.unmerges(each, "SELECT "+unmergeColumns+" FROM unmerge WHERE id >= ? AND id < ? ORDER BY id "+string(order), from<<runBits, to<<runBits)
}

func (l *EmergeLog) unmerges(each func(*Unmerge) bool, query string, args ...any) error {
	err := l.tx.query(func(rows *sql.Rows) error {
		var id, cpv int64
		var u Unmerge
		var detail sql.RawBytes
		if err := rows.Scan(&id, &cpv, &u.Started, &u.Finished, &u.Reason, &u.Outcome, &detail); err != nil {
			return err
		}
		u.Run, u.Seq = splitFactKey(id)
		u.CPV = l.names.cpv(cpv)
		if err := unmergeDetail(&u, detail); err != nil {
			return fmt.Errorf("removal %d of run %d: %w", u.Seq, u.Run, err)
		}
		if l.names.err != nil {
			return l.names.err
		}
		if !each(&u) {
			return errStop
		}
		return nil
	}, query, args...)
	return stopped(err)
}

// Syncs calls each for the syncs of a range of runs until it returns false.
func (l *EmergeLog) Syncs(runs RunRange, order Order, each func(*Sync) bool) error {
	from, to := runs.keys(l.host)
	err := l.tx.query(func(rows *sql.Rows) error {
		var id, repo int64
		var s Sync
		var detail sql.RawBytes
		if err := rows.Scan(&id, &repo, &s.Started, &s.Finished, &s.Outcome, &detail); err != nil {
			return err
		}
		s.Run, s.Seq = splitFactKey(id)
		s.Repo = l.names.text(repo)
		if err := l.names.syncDetail(&s, detail); err != nil {
			return fmt.Errorf("sync %d of run %d: %w", s.Seq, s.Run, err)
		}
		if !each(&s) {
			return errStop
		}
		return nil
	}, "SELECT id, repo, started_at, finished_at, outcome, detail FROM sync WHERE id >= ? AND id < ? ORDER BY id "+string(order), from<<runBits, to<<runBits)
	return stopped(err)
}

// maxPackages bounds the packages of one query: SQLite takes 32,766 variables.
const maxPackages = 500

// PackageFacts calls the functions for every merge and removal of the given
// packages (cat/pn), in no order.
func (l *EmergeLog) PackageFacts(packages []string, merge func(*Merge, []Unmerge) bool, unmerge func(*Unmerge) bool) error {
	from, to := RunRange{}.keys(l.host)
	for len(packages) > 0 {
		n := min(len(packages), maxPackages)
		args := make([]any, n, n+2)
		for i, name := range packages[:n] {
			args[i] = name
		}
		args = append(args, from<<runBits, to<<runBits)
		where := " FROM %s f JOIN cpv v ON v.id = f.cpv JOIN cp c ON c.id = v.cp WHERE c.value IN (?" + strings.Repeat(", ?", n-1) + ") AND f.id >= ? AND f.id < ?"
		columns := func(list string) string { return "SELECT f." + strings.ReplaceAll(list, ", ", ", f.") }
		if err := l.merges(merge, columns(mergeColumns)+fmt.Sprintf(where, "merge"), args...); err != nil {
			return err
		}
		if err := l.unmerges(unmerge, columns(unmergeColumns)+fmt.Sprintf(where, "unmerge"), args...); err != nil {
			return err
		}
		packages = packages[n:]
	}
	return nil
}

// OpenMerges calls each for the merges that are not final.
func (l *EmergeLog) OpenMerges(each func(*Merge, []Unmerge) bool) error {
	return l.merges(each, "SELECT "+mergeColumns+" FROM merge WHERE id IN (SELECT id FROM provisional WHERE host = ? AND fact = 'merge') ORDER BY id", l.host)
}

// LoggedPackages returns every cat/pn that a host's emerge.log names, sorted.
func (l *EmergeLog) LoggedPackages() ([]string, error) {
	var all []string
	err := l.tx.query(func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		all = append(all, name)
		return err
	}, "SELECT cp.value FROM package_history h JOIN cp ON cp.id = h.cp WHERE h.host = ? ORDER BY cp.value", l.host)
	return all, err
}

// logNames resolves the numbers of names, one by one until there are so many
// that the whole dictionary is read.
type logNames struct {
	tx          *Tx
	texts, cpvs reverse
	err         error
}

// reverse is a dictionary from numbers to l.names.
type reverse struct {
	names map[int64]string
	asked int
}

func (n *logNames) text(id int64) string {
	if id == 0 {
		return ""
	}
	return n.name(&n.texts, "text", id)
}

func (n *logNames) cpv(id int64) string { return n.name(&n.cpvs, "cpv", id) }

func (n *logNames) name(d *reverse, table string, id int64) string {
	if name, ok := d.names[id]; ok {
		return name
	}
	if d.names == nil {
		d.names = map[int64]string{}
	}
	if d.asked++; d.asked == wholeDictionaryAfter {
		err := n.tx.query(func(rows *sql.Rows) error {
			var id int64
			var name string
			err := rows.Scan(&id, &name)
			d.names[id] = name
			return err
		}, "SELECT id, value FROM "+table)
		if err != nil {
			n.err = err
		}
		if name, ok := d.names[id]; ok {
			return name
		}
	}
	var name string
	if err := n.tx.queryRow("SELECT value FROM "+table+" WHERE id = ?", id).Scan(&name); err != nil && n.err == nil {
		n.err = fmt.Errorf("name %d of table %s: %w", id, table, err)
	}
	d.names[id] = name
	return name
}
