package logs

import (
	"fmt"

	"emaudit/parse/atom"
	"emaudit/parse/emergelog"
	"emaudit/parse/emergelog/logline"
	"emaudit/store"
)

// EmergeLogWriter stores the records from the parser of emerge.log. A run comes after
// its facts, as the parser delivers them. After the first error the writer does nothing
// more; Close returns that error.
type EmergeLogWriter struct {
	tx   *store.Tx
	host store.HostID

	logTables
	// indexes are the statements that recreate the indexes dropped for a first
	// load.
	indexes []string
	err     error

	stored  int
	damage  []emergelog.Damage // the first maxDamage pieces, then the last one
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
		runs: table("run", "number", "started_at", "ended_at", "seen_at", "args", "action", "outcome", "exit_status",
			"merges", "merged", "unmerges", "syncs", "headless", "resumed", "unexplained_failure", "uncertain", "clock_stepped", "low_space",
			"log_part", "log_offset", "last_part", "last_offset", last),
		merges: table("merge", "run", "seq", "cp", "version", "slot", "root", "repo_path", "kind", "outcome",
			"started_at", "ended_at", "cleaning", "fetching", "compiling", "built", "merging", "autoclean",
			"list_position", "list_length", "binpkg", "build_id", "packaged", "in_world", "postinst_failed", "between_versions", "uncertain",
			"clock_stepped", "log_part", "log_offset", last),
		usages: table("merge_usage", "run", "seq", "cpu_ms", "memory_peak", "swap_peak", "read_bytes", "write_bytes"),
		unmerges: table("unmerge", "run", "seq", "cp", "version", "reason", "outcome", "merge", "started_at", "ended_at",
			"uncertain", "clock_stepped", "log_part", "log_offset", last),
		syncs: table("sync", "run", "seq", "repo", "location", "url", "outcome", "retries", "started_at", "ended_at",
			"uncertain", "clock_stepped", "log_part", "log_offset", last),
	}
}

// loggedPackage is a cpv in two columns.
type loggedPackage struct {
	cp      int64
	version string // "" if the cpv is invalid
}

// WriteEmergeLog begins to store records of a host's emerge.log, whose parts must
// be stored already. It deletes the rows that are not final. The source of a
// position is the number of a part.
func WriteEmergeLog(tx *store.Tx, host store.HostID) (*EmergeLogWriter, error) {
	w := &EmergeLogWriter{tx: tx, host: host, logTables: openTables(tx, host, 0)}
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

// measured returns the stored form of a number; -1 means unknown.
func measured(n int64) any {
	if n < 0 {
		return nil
	}
	return n
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
	name := logline.PackageOf(cpv)
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

// Merge stores a merge.
func (w *EmergeLogWriter) Merge(m *emergelog.Merge) {
	w.stored++
	p := w.pkg(m.CPV)
	var repo any
	if m.RepoPath != "" {
		repo = w.text(m.RepoPath)
	}
	step := func(at int64) any {
		if at == 0 {
			return nil
		}
		return at - m.Started
	}
	s := &m.Steps
	w.add(w.merges, m.Run, int64(m.Seq), p.cp, p.version, knownText(m.Slot), knownText(m.Root), repo, int64(m.Kind), int64(m.Outcome),
		known(m.Started), known(m.Finished), step(s.Cleaning), step(s.Fetching), step(s.Compiling), step(s.Built), step(s.Merging), step(s.Autoclean),
		int64(m.N), int64(m.Of), knownText(m.Binpkg), known(int64(m.BuildID)),
		bit(m.Packaged), bit(m.World), bit(m.PostinstFailed), bit(m.BetweenVersions), bit(m.Uncertain), bit(m.ClockStepped),
		int64(m.Begin.Source), m.Begin.Offset)
	if u := m.Usage; u != nil {
		w.add(w.usages, m.Run, int64(m.Seq), measured(u.CPUMillis), measured(u.MaxMem), measured(u.MaxSwap), measured(u.Read), measured(u.Written))
	}
}

// Unmerge stores a removal.
func (w *EmergeLogWriter) Unmerge(u *emergelog.Unmerge) {
	w.stored++
	p := w.pkg(u.CPV)
	w.add(w.unmerges, u.Run, int64(u.Seq), p.cp, p.version, int64(u.Reason), int64(u.Outcome), known(int64(u.Merge)),
		known(u.Started), known(u.Finished), bit(u.Uncertain), bit(u.ClockStepped), int64(u.Begin.Source), u.Begin.Offset)
}

// Sync stores a sync.
func (w *EmergeLogWriter) Sync(s *emergelog.Sync) {
	w.stored++
	w.add(w.syncs, s.Run, int64(s.Seq), w.text(s.Repo), w.text(s.Location), w.text(s.URL), int64(s.Outcome), int64(s.Retries),
		known(s.Started), known(s.Finished), bit(s.Uncertain), bit(s.ClockStepped), int64(s.Begin.Source), s.Begin.Offset)
}

// Run stores a run.
func (w *EmergeLogWriter) Run(r *emergelog.Run) {
	w.stored++
	w.add(w.runs, r.ID, r.Started, known(r.Ended), r.LastSeen, w.text(r.Args), int64(r.Action), int64(r.Outcome),
		measured(int64(r.ExitStatus)), int64(r.Merges), int64(r.Merged), int64(r.Unmerges), int64(r.Syncs),
		bit(r.Headless), bit(r.Resumed), bit(r.UnexplainedFailure), bit(r.Uncertain), bit(r.ClockStepped), knownText(r.LowSpace),
		int64(r.Begin.Source), r.Begin.Offset, int64(r.End.Source), r.End.Offset)
}

// maxDamage bounds the stored pieces of damage in one reading. A file that is not a
// log has one for each line.
const maxDamage = 1000

// Damage records a piece of damage; see Damages.
func (w *EmergeLogWriter) Damage(d emergelog.Damage) {
	if w.damaged++; len(w.damage) <= maxDamage {
		w.damage = append(w.damage, d)
	} else {
		w.damage[maxDamage] = d
	}
}

// Damages returns the first pieces of damage, the last one, and their total number.
func (w *EmergeLogWriter) Damages() (first []emergelog.Damage, last emergelog.Damage, all int) {
	if w.damaged <= maxDamage {
		return w.damage, last, w.damaged
	}
	return w.damage[:maxDamage], w.damage[maxDamage], w.damaged
}

// Stored returns the number of final records so far.
func (w *EmergeLogWriter) Stored() int { return w.stored }

// Close stores the open records, which the next writer replaces, and the state of
// the parser with the time of the last line in unix seconds.
func (w *EmergeLogWriter) Close(open emergelog.Open, state []byte, lastAt int64) error {
	stored := w.stored
	w.flush()
	w.logTables = openTables(w.tx, w.host, 1)
	for i := range open.Runs {
		w.Run(&open.Runs[i])
	}
	for i := range open.Merges {
		w.Merge(&open.Merges[i])
	}
	for i := range open.Unmerges {
		w.Unmerge(&open.Unmerges[i])
	}
	for i := range open.Syncs {
		w.Sync(&open.Syncs[i])
	}
	w.flush()
	w.stored = stored
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

// flush stores the pending rows of all tables.
func (w *EmergeLogWriter) flush() {
	for _, rows := range []*store.Bulk{w.runs, w.merges, w.usages, w.unmerges, w.syncs} {
		if w.err == nil {
			w.err = rows.Flush()
		}
	}
}
