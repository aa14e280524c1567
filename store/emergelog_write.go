package store

import (
	"errors"
	"fmt"

	"emaudit/parse/emergelog"
)

// Limits of the keys of the tables of emerge.log.
const (
	runBits = 20 // rows of one run: no list is longer than emergelog allows
	// hostBits leaves 2^32 runs for each of 2^11 hosts.
	hostBits = 32
)

func runKey(host HostID, run int64) int64 { return int64(host)<<hostBits | run }

func factKey(host HostID, run int64, seq int) int64 {
	return runKey(host, run)<<runBits | int64(seq)
}

// splitFactKey returns the run and the order within it.
func splitFactKey(id int64) (run int64, seq int) {
	return id >> runBits & (1<<hostBits - 1), int(id & (1<<runBits - 1))
}

// EmergeLogWriter stores what the parser of emerge.log delivers, as its
// [emergelog.Sink]. Its methods keep the first error, which Close returns.
type EmergeLogWriter struct {
	tx   *Tx
	host HostID
	// bases are the places of the segments' first bytes in the whole log, by
	// the number of the source that the parser was given.
	bases []int64

	runs, merges, unmerges, syncs *bulk
	histories                     map[int64]*history
	// replaced holds the removals whose merges are not delivered yet.
	replaced    map[int64][]emergelog.Unmerge
	provisional bool
	indexed     bool
	err         error

	// Stored counts the records that were delivered.
	Stored  int
	damage  []emergelog.Damage
	damaged int
}

// factIndexes are the indexes that a first ingest makes after its rows, which
// is three times as fast.
var factIndexes = map[string]string{
	"merge_by_cpv":   "CREATE INDEX merge_by_cpv ON merge(cpv)",
	"unmerge_by_cpv": "CREATE INDEX unmerge_by_cpv ON unmerge(cpv)",
}

// WriteEmergeLog begins to store what is read of a host's emerge.log, and
// forgets what was provisional. bases are the places of the segments' first
// bytes in the whole log.
func (tx *Tx) WriteEmergeLog(host HostID, bases []int64) (*EmergeLogWriter, error) {
	w := &EmergeLogWriter{
		tx: tx, host: host, bases: bases,
		runs:      tx.bulk("run", "id", "started_at", "ended_at", "seen_at", "args", "action", "outcome", "exit_status", "detail"),
		merges:    tx.bulk("merge", "id", "cpv", "started_at", "finished_at", "kind", "outcome", "detail"),
		unmerges:  tx.bulk("unmerge", "id", "cpv", "started_at", "finished_at", "reason", "outcome", "detail"),
		syncs:     tx.bulk("sync", "id", "repo", "started_at", "finished_at", "outcome", "detail"),
		histories: map[int64]*history{},
		replaced:  map[int64][]emergelog.Unmerge{},
		indexed:   true,
	}
	for _, fact := range []string{"run", "merge", "unmerge", "sync"} {
		if _, err := tx.exec("DELETE FROM "+fact+" WHERE id IN (SELECT id FROM provisional WHERE host = ? AND fact = ?)", host, fact); err != nil {
			return nil, err
		}
	}
	if _, err := tx.exec("DELETE FROM provisional WHERE host = ?", host); err != nil {
		return nil, err
	}
	var first int64
	empty, err := noRow(tx.queryRow("SELECT id FROM run LIMIT 1").Scan(&first))
	if err != nil {
		return nil, err
	}
	if empty {
		w.indexed = false
		for name := range factIndexes {
			if _, err := tx.exec("DROP INDEX IF EXISTS " + name); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// ForgetEmergeLog removes all that is known of a host's emerge.log, before it
// is read anew from its oldest file.
func (tx *Tx) ForgetEmergeLog(host HostID) error {
	from, to := runKey(host, 0), runKey(host+1, 0)
	for _, step := range []struct {
		query string
		args  []any
	}{
		{"DELETE FROM run WHERE id >= ? AND id < ?", []any{from, to}},
		{"DELETE FROM merge WHERE id >= ? AND id < ?", []any{from << runBits, to << runBits}},
		{"DELETE FROM unmerge WHERE id >= ? AND id < ?", []any{from << runBits, to << runBits}},
		{"DELETE FROM sync WHERE id >= ? AND id < ?", []any{from << runBits, to << runBits}},
		{"DELETE FROM provisional WHERE host = ?", []any{host}},
		{"DELETE FROM package_history WHERE host = ?", []any{host}},
		{"DELETE FROM emerge_log_segment WHERE host = ?", []any{host}},
		{"DELETE FROM emerge_log WHERE host = ?", []any{host}},
	} {
		if _, err := tx.exec(step.query, step.args...); err != nil {
			return fmt.Errorf("emerge.log: %w", err)
		}
	}
	return nil
}

// at turns a position into a place in the whole log.
func (w *EmergeLogWriter) at(p emergelog.Position) int64 {
	if p.Source >= len(w.bases) {
		return p.Offset
	}
	return w.bases[p.Source] + p.Offset
}

// text is textID, but 0 for the empty string.
func (w *EmergeLogWriter) text(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	return w.tx.textID(s)
}

func (w *EmergeLogWriter) note(fact string, id int64) error {
	w.Stored++
	if !w.provisional {
		return nil
	}
	_, err := w.tx.exec("INSERT INTO provisional (host, fact, id) VALUES (?, ?, ?)", w.host, fact, id)
	return err
}

// keep runs one step unless an earlier one failed.
func (w *EmergeLogWriter) keep(step func() error) {
	if w.err == nil {
		w.err = step()
	}
}

// Merge stores a merge together with the removals of what it replaced.
func (w *EmergeLogWriter) Merge(m emergelog.Merge) {
	w.keep(func() error {
		id := factKey(w.host, m.Run, m.Seq)
		cpv, err := w.tx.cpvID(m.CPV)
		if err != nil {
			return err
		}
		replaced := w.replaced[id]
		delete(w.replaced, id)
		detail, err := w.mergeDetail(&m, replaced)
		if err != nil {
			return err
		}
		if !w.provisional {
			if err := w.countMerge(&m, len(replaced)); err != nil {
				return err
			}
		}
		if err := w.merges.add(id, cpv, m.Started, m.Finished, int64(m.Kind), int64(m.Outcome), detail); err != nil {
			return err
		}
		return w.note("merge", id)
	})
}

// Unmerge stores a removal, or keeps it for the merge that it was part of.
func (w *EmergeLogWriter) Unmerge(u emergelog.Unmerge) {
	if u.Reason == emergelog.UnmergeReplaced && u.Merge != 0 && u.Outcome == emergelog.UnmergeOK && !w.provisional {
		id := factKey(w.host, u.Run, u.Merge)
		w.replaced[id] = append(w.replaced[id], u)
		return
	}
	w.keep(func() error { return w.unmerge(&u) })
}

func (w *EmergeLogWriter) unmerge(u *emergelog.Unmerge) error {
	id := factKey(w.host, u.Run, u.Seq)
	cpv, err := w.tx.cpvID(u.CPV)
	if err != nil {
		return err
	}
	if !w.provisional && u.Outcome == emergelog.UnmergeOK {
		h, err := w.history(u.CPV)
		if err != nil {
			return err
		}
		h.unmerges++
	}
	if err := w.unmerges.add(id, cpv, u.Started, u.Finished, int64(u.Reason), int64(u.Outcome), w.unmergeDetail(u)); err != nil {
		return err
	}
	return w.note("unmerge", id)
}

// Sync stores a sync.
func (w *EmergeLogWriter) Sync(s emergelog.Sync) {
	w.keep(func() error {
		id := factKey(w.host, s.Run, s.Seq)
		repo, err := w.tx.textID(s.Repo)
		if err != nil {
			return err
		}
		detail, err := w.syncDetail(&s)
		if err != nil {
			return err
		}
		if err := w.syncs.add(id, repo, s.Started, s.Finished, int64(s.Outcome), detail); err != nil {
			return err
		}
		return w.note("sync", id)
	})
}

// Run stores a run.
func (w *EmergeLogWriter) Run(r emergelog.Run) {
	w.keep(func() error {
		id := runKey(w.host, r.ID)
		args, err := w.tx.textID(r.Args)
		if err != nil {
			return err
		}
		detail, err := w.runDetail(&r)
		if err != nil {
			return err
		}
		if err := w.runs.add(id, r.Started, r.Ended, r.LastSeen, args, int64(r.Action), int64(r.Outcome), int64(r.ExitStatus), detail); err != nil {
			return err
		}
		return w.note("run", id)
	})
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
func (w *EmergeLogWriter) Damages() ([]emergelog.Damage, int) { return w.damage, w.damaged }

// Close stores what is open as provisional, then the parser's state, and
// returns the first error.
func (w *EmergeLogWriter) Close(open emergelog.Open, state []byte, lastAt int64) error {
	// Their merges are open: by the time these are final, this writer is gone.
	for _, list := range w.replaced {
		for i := range list {
			w.keep(func() error { return w.unmerge(&list[i]) })
		}
	}
	w.replaced = nil
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
	for _, r := range open.Runs {
		w.Run(r)
	}
	w.keep(func() error {
		return errors.Join(w.merges.flush(), w.unmerges.flush(), w.syncs.flush(), w.runs.flush(), w.storeHistories())
	})
	w.keep(func() error {
		if w.indexed {
			return nil
		}
		for _, create := range factIndexes {
			if _, err := w.tx.exec(create); err != nil {
				return err
			}
		}
		return nil
	})
	w.keep(func() error {
		_, err := w.tx.exec(`INSERT INTO emerge_log (host, state, last_at) VALUES (?, ?, ?)
			ON CONFLICT (host) DO UPDATE SET state = excluded.state, last_at = excluded.last_at`, w.host, state, lastAt)
		return err
	})
	if w.err != nil {
		return fmt.Errorf("emerge.log: %w", w.err)
	}
	return nil
}
