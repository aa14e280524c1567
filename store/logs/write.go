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

	logTables
	// waiting has the facts of runs that were not delivered yet, by run, and held is
	// their number. ended has the facts of the runs in the pending batch of runs.
	waiting map[int64]*runFacts
	held    int
	ended   []*runFacts
	spare   []*runFacts
	// indexes are the statements that recreate the indexes dropped for a first
	// load.
	indexes []string
	err     error

	stored  int
	damage  []emergelog.Damage
	damaged int
}

// logTables are the tables of emerge.log.
type logTables struct {
	runs, merges, usages, unmerges, syncs *store.Bulk
}

// openTables returns the tables for the rows that are final, or for those that are
// not.
func openTables(tx *store.Tx, host store.HostID, open int) logTables {
	table := func(name string, columns ...string) *store.Bulk {
		return tx.Bulk(name, append(columns, fmt.Sprintf("host = %d", host))...)
	}
	last := fmt.Sprintf("open = %d", open)
	return logTables{
		runs: table("run", "number", "started_at", "ended_at", "seen_at", "seconds", "args", "action", "outcome", "exit_status",
			"merges", "merged", "unmerges", "syncs", "headless", "resumed", "unexplained_failure", "uncertain", "clock_stepped", "low_space",
			"log_part", "log_offset", "last_part", "last_offset", last),
		merges: table("merge", "run", "seq", "cp", "version", "slot", "root", "repo_path", "kind", "outcome",
			"started_at", "finished_at", "seconds", "cleaning_at", "fetching_at", "compiling_at", "built_at", "merging_at", "autoclean_at",
			"list_position", "list_length", "binpkg", "build_id", "packaged", "in_world", "postinst_failed", "between_versions", "uncertain",
			"clock_stepped", "log_part", "log_offset", last),
		usages: table("merge_usage", "run", "seq", "cpu_ms", "memory_peak", "swap_peak", "read_bytes", "write_bytes"),
		unmerges: table("unmerge", "run", "seq", "cp", "version", "reason", "outcome", "merge", "started_at", "finished_at", "seconds",
			"uncertain", "clock_stepped", "log_part", "log_offset", last),
		syncs: table("sync", "run", "seq", "repo", "location", "url", "outcome", "retries", "started_at", "finished_at", "seconds",
			"uncertain", "clock_stepped", "log_part", "log_offset", last),
	}
}

// runFacts are the facts of one run.
type runFacts struct {
	merges   []emergelog.Merge
	unmerges []emergelog.Unmerge
	syncs    []emergelog.Sync
}

func (f *runFacts) empty() {
	f.merges, f.unmerges, f.syncs = f.merges[:0], f.unmerges[:0], f.syncs[:0]
}

// maxHeld bounds the facts that wait for their run.
const maxHeld = 1 << 13

// loggedPackage is a cpv in two columns.
type loggedPackage struct {
	cp      int64
	version string // "" if the cpv is invalid
}

// WriteEmergeLog begins to store records of a host's emerge.log, whose parts must
// be stored already. It deletes the rows that are not final. The source of a
// position is the number of a part.
func WriteEmergeLog(tx *store.Tx, host store.HostID) (*EmergeLogWriter, error) {
	w := &EmergeLogWriter{tx: tx, host: host, logTables: openTables(tx, host, 0), waiting: map[int64]*runFacts{}}
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
func (w *EmergeLogWriter) pkg(cpv string) (p loggedPackage) {
	// Old logs have versions that Portage no longer accepts.
	name := emergelog.PackageOf(cpv)
	if name == cpv {
		if c, err := atom.ParseCPV(cpv); err == nil {
			name = c.CP()
		}
	}
	if name != cpv {
		p.version = cpv[len(name)+1:]
	}
	if w.err == nil {
		p.cp, w.err = w.tx.CPID(name)
	}
	return p
}

// text returns the number of a text.
func (w *EmergeLogWriter) text(value string) (id int64) {
	if w.err == nil {
		id, w.err = w.tx.TextID(value)
	}
	return id
}

// add adds a row.
func (w *EmergeLogWriter) add(rows *store.Bulk, values ...any) {
	if w.err == nil {
		w.err = rows.Add(values...)
	}
}

// The facts of a run are delivered before the run. They are stored after it, because
// SQLite would otherwise count each as a violation of its foreign key, and look for
// the facts of each run that is stored: a tenth of a first ingest.

// facts returns the facts of a run that was not delivered yet, to add one.
func (w *EmergeLogWriter) facts(run int64) *runFacts {
	w.stored++
	if w.held++; w.held > maxHeld {
		// The keys are checked at the end of the transaction.
		for _, f := range w.waiting {
			w.storeFacts(f)
			f.empty()
		}
		w.held = 1
	}
	f := w.waiting[run]
	if f == nil {
		if last := len(w.spare) - 1; last >= 0 {
			f, w.spare = w.spare[last], w.spare[:last]
		} else {
			f = &runFacts{}
		}
		w.waiting[run] = f
	}
	return f
}

// Merge stores a merge.
func (w *EmergeLogWriter) Merge(m emergelog.Merge) {
	f := w.facts(m.Run)
	f.merges = append(f.merges, m)
}

// Unmerge stores a removal.
func (w *EmergeLogWriter) Unmerge(u emergelog.Unmerge) {
	f := w.facts(u.Run)
	f.unmerges = append(f.unmerges, u)
}

// Sync stores a sync.
func (w *EmergeLogWriter) Sync(s emergelog.Sync) {
	f := w.facts(s.Run)
	f.syncs = append(f.syncs, s)
}

// Run stores a run.
func (w *EmergeLogWriter) Run(r emergelog.Run) {
	w.stored++
	w.storeRun(&r)
	if f := w.waiting[r.ID]; f != nil {
		delete(w.waiting, r.ID)
		w.held -= len(f.merges) + len(f.unmerges) + len(f.syncs)
		w.ended = append(w.ended, f)
	}
	if w.runs.Pending() == 0 {
		w.storeEnded()
	}
}

// storeEnded stores the facts of the runs that were just stored.
func (w *EmergeLogWriter) storeEnded() {
	for _, f := range w.ended {
		w.storeFacts(f)
		f.empty()
		w.spare = append(w.spare, f)
	}
	w.ended = w.ended[:0]
}

func (w *EmergeLogWriter) storeFacts(f *runFacts) {
	for i := range f.merges {
		w.storeMerge(&f.merges[i])
	}
	for i := range f.unmerges {
		w.storeUnmerge(&f.unmerges[i])
	}
	for i := range f.syncs {
		w.storeSync(&f.syncs[i])
	}
}

func (w *EmergeLogWriter) storeMerge(m *emergelog.Merge) {
	p := w.pkg(m.CPV)
	var repo any
	if m.RepoPath != "" {
		repo = w.text(m.RepoPath)
	}
	s := &m.Steps
	w.add(w.merges, m.Run, int64(m.Seq), p.cp, p.version, knownText(m.Slot), knownText(m.Root), repo, m.Kind.String(), m.Outcome.String(),
		known(m.Started), known(m.Finished), took(m.Duration()), known(s.Cleaning), known(s.Fetching), known(s.Compiling), known(s.Built),
		known(s.Merging), known(s.Autoclean), int64(m.N), int64(m.Of), knownText(m.Binpkg), known(int64(m.BuildID)),
		bit(m.Packaged), bit(m.World), bit(m.PostinstFailed), bit(m.BetweenVersions), bit(m.Uncertain), bit(m.ClockStepped),
		int64(m.Begin.Source), m.Begin.Offset)
	if u := m.Usage; u != nil {
		measured := func(n int64) any { return took(n, n >= 0) }
		w.add(w.usages, m.Run, int64(m.Seq), measured(u.CPUMillis), measured(u.MaxMem), measured(u.MaxSwap), measured(u.Read), measured(u.Written))
	}
}

func (w *EmergeLogWriter) storeUnmerge(u *emergelog.Unmerge) {
	p := w.pkg(u.CPV)
	w.add(w.unmerges, u.Run, int64(u.Seq), p.cp, p.version, u.Reason.String(), u.Outcome.String(), known(int64(u.Merge)),
		known(u.Started), known(u.Finished), took(u.Duration()), bit(u.Uncertain), bit(u.ClockStepped), int64(u.Begin.Source), u.Begin.Offset)
}

func (w *EmergeLogWriter) storeSync(s *emergelog.Sync) {
	w.add(w.syncs, s.Run, int64(s.Seq), w.text(s.Repo), w.text(s.Location), w.text(s.URL), s.Outcome.String(), int64(s.Retries),
		known(s.Started), known(s.Finished), took(s.Duration()), bit(s.Uncertain), bit(s.ClockStepped), int64(s.Begin.Source), s.Begin.Offset)
}

func (w *EmergeLogWriter) storeRun(r *emergelog.Run) {
	w.add(w.runs, r.ID, r.Started, known(r.Ended), r.LastSeen, took(r.Duration()), w.text(r.Args), r.Action.String(), r.Outcome.String(),
		took(int64(r.ExitStatus), r.ExitStatus >= 0), int64(r.Merges), int64(r.Merged), int64(r.Unmerges), int64(r.Syncs),
		bit(r.Headless), bit(r.Resumed), bit(r.UnexplainedFailure), bit(r.Uncertain), bit(r.ClockStepped), knownText(r.LowSpace),
		int64(r.Begin.Source), r.Begin.Offset, int64(r.End.Source), r.End.Offset)
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
	final := w.logTables
	w.flush(final.runs)
	w.storeEnded()
	w.logTables = openTables(w.tx, w.host, 1)
	for i := range open.Runs {
		w.storeRun(&open.Runs[i])
	}
	w.flush(w.runs)
	w.storeFacts(&runFacts{open.Merges, open.Unmerges, open.Syncs})
	w.flush(w.merges, w.usages, w.unmerges, w.syncs)
	w.logTables = final
	for _, f := range w.waiting { // of open runs
		w.storeFacts(f)
	}
	w.flush(w.merges, w.usages, w.unmerges, w.syncs)
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

// flush stores the pending rows of tables.
func (w *EmergeLogWriter) flush(tables ...*store.Bulk) {
	for _, rows := range tables {
		if w.err == nil {
			w.err = rows.Flush()
		}
	}
}
