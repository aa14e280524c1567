package store

import (
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"

	"emaudit/parse/emergelog"
)

// runBits leaves 2^32 runs for each host in the keys of runs.
const runBits = 32

func runKey(host HostID, run int64) int64 { return int64(host)<<runBits | run }

func runNumber(key int64) int64 { return key & (1<<runBits - 1) }

// EmergeLogWriter stores what the parser of emerge.log delivers, as its
// [emergelog.Sink]. The first error is kept and returned by Close; after it
// nothing more is done.
type EmergeLogWriter struct {
	tx   *Tx
	host HostID

	rows *bulk
	// facts are those of the runs that were not delivered yet, packed.
	facts map[int64]*runFacts
	// spares are buffers of runs that were stored.
	spares []*runFacts

	packages [loggedPackages]loggedPackage // those seen last, by a hash of their cpv
	seed     maphash.Seed
	names    map[string]*loggedName // by cat/pn
	pages    sumsPages
	longest  int64 // run, in seconds from its first line to its last
	syncSums map[string]*SyncHistory
	runSums  map[emergelog.Action]*RunHistory
	first    bool // the host has no history yet
	// provisional is set when what is delivered is not final.
	provisional bool
	err         error

	stored  int
	damage  []emergelog.Damage
	damaged int
}

// runFacts are the packed facts of one run; the first settled bytes are final.
type runFacts struct {
	b       []byte
	settled int
}

// WriteEmergeLog begins to store what is read of a host's emerge.log. The source
// of a position is the number of a segment.
func (tx *Tx) WriteEmergeLog(host HostID) (*EmergeLogWriter, error) {
	w := &EmergeLogWriter{
		tx: tx, host: host,
		rows:  tx.bulk("run", "id", "started_at", "seen_at", "args", "action", "outcome", "unsettled", "detail"),
		facts: map[int64]*runFacts{},
		seed:  maphash.MakeSeed(),
		names: map[string]*loggedName{},
		pages: sumsPages{tx: tx, host: host, held: map[int64]*sumsPage{}},
	}
	state, _, err := tx.EmergeLogState(host)
	if err != nil {
		return nil, fmt.Errorf("emerge.log: %w", err)
	}
	w.first = state == nil
	if !w.first {
		if err := tx.queryRow("SELECT longest_run FROM emerge_log WHERE host = ?", host).Scan(&w.longest); err != nil {
			return nil, fmt.Errorf("emerge.log: %w", err)
		}
	}
	if err := w.loadSums(); err != nil {
		return nil, fmt.Errorf("emerge.log: %w", err)
	}
	open, err := tx.openRuns(host)
	if err != nil {
		return nil, fmt.Errorf("emerge.log: %w", err)
	}
	for _, run := range open {
		if err := w.reopen(run); err != nil {
			return nil, fmt.Errorf("emerge.log: run %d: %w", run, err)
		}
	}
	return w, nil
}

// openRuns returns the numbers of the runs that are not final.
func (tx *Tx) openRuns(host HostID) ([]int64, error) {
	var packed []byte
	if _, err := noRow(tx.queryRow("SELECT open FROM emerge_log WHERE host = ?", host).Scan(&packed)); err != nil {
		return nil, err
	}
	return unpackNumbers(packed), nil
}

// reopen takes the final facts of a run that was open, and removes its row.
func (w *EmergeLogWriter) reopen(run int64) error {
	var unsettled int
	var detail []byte
	key := runKey(w.host, run)
	if err := w.tx.queryRow("SELECT unsettled, detail FROM run WHERE id = ?", key).Scan(&unsettled, &detail); err != nil {
		return err
	}
	r := Run{facts: unpacker{b: detail}}
	r.unpack(&logNames{tx: w.tx})
	facts := r.facts.b
	if r.facts.err != nil || unsettled > len(facts) {
		return errPacked
	}
	facts = facts[:len(facts)-unsettled]
	w.facts[run] = &runFacts{b: slices.Clone(facts), settled: len(facts)}
	_, err := w.tx.exec("DELETE FROM run WHERE id = ?", key)
	return err
}

// ForgetEmergeLog removes all that is known of a host's emerge.log, before it
// is read anew from its oldest file.
func (tx *Tx) ForgetEmergeLog(host HostID) error {
	if _, err := tx.exec("DELETE FROM run WHERE id >= ? AND id < ?", runKey(host, 0), runKey(host+1, 0)); err != nil {
		return fmt.Errorf("emerge.log: %w", err)
	}
	for _, table := range []string{"package_page", "package_sums", "sync_history", "run_history", "emerge_log_segment", "emerge_log"} {
		if _, err := tx.exec("DELETE FROM "+table+" WHERE host = ?", host); err != nil {
			return fmt.Errorf("emerge.log: %w", err)
		}
	}
	return nil
}

// at turns a position into a place in the whole log.
func (w *EmergeLogWriter) at(p emergelog.Position) int64 {
	return int64(p.Source)*SegmentSpan + p.Offset
}

// text is [Tx.textID], but 0 for the empty string.
func (w *EmergeLogWriter) text(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	return w.tx.textID(s)
}

// of returns the facts of a run, to be added to.
func (w *EmergeLogWriter) of(run int64) *runFacts {
	f := w.facts[run]
	if f != nil {
		return f
	}
	if n := len(w.spares); n > 0 {
		f, w.spares = w.spares[n-1], w.spares[:n-1]
		f.b, f.settled = f.b[:0], 0
	} else {
		f = new(runFacts)
	}
	w.facts[run] = f
	return f
}

// add takes one fact of a run, packed behind the others.
func (w *EmergeLogWriter) add(run int64, pack func(b []byte) ([]byte, error)) {
	if w.err != nil {
		return
	}
	f := w.of(run)
	f.b, w.err = pack(f.b)
	if !w.provisional {
		f.settled = len(f.b)
		w.stored++
	}
}

// Merge stores a merge.
func (w *EmergeLogWriter) Merge(m emergelog.Merge) {
	w.add(m.Run, func(b []byte) ([]byte, error) {
		p, err := w.pkg(m.CPV)
		if err != nil {
			return b, err
		}
		if !w.provisional {
			p.in(m.Run).merge(&m)
		}
		return w.packMerge(b, p, &m)
	})
}

// Unmerge stores a removal.
func (w *EmergeLogWriter) Unmerge(u emergelog.Unmerge) {
	w.add(u.Run, func(b []byte) ([]byte, error) {
		p, err := w.pkg(u.CPV)
		if err != nil {
			return b, err
		}
		if !w.provisional {
			p.in(u.Run).unmerge(&u)
		}
		return w.packUnmerge(b, p, &u), nil
	})
}

// Sync stores a sync.
func (w *EmergeLogWriter) Sync(s emergelog.Sync) {
	if !w.provisional {
		w.sumSync(&s)
	}
	w.add(s.Run, func(b []byte) ([]byte, error) { return w.packSync(b, &s) })
}

// Run stores a run with its facts.
func (w *EmergeLogWriter) Run(r emergelog.Run) {
	if w.err != nil {
		return
	}
	f := w.of(r.ID)
	delete(w.facts, r.ID)
	w.err = w.run(&r, f)
	w.spares = append(w.spares, f)
	if !w.provisional {
		w.stored++
		w.sumRun(&r)
	}
}

func (w *EmergeLogWriter) run(r *emergelog.Run, f *runFacts) error {
	w.longest = max(w.longest, r.LastSeen-r.Started)
	args, err := w.text(r.Args)
	if err != nil {
		return err
	}
	detail, err := w.packRun(make([]byte, 0, 32+len(f.b)), r)
	if err != nil {
		return err
	}
	detail = append(detail, f.b...)
	return w.rows.add(runKey(w.host, r.ID), r.Started, r.LastSeen, args, int64(r.Action), int64(r.Outcome), int64(len(f.b)-f.settled), detail)
}

// maxDamage bounds the pieces of damage that are kept of one reading: a file
// that is no log at all is one piece per line.
const maxDamage = 1000

// Damage keeps a piece of damage; see Damages.
func (w *EmergeLogWriter) Damage(d emergelog.Damage) {
	if w.damaged++; len(w.damage) < maxDamage {
		w.damage = append(w.damage, d)
	}
}

// Damages returns the first pieces of damage that were delivered, and how many
// there were in all.
func (w *EmergeLogWriter) Damages() (first []emergelog.Damage, all int) { return w.damage, w.damaged }

// Stored returns how many final records were delivered.
func (w *EmergeLogWriter) Stored() int { return w.stored }

// Err returns the first error.
func (w *EmergeLogWriter) Err() error { return w.err }

// Close stores what is open, to be replaced by the next writer, and the
// parser's state with the time of the last line.
func (w *EmergeLogWriter) Close(open emergelog.Open, state []byte, lastAt int64) error {
	w.provisional = true
	for _, m := range open.Merges {
		w.Merge(m)
	}
	for _, u := range open.Unmerges {
		w.Unmerge(u)
	}
	for _, s := range open.Syncs {
		w.Sync(s)
	}
	numbers := []byte{}
	for _, r := range open.Runs {
		w.Run(r)
		numbers = binary.AppendVarint(numbers, r.ID)
	}
	if w.err == nil {
		w.err = w.rows.flush()
	}
	if w.err == nil {
		w.err = w.storeHistories()
	}
	if w.err == nil {
		w.err = w.storeSums()
	}
	if w.err == nil {
		_, w.err = w.tx.exec(`INSERT INTO emerge_log (host, state, open, last_at, longest_run) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (host) DO UPDATE SET state = excluded.state, open = excluded.open, last_at = excluded.last_at, longest_run = excluded.longest_run`,
			w.host, state, numbers, lastAt, w.longest)
	}
	if w.err != nil {
		return fmt.Errorf("emerge.log: %w", w.err)
	}
	return nil
}
