package logs

import (
	"database/sql/driver"
	"errors"

	"emaudit/parse"
	"emaudit/parse/emergelog"
	"emaudit/store"
)

// columns returns the columns to read of a table.
func (l *EmergeLog) columns(brief, rest string) string {
	if l.brief {
		return brief
	}
	return brief + rest
}

const (
	briefRun  = "number, started_at, seen_at, outcome, merges, unmerges, syncs"
	restOfRun = `, ended_at, args, action, exit_status, merged, headless, resumed, unexplained_failure, uncertain, clock_stepped, low_space,
	log_part, log_offset, last_part, last_offset`
)

func (l *EmergeLog) readRun(v []driver.Value, r *Run) (err error) {
	n := func(i int) int64 { return store.Number(v[i], 0) }
	r.ID, r.Started, r.LastSeen, r.Merges, r.Unmerges, r.Syncs = n(0), n(1), n(2), int(n(4)), int(n(5)), int(n(6))
	if err := store.Code(v[3], &r.Outcome, emergelog.RunRunning); err != nil || l.brief {
		return err
	}
	v = v[7:]
	r.Ended, r.ExitStatus, r.Merged = n(0), int(store.Number(v[3], -1)), int(n(4))
	r.Headless, r.Resumed, r.UnexplainedFailure, r.Uncertain, r.ClockStepped = n(5) == 1, n(6) == 1, n(7) == 1, n(8) == 1, n(9) == 1
	r.LowSpace, r.BeganAt, r.LastAt = store.Text(v[10]), place(n(11), n(12)), place(n(13), n(14))
	if r.Args, err = l.texts.name(n(1)); err != nil {
		return err
	}
	return store.Code(v[2], &r.Action, emergelog.ActionOther)
}

// place returns the place in the whole log of an offset in a part.
func place(part, offset int64) int64 { return part*SegmentSpan + offset }

// joined returns the cpv of its two columns.
func joined(cp, version string) string {
	if version == "" {
		return cp
	}
	return cp + "-" + version
}

const (
	briefMerge  = "run, seq, cp, version, root, kind, outcome, started_at, ended_at, autoclean, postinst_failed, clock_stepped"
	restOfMerge = `, slot, repo_path, cleaning, fetching, compiling, built, merging, list_position, list_length, binpkg, build_id,
	packaged, in_world, between_versions, uncertain, log_part, log_offset`
)

func (l *EmergeLog) readMerge(v []driver.Value, m *Merge) (err error) {
	n := func(i int) int64 { return store.Number(v[i], 0) }
	step := func(i int) int64 {
		if after, ok := v[i].(int64); ok {
			return m.Started + after
		}
		return 0
	}
	m.Run, m.Seq, m.Root, m.Started, m.Finished = n(0), int(n(1)), store.Text(v[4]), n(7), n(8)
	m.Steps.Autoclean, m.PostinstFailed, m.ClockStepped = step(9), n(10) == 1, n(11) == 1
	if m.CP, err = l.cps.name(n(2)); err != nil {
		return err
	}
	m.CPV = joined(m.CP, store.Text(v[3]))
	if err := errors.Join(store.Code(v[5], &m.Kind, emergelog.KindBinary), store.Code(v[6], &m.Outcome, emergelog.MergeRunning)); err != nil || l.brief {
		return err
	}
	v = v[12:]
	s := &m.Steps
	m.Slot, s.Cleaning, s.Fetching, s.Compiling, s.Built, s.Merging = store.Text(v[0]), step(2), step(3), step(4), step(5), step(6)
	m.N, m.Of, m.Binpkg, m.BuildID = int(n(7)), int(n(8)), store.Text(v[9]), int(n(10))
	m.Packaged, m.World, m.BetweenVersions, m.Uncertain, m.BeganAt = n(11) == 1, n(12) == 1, n(13) == 1, n(14) == 1, place(n(15), n(16))
	if repo := n(1); repo != 0 {
		m.RepoPath, err = l.texts.name(repo)
	}
	return err
}

const (
	briefUnmerge  = "run, seq, cp, version, reason, outcome, merge, started_at, ended_at, clock_stepped"
	restOfUnmerge = ", uncertain, log_part, log_offset"
)

func (l *EmergeLog) readUnmerge(v []driver.Value, u *Unmerge) (err error) {
	n := func(i int) int64 { return store.Number(v[i], 0) }
	u.Run, u.Seq, u.Merge, u.Started, u.Finished, u.ClockStepped = n(0), int(n(1)), int(n(6)), n(7), n(8), n(9) == 1
	if !l.brief {
		u.Uncertain, u.BeganAt = n(10) == 1, place(n(11), n(12))
	}
	if u.CP, err = l.cps.name(n(2)); err != nil {
		return err
	}
	u.CPV = joined(u.CP, store.Text(v[3]))
	return errors.Join(store.Code(v[4], &u.Reason, emergelog.UnmergeBlocker), store.Code(v[5], &u.Outcome, emergelog.UnmergeRunning))
}

const (
	briefSync  = "run, seq, repo, outcome, started_at, ended_at, clock_stepped"
	restOfSync = ", location, url, retries, uncertain, log_part, log_offset"
)

func (l *EmergeLog) readSync(v []driver.Value, s *Sync) (err error) {
	n := func(i int) int64 { return store.Number(v[i], 0) }
	s.Run, s.Seq, s.Started, s.Finished, s.ClockStepped = n(0), int(n(1)), n(4), n(5), n(6) == 1
	if s.Repo, err = l.texts.name(n(2)); err != nil {
		return err
	}
	if err := store.Code(v[3], &s.Outcome, emergelog.SyncRunning); err != nil || l.brief {
		return err
	}
	s.Retries, s.Uncertain, s.BeganAt = int(n(9)), n(10) == 1, place(n(11), n(12))
	if s.Location, err = l.texts.name(n(7)); err != nil {
		return err
	}
	s.URL, err = l.texts.name(n(8))
	return err
}

// storedUsage is the measured usage of a merge.
type storedUsage struct {
	parse.Usage
	run int64
	seq int
}

const usageColumns = "run, seq, cpu_ms, memory_peak, swap_peak, read_bytes, write_bytes"

func (l *EmergeLog) readUsage(v []driver.Value, u *storedUsage) error {
	u.run, u.seq = store.Number(v[0], 0), int(store.Number(v[1], 0))
	u.CPUMillis, u.MaxMem, u.MaxSwap, u.Read, u.Written = store.Number(v[2], -1), store.Number(v[3], -1), store.Number(v[4], -1), store.Number(v[5], -1), store.Number(v[6], -1)
	return nil
}

// nameCache resolves the numbers of a dictionary. It looks up single numbers until
// reading the whole table is faster.
type nameCache struct {
	tx    *store.Tx
	table string
	scope string // as of [store.Tx.NamesOf]
	names map[int64]string
	dense []string // the names of small numbers, when the whole table was read
	asked int
}

// wholeNamesAfter is the number of look-ups after which the whole table is read.
const wholeNamesAfter = 64

// maxDense bounds the numbers of dense. Those of a fleet are larger.
const maxDense = 1 << 16

func (c *nameCache) name(id int64) (string, error) {
	if name, ok := c.known(id); ok {
		return name, nil
	}
	return c.find(id)
}

func (c *nameCache) known(id int64) (name string, ok bool) {
	if 0 <= id && id < int64(len(c.dense)) && c.dense[id] != "" {
		return c.dense[id], true
	}
	name, ok = c.names[id]
	return name, ok
}

// find looks up a name that was not needed before.
func (c *nameCache) find(id int64) (name string, err error) {
	if c.names == nil {
		c.names = map[int64]string{}
	}
	if c.asked++; c.asked == wholeNamesAfter {
		err := c.tx.RawQuery(func(v []driver.Value) error {
			id, name := store.Number(v[0], 0), store.Text(v[1])
			if id >= maxDense {
				c.names[id] = name
				return nil
			}
			c.dense = append(c.dense, make([]string, id+1-int64(len(c.dense)))...)
			c.dense[id] = name
			return nil
		}, "SELECT id, value FROM "+c.table+" WHERE id > 0"+c.scope+" ORDER BY id")
		if name, ok := c.known(id); ok || err != nil {
			return name, err
		}
	}
	err = c.tx.QueryRow("SELECT value FROM "+c.table+" WHERE id = ?", id).Scan(&name)
	c.names[id] = name
	return name, err
}
