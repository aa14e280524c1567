package store

import (
	"database/sql"
	"errors"
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

// Run is a stored run. Instead of positions it has places in the whole log; see
// [EmergeLog.Place].
type Run struct {
	emergelog.Run
	BeganAt, LastAt int64

	facts unpacker
	// unsettled is how many bytes of the facts the next ingest may replace.
	unsettled int
}

// Merge is a stored merge.
type Merge struct {
	emergelog.Merge
	CP      string // cat/pn, or the whole where the cpv is none
	BeganAt int64
}

// Unmerge is a stored removal.
type Unmerge struct {
	emergelog.Unmerge
	CP      string // as that of a merge
	BeganAt int64
}

// Sync is a stored sync.
type Sync struct {
	emergelog.Sync
	BeganAt int64
}

// Facts are the facts of one run, in the order in which they ended.
type Facts struct {
	Merges   []Merge
	Unmerges []Unmerge
	Syncs    []Sync
}

// Facts reads the facts of a run into f, whose memory is used again. It must be
// called before the function that was given the run returns.
func (l *EmergeLog) Facts(r *Run, f *Facts) error {
	f.Merges, f.Unmerges, f.Syncs = f.Merges[:0], f.Unmerges[:0], f.Syncs[:0]
	u := r.facts
	for len(u.b) > 0 {
		switch tag := u.get(); tag {
		case tagMerge, tagMergeWithUsage, tagNumberedMerge, tagNumberedMergeWithUsage:
			f.Merges = append(f.Merges, Merge{})
			m := &f.Merges[len(f.Merges)-1]
			u.merge(&l.names, tag, m)
			m.Run = r.ID
		case tagUnmerge, tagNumberedUnmerge:
			f.Unmerges = append(f.Unmerges, Unmerge{})
			x := &f.Unmerges[len(f.Unmerges)-1]
			u.unmerge(&l.names, tag, x)
			x.Run = r.ID
		case tagSync:
			f.Syncs = append(f.Syncs, Sync{})
			s := &f.Syncs[len(f.Syncs)-1]
			u.sync(&l.names, s)
			s.Run = r.ID
		default:
			u.b, u.err = nil, errPacked
		}
	}
	if err := errors.Join(u.err, l.names.err); err != nil {
		return fmt.Errorf("run %d: %w", r.ID, err)
	}
	return nil
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

// ErrStop, returned by a function that is called for each row, ends the query
// without an error.
var ErrStop = errors.New("stop")

const runColumns = "id, started_at, seen_at, args, action, outcome, unsettled, detail"

// Runs calls each for the runs of a range. The run holds until each returns.
// Rows are read ahead while each is at work.
func (l *EmergeLog) Runs(runs RunRange, order Order, each func(*Run) error) error {
	from, to := runs.keys(l.host)
	var r Run
	err := l.tx.ahead("SELECT "+runColumns+" FROM run WHERE id >= ? AND id < ? ORDER BY id "+string(order), []any{from, to}, 7, func(row *packedRow) error {
		return l.run(&r, row, each)
	})
	if errors.Is(err, ErrStop) {
		return nil
	}
	return err
}

// run gives each the run of a row.
func (l *EmergeLog) run(r *Run, row *packedRow, each func(*Run) error) error {
	*r = Run{}
	c := &row.numbers
	r.ID, r.Started, r.LastSeen, r.Args = runNumber(c[0]), c[1], c[2], l.names.text(c[3])
	r.facts = unpacker{b: pack(nil, c[4], c[5])}
	r.Action = emergelog.Action(r.facts.enum(emergelog.Actions))
	r.Outcome = emergelog.RunOutcome(r.facts.enum(emergelog.RunOutcomes))
	r.facts.b, r.unsettled = row.packed[0], int(c[6])
	r.unpack(&l.names)
	if err := errors.Join(r.facts.err, l.names.err); err != nil {
		return fmt.Errorf("run %d: %w", r.ID, err)
	}
	return each(r)
}

// RunsNumbered calls each for the runs of the given numbers, in that order.
// Numbers that no run has are passed over. The run holds until each returns. Where
// numbers rise or fall, many rows are read at once, ahead of each.
func (l *EmergeLog) RunsNumbered(numbers []int64, each func(*Run) error) error {
	var r Run
	for size := firstAhead; len(numbers) > 0; size = min(4*size, mostAhead) {
		chunk, order := monotone(numbers[:min(size, len(numbers))])
		numbers = numbers[len(chunk):]
		ids := make([]any, len(chunk))
		for i, n := range chunk {
			ids[i] = runKey(l.host, n)
		}
		query := "SELECT " + runColumns + " FROM run WHERE id IN (?" + strings.Repeat(", ?", len(ids)-1) + ") ORDER BY id " + string(order)
		err := l.tx.ahead(query, ids, 7, func(row *packedRow) error { return l.run(&r, row, each) })
		if errors.Is(err, ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// monotone returns the longest part at the beginning of numbers that only rises,
// or only falls, and which it does. There is at least one number.
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

// OpenFacts calls each with the facts that are not final, run by run: what the
// histories of packages do not count yet.
func (l *EmergeLog) OpenFacts(each func(*Run, *Facts) error) error {
	open, err := l.OpenRuns()
	if err != nil {
		return err
	}
	var facts Facts
	return l.RunsNumbered(open, func(r *Run) error {
		settled := len(r.facts.b) - r.unsettled
		if settled < 0 {
			return fmt.Errorf("run %d: %w", r.ID, errPacked)
		}
		r.facts.b = r.facts.b[settled:]
		if err := l.Facts(r, &facts); err != nil {
			return err
		}
		return each(r, &facts)
	})
}

// OpenRuns returns the numbers of the runs whose rows are not final: those that
// the log has not seen end.
func (l *EmergeLog) OpenRuns() ([]int64, error) { return l.tx.openRuns(l.host) }

// RunsBetween returns the range of the runs that were at work at any moment
// from since to until, unix seconds, both included; ok is false where there is
// none. Within the range lie other runs too, where the clock was set.
func (l *EmergeLog) RunsBetween(since, until int64) (runs RunRange, ok bool, err error) {
	var longest int64
	if missing, err := noRow(l.tx.queryRow("SELECT longest_run FROM emerge_log WHERE host = ?", l.host).Scan(&longest)); missing || err != nil {
		return RunRange{}, false, err
	}
	from, to := RunRange{}.keys(l.host)
	var first, last sql.NullInt64
	// The plus signs keep the query in the index run_by_time, which has all that
	// it asks for; the rows are far larger.
	err = l.tx.queryRow("SELECT min(+id), max(+id) FROM run WHERE +id >= ? AND +id < ? AND seen_at >= ? AND started_at >= ? AND started_at <= ?",
		from, to, since, since-longest, until).Scan(&first, &last)
	if err != nil || !first.Valid {
		return RunRange{}, false, err
	}
	return RunRange{runNumber(first.Int64), runNumber(last.Int64)}, true, nil
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
	return runNumber(id), nil
}

// logNames resolves the numbers of names, one by one until so many were asked
// for that it is cheaper to read the whole table, where that is not too large.
type logNames struct {
	tx               *Tx
	texts, cps, cpvs reverse
	recent           [recentNames]string
	err              error
}

// recentNames is how many cpvs are remembered: what a merge replaced is unmerged
// soon after, and merged versions are often merged again.
const recentNames = 1 << 10

// joined returns cp and version as one string.
func (n *logNames) joined(cp string, version []byte) string {
	hash := uint32(len(cp))
	for _, c := range version {
		hash = hash*31 + uint32(c)
	}
	if len(cp) > 4 {
		hash = hash*31 + uint32(cp[len(cp)-1]) + uint32(cp[len(cp)-4])<<7 + uint32(cp[len(cp)/2])<<11
	}
	at := &n.recent[(hash^hash>>15)%recentNames]
	if cpv := *at; len(cpv) == len(cp)+len(version) && cpv[len(cp):] == string(version) && cpv[:len(cp)] == cp {
		return cpv
	}
	*at = cp + string(version)
	return *at
}

// reverse is a dictionary from numbers to names.
type reverse struct {
	names []string         // by their numbers, which are dense
	more  map[int64]string // those with larger numbers, the last of them
	asked int
}

func (n *logNames) text(id int64) string {
	if id == 0 {
		return ""
	}
	return n.name(&n.texts, "text", id)
}

func (n *logNames) cp(id int64) string { return n.name(&n.cps, "cp", id) }

func (n *logNames) cpv(id int64) string { return n.name(&n.cpvs, "cpv", id) }

const (
	// wholeNamesAfter is [wholeDictionaryAfter] for the other direction, in which
	// a question about many rows asks for most names.
	wholeNamesAfter = 128
	// maxNames bounds the names of one table that are held.
	maxNames = 1 << 16
)

func (n *logNames) name(d *reverse, table string, id int64) string {
	if id >= 0 && id < int64(len(d.names)) && d.names[id] != "" {
		return d.names[id]
	}
	if name, ok := d.more[id]; ok {
		return name
	}
	if d.asked++; d.asked == wholeNamesAfter {
		err := n.tx.query(func(rows *sql.Rows) error {
			var id int64
			var name string
			err := rows.Scan(&id, &name)
			d.put(id, name)
			return err
		}, "SELECT id, value FROM "+table+" WHERE id < ? ORDER BY id", maxNames)
		if err != nil && n.err == nil {
			n.err = err
		}
		if id > 0 && id < int64(len(d.names)) {
			return d.names[id]
		}
	}
	var name string
	if err := n.tx.queryRow("SELECT value FROM "+table+" WHERE id = ?", id).Scan(&name); err != nil && n.err == nil {
		n.err = fmt.Errorf("name %d of table %s: %w", id, table, err)
	}
	d.put(id, name)
	return name
}

func (d *reverse) put(id int64, name string) {
	if id < 0 || id >= maxNames {
		if d.more == nil || len(d.more) >= maxNames {
			d.more = map[int64]string{}
		}
		d.more[id] = name
		return
	}
	if grow := id + 1 - int64(len(d.names)); grow > 0 {
		d.names = append(d.names, make([]string, grow)...)
	}
	d.names[id] = name
}
