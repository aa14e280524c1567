package logs

import (
	"fmt"

	"emaudit/parse/atom"
	"emaudit/parse/emergelog"
	"emaudit/store"
)

// EmergeLogWriter stores the records from the parser of emerge.log. It implements
// [emergelog.Sink]. After the first error it does nothing more; Close returns that
// error.
type EmergeLogWriter struct {
	tx   *store.Tx
	host store.HostID

	runs, merges, usages, unmerges, syncs *store.Bulk
	// packages caches the last packages by cpv, because a run repeats few names.
	packages map[string]loggedPackage
	// indexes are the statements that recreate the indexes dropped for a first
	// load.
	indexes []string
	// open is set while records that are not final are stored.
	open bool
	err  error

	stored  int
	damage  []emergelog.Damage
	damaged int
}

// loggedPackage is a cpv in two columns.
type loggedPackage struct {
	cp      int64
	version string // "" if the cpv is invalid
}

// maxLoggedPackages bounds the cached cpvs.
const maxLoggedPackages = 1 << 14

// WriteEmergeLog begins to store records of a host's emerge.log, whose parts must
// be stored already. It deletes the rows that are not final. The source of a
// position is the number of a part.
func WriteEmergeLog(tx *store.Tx, host store.HostID) (*EmergeLogWriter, error) {
	w := &EmergeLogWriter{
		tx: tx, host: host, packages: map[string]loggedPackage{},
		runs: tx.Bulk("run", "host", "number", "started_at", "ended_at", "seen_at", "seconds", "args", "action", "outcome", "exit_status",
			"merges", "merged", "unmerges", "syncs", "headless", "resumed", "unexplained_failure", "uncertain", "clock_stepped", "low_space",
			"log_part", "log_offset", "last_part", "last_offset", "open"),
		merges: tx.Bulk("merge", "host", "run", "seq", "cp", "version", "slot", "root", "repo_path", "kind", "outcome",
			"started_at", "finished_at", "seconds", "cleaning_at", "fetching_at", "compiling_at", "built_at", "merging_at", "autoclean_at",
			"list_position", "list_length", "binpkg", "build_id", "packaged", "in_world", "postinst_failed", "between_versions", "uncertain",
			"clock_stepped", "log_part", "log_offset", "open"),
		usages: tx.Bulk("merge_usage", "host", "run", "seq", "cpu_ms", "memory_peak", "swap_peak", "read_bytes", "write_bytes"),
		unmerges: tx.Bulk("unmerge", "host", "run", "seq", "cp", "version", "reason", "outcome", "merge", "started_at", "finished_at", "seconds",
			"uncertain", "clock_stepped", "log_part", "log_offset", "open"),
		syncs: tx.Bulk("sync", "host", "run", "seq", "repo", "location", "url", "outcome", "retries", "started_at", "finished_at", "seconds",
			"uncertain", "clock_stepped", "log_part", "log_offset", "open"),
	}
	if err := forgetOpen(tx, host); err != nil {
		return nil, fmt.Errorf("emerge.log: %w", err)
	}
	var err error
	if w.indexes, err = tx.DropIndexesOfEmpty("merge", "unmerge", "run"); err != nil {
		return nil, fmt.Errorf("emerge.log: %w", err)
	}
	return w, nil
}

// forgetOpen deletes the rows that are not final. Final facts of an open run
// remain; the run itself is delivered again before the transaction ends.
func forgetOpen(tx *store.Tx, host store.HostID) error {
	const openRuns = "SELECT number FROM run WHERE host = ? AND open = 1"
	for _, statement := range []string{
		"DELETE FROM merge_usage WHERE host = ? AND run IN (" + openRuns + ") AND EXISTS (SELECT 1 FROM merge m WHERE m.host = merge_usage.host AND m.run = merge_usage.run AND m.seq = merge_usage.seq AND m.open = 1)",
		"DELETE FROM merge WHERE host = ? AND run IN (" + openRuns + ") AND open = 1",
		"DELETE FROM unmerge WHERE host = ? AND run IN (" + openRuns + ") AND open = 1",
		"DELETE FROM sync WHERE host = ? AND run IN (" + openRuns + ") AND open = 1",
	} {
		if _, err := tx.Exec(statement, host, host); err != nil {
			return err
		}
	}
	_, err := tx.Exec("DELETE FROM run WHERE host = ? AND open = 1", host)
	return err
}

// ForgetEmergeLog deletes all facts of a host's emerge.log, before it is read again
// from its oldest file.
func ForgetEmergeLog(tx *store.Tx, host store.HostID) error {
	for _, table := range []string{"merge_usage", "merge", "unmerge", "sync", "run", "emerge_log_part", "emerge_log"} {
		if _, err := tx.Exec("DELETE FROM "+table+" WHERE host = ?", host); err != nil {
			return fmt.Errorf("emerge.log: %w", err)
		}
	}
	return nil
}

// known returns the stored form of a number: NULL for 0, which means unknown.
func known(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// knownText is like [known] for text.
func knownText(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// took returns the stored form of a duration.
func took(seconds int64, ok bool) any {
	if !ok {
		return nil
	}
	return seconds
}

func bit(b bool) any {
	if b {
		return int64(1)
	}
	return int64(0)
}

// pkg returns a cpv in two columns.
func (w *EmergeLogWriter) pkg(cpv string) loggedPackage {
	p, ok := w.packages[cpv]
	if ok || w.err != nil {
		return p
	}
	// Old logs have versions that Portage no longer accepts.
	name := emergelog.PackageOf(cpv)
	if c, err := atom.ParseCPV(cpv); err == nil {
		name = c.CP()
	}
	if name != cpv {
		p.version = cpv[len(name)+1:]
	}
	if p.cp, w.err = w.tx.CPID(name); w.err != nil {
		return p
	}
	if len(w.packages) >= maxLoggedPackages {
		clear(w.packages)
	}
	w.packages[cpv] = p
	return p
}

// add adds a row.
func (w *EmergeLogWriter) add(rows *store.Bulk, values ...any) {
	if w.err != nil {
		return
	}
	w.err = rows.Add(values...)
	if !w.open {
		w.stored++
	}
}

// Merge stores a merge.
func (w *EmergeLogWriter) Merge(m emergelog.Merge) {
	p := w.pkg(m.CPV)
	var repo any
	if m.RepoPath != "" && w.err == nil {
		repo, w.err = w.tx.TextID(m.RepoPath)
	}
	s := &m.Steps
	w.add(w.merges, int64(w.host), m.Run, int64(m.Seq), p.cp, p.version, knownText(m.Slot), knownText(m.Root), repo, m.Kind.String(), m.Outcome.String(),
		known(m.Started), known(m.Finished), took(m.Duration()), known(s.Cleaning), known(s.Fetching), known(s.Compiling), known(s.Built),
		known(s.Merging), known(s.Autoclean), int64(m.N), int64(m.Of), knownText(m.Binpkg), known(int64(m.BuildID)),
		bit(m.Packaged), bit(m.World), bit(m.PostinstFailed), bit(m.BetweenVersions), bit(m.Uncertain), bit(m.ClockStepped),
		int64(m.Begin.Source), m.Begin.Offset, bit(w.open))
	if u := m.Usage; u != nil && w.err == nil {
		measured := func(n int64) any { return took(n, n >= 0) }
		w.err = w.usages.Add(int64(w.host), m.Run, int64(m.Seq), measured(u.CPUMillis), measured(u.MaxMem), measured(u.MaxSwap), measured(u.Read), measured(u.Written))
	}
}

// Unmerge stores a removal.
func (w *EmergeLogWriter) Unmerge(u emergelog.Unmerge) {
	p := w.pkg(u.CPV)
	w.add(w.unmerges, int64(w.host), u.Run, int64(u.Seq), p.cp, p.version, u.Reason.String(), u.Outcome.String(), known(int64(u.Merge)),
		known(u.Started), known(u.Finished), took(u.Duration()), bit(u.Uncertain), bit(u.ClockStepped), int64(u.Begin.Source), u.Begin.Offset, bit(w.open))
}

// Sync stores a sync.
func (w *EmergeLogWriter) Sync(s emergelog.Sync) {
	w.add(w.syncs, int64(w.host), s.Run, int64(s.Seq), s.Repo, s.Location, s.URL, s.Outcome.String(), int64(s.Retries),
		known(s.Started), known(s.Finished), took(s.Duration()), bit(s.Uncertain), bit(s.ClockStepped), int64(s.Begin.Source), s.Begin.Offset, bit(w.open))
}

// Run stores a run.
func (w *EmergeLogWriter) Run(r emergelog.Run) {
	w.add(w.runs, int64(w.host), r.ID, r.Started, known(r.Ended), r.LastSeen, took(r.Duration()), r.Args, r.Action.String(), r.Outcome.String(),
		took(int64(r.ExitStatus), r.ExitStatus >= 0), int64(r.Merges), int64(r.Merged), int64(r.Unmerges), int64(r.Syncs),
		bit(r.Headless), bit(r.Resumed), bit(r.UnexplainedFailure), bit(r.Uncertain), bit(r.ClockStepped), knownText(r.LowSpace),
		int64(r.Begin.Source), r.Begin.Offset, int64(r.End.Source), r.End.Offset, bit(w.open))
}

// maxDamage bounds the stored pieces of damage in one reading. A file that is not a
// log has one for each line.
const maxDamage = 1000

// Damage records a piece of damage; see Damages.
func (w *EmergeLogWriter) Damage(d emergelog.Damage) {
	if w.damaged++; len(w.damage) < maxDamage {
		w.damage = append(w.damage, d)
	}
}

// Damages returns the first pieces of damage and their total number.
func (w *EmergeLogWriter) Damages() (first []emergelog.Damage, all int) { return w.damage, w.damaged }

// Stored returns the number of final records so far.
func (w *EmergeLogWriter) Stored() int { return w.stored }

// Err returns the first error.
func (w *EmergeLogWriter) Err() error { return w.err }

// Close stores the open records, which the next writer replaces, and the state of
// the parser with the time of the last line in unix seconds.
func (w *EmergeLogWriter) Close(open emergelog.Open, state []byte, lastAt int64) error {
	w.open = true
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
	for _, rows := range []*store.Bulk{w.runs, w.merges, w.usages, w.unmerges, w.syncs} {
		if w.err == nil {
			w.err = rows.Flush()
		}
	}
	for _, index := range w.indexes {
		if w.err == nil {
			_, w.err = w.tx.Exec(index)
		}
	}
	if w.err == nil {
		_, w.err = w.tx.Exec("INSERT INTO emerge_log (host, state, last_at) VALUES (?, ?, ?) ON CONFLICT (host) DO UPDATE SET state = excluded.state, last_at = excluded.last_at",
			w.host, state, lastAt)
	}
	if w.err != nil {
		return fmt.Errorf("emerge.log: %w", w.err)
	}
	return nil
}
