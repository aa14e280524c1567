package store

import (
	"database/sql"
	"encoding/binary"

	"emaudit/parse/emergelog"
)

// SyncHistory is the sum of the final syncs of a repository.
type SyncHistory struct {
	Repo            string
	Syncs, Failures int
	// FirstAt and LastAt are the times of syncs that succeeded, unix seconds.
	FirstAt, LastAt int64
	Durations       []int64 // seconds, oldest first

	packed []byte
}

// Add adds a sync.
func (h *SyncHistory) Add(s *emergelog.Sync) {
	switch s.Outcome {
	case emergelog.SyncOK:
		h.Syncs++
		at := max(s.Finished, s.Started)
		if h.FirstAt == 0 || at < h.FirstAt {
			h.FirstAt = at
		}
		h.LastAt = max(h.LastAt, at)
		if seconds, ok := s.Duration(); ok {
			h.Durations = append(h.Durations, seconds)
			h.packed = binary.AppendVarint(h.packed, seconds)
		}
	case emergelog.SyncFailed:
		h.Failures++
	}
}

// RunHistory is the sum of the final runs with one action.
type RunHistory struct {
	Action                               emergelog.Action
	Runs, Succeeded, Failed, Interrupted int
	Seconds                              int64
	FirstAt, LastAt                      int64 // unix seconds
}

// Add adds a run.
func (h *RunHistory) Add(r *emergelog.Run) {
	h.Runs++
	if h.FirstAt == 0 || r.Started < h.FirstAt {
		h.FirstAt = r.Started
	}
	h.LastAt = max(h.LastAt, r.Started)
	switch r.Outcome {
	case emergelog.RunSuccess:
		h.Succeeded++
	case emergelog.RunFailure:
		h.Failed++
	case emergelog.RunDeclined, emergelog.RunInterrupted, emergelog.RunKilled:
		h.Interrupted++
	}
	if seconds, ok := r.Duration(); ok {
		h.Seconds += seconds
	}
}

// SyncHistories returns the sums of a host's syncs, by repository.
func (l *EmergeLog) SyncHistories() ([]SyncHistory, error) {
	var all []SyncHistory
	err := l.tx.query(func(rows *sql.Rows) error {
		var h SyncHistory
		err := rows.Scan(&h.Repo, &h.Syncs, &h.Failures, &h.FirstAt, &h.LastAt, &h.packed)
		h.Durations = unpackNumbers(h.packed)
		all = append(all, h)
		return err
	}, "SELECT repo, syncs, failures, first_at, last_at, durations FROM sync_history WHERE host = ? ORDER BY repo", l.host)
	return all, err
}

// RunHistories returns the sums of a host's runs, by action.
func (l *EmergeLog) RunHistories() ([]RunHistory, error) {
	var all []RunHistory
	err := l.tx.query(func(rows *sql.Rows) error {
		var h RunHistory
		var action int64
		err := rows.Scan(&action, &h.Runs, &h.Succeeded, &h.Failed, &h.Interrupted, &h.Seconds, &h.FirstAt, &h.LastAt)
		h.Action = emergelog.Action(action)
		all = append(all, h)
		return err
	}, "SELECT action, runs, succeeded, failed, interrupted, seconds, first_at, last_at FROM run_history WHERE host = ? ORDER BY action", l.host)
	return all, err
}

// loadSums reads the sums that the writer adds to.
func (w *EmergeLogWriter) loadSums() error {
	w.syncSums, w.runSums = map[string]*SyncHistory{}, map[emergelog.Action]*RunHistory{}
	log := w.tx.EmergeLog(w.host)
	syncs, err := log.SyncHistories()
	if err != nil {
		return err
	}
	for i := range syncs {
		w.syncSums[syncs[i].Repo] = &syncs[i]
	}
	runs, err := log.RunHistories()
	for i := range runs {
		w.runSums[runs[i].Action] = &runs[i]
	}
	return err
}

func (w *EmergeLogWriter) sumSync(s *emergelog.Sync) {
	h := w.syncSums[s.Repo]
	if h == nil {
		h = &SyncHistory{Repo: s.Repo, packed: []byte{}}
		w.syncSums[s.Repo] = h
	}
	h.Add(s)
}

func (w *EmergeLogWriter) sumRun(r *emergelog.Run) {
	h := w.runSums[r.Action]
	if h == nil {
		h = &RunHistory{Action: r.Action}
		w.runSums[r.Action] = h
	}
	h.Add(r)
}

func (w *EmergeLogWriter) storeSums() error {
	for _, h := range w.syncSums {
		_, err := w.tx.exec(`INSERT INTO sync_history (host, repo, syncs, failures, first_at, last_at, durations) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (host, repo) DO UPDATE SET syncs = excluded.syncs, failures = excluded.failures, first_at = excluded.first_at,
				last_at = excluded.last_at, durations = excluded.durations`,
			w.host, h.Repo, h.Syncs, h.Failures, h.FirstAt, h.LastAt, h.packed)
		if err != nil {
			return err
		}
	}
	for _, h := range w.runSums {
		_, err := w.tx.exec(`INSERT INTO run_history (host, action, runs, succeeded, failed, interrupted, seconds, first_at, last_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (host, action) DO UPDATE SET runs = excluded.runs, succeeded = excluded.succeeded, failed = excluded.failed,
				interrupted = excluded.interrupted, seconds = excluded.seconds, first_at = excluded.first_at, last_at = excluded.last_at`,
			w.host, int64(h.Action), h.Runs, h.Succeeded, h.Failed, h.Interrupted, h.Seconds, h.FirstAt, h.LastAt)
		if err != nil {
			return err
		}
	}
	return nil
}
