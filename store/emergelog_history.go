package store

import (
	"database/sql"
	"encoding/binary"

	"emaudit/parse/atom"
	"emaudit/parse/emergelog"
)

// history is one row of package_history.
type history struct {
	unmerges, failures, untimed, binaryUntimed int64
	firstAt, lastAt                            int64
	durations, binaryDurations                 []byte
}

// countMerge adds a final merge, and the removals that it stands for, to the
// history of its package.
func (w *EmergeLogWriter) countMerge(m *emergelog.Merge, replaced int) error {
	h, err := w.history(m.CPV)
	if err != nil {
		return err
	}
	// What a merge replaces is of its own package.
	h.unmerges += int64(replaced)
	switch m.Outcome {
	case emergelog.MergeFailed:
		h.failures++
	case emergelog.MergeMerged:
		at := max(m.Finished, m.Started)
		if h.firstAt == 0 || at < h.firstAt {
			h.firstAt = at
		}
		h.lastAt = max(h.lastAt, at)
		durations, untimed := &h.durations, &h.untimed
		if m.Kind == emergelog.KindBinary {
			durations, untimed = &h.binaryDurations, &h.binaryUntimed
		}
		if seconds, ok := m.Duration(); ok {
			*durations = binary.AppendUvarint(*durations, uint64(seconds))
		} else {
			*untimed++
		}
	}
	return nil
}

// history returns the history of the package of a cpv, to be changed.
func (w *EmergeLogWriter) history(cpv string) (*history, error) {
	name := cpv
	if c, err := atom.ParseCPV(cpv); err == nil {
		name = c.CP()
	}
	cp, err := w.tx.cpID(name)
	if err != nil {
		return nil, err
	}
	if h := w.histories[cp]; h != nil {
		return h, nil
	}
	h := new(history)
	if w.indexed {
		_, err = noRow(w.tx.queryRow(`SELECT unmerges, failures, first_at, last_at, untimed, binary_untimed, durations, binary_durations
			FROM package_history WHERE host = ? AND cp = ?`, w.host, cp).Scan(&h.unmerges, &h.failures, &h.firstAt, &h.lastAt,
			&h.untimed, &h.binaryUntimed, &h.durations, &h.binaryDurations))
		if err != nil {
			return nil, err
		}
	}
	w.histories[cp] = h
	return h, nil
}

func (w *EmergeLogWriter) storeHistories() error {
	for cp, h := range w.histories {
		if h.durations == nil {
			h.durations = []byte{}
		}
		if h.binaryDurations == nil {
			h.binaryDurations = []byte{}
		}
		_, err := w.tx.exec(`INSERT INTO package_history
			(host, cp, unmerges, failures, first_at, last_at, untimed, binary_untimed, durations, binary_durations)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (host, cp) DO UPDATE SET unmerges = excluded.unmerges, failures = excluded.failures, first_at = excluded.first_at,
				last_at = excluded.last_at, untimed = excluded.untimed, binary_untimed = excluded.binary_untimed,
				durations = excluded.durations, binary_durations = excluded.binary_durations`,
			w.host, cp, h.unmerges, h.failures, h.firstAt, h.lastAt, h.untimed, h.binaryUntimed, h.durations, h.binaryDurations)
		if err != nil {
			return err
		}
	}
	return nil
}

// PackageHistory is the sum of a package's final merges and unmerges.
type PackageHistory struct {
	CP                 string
	Unmerges, Failures int
	// FirstAt and LastAt are the times of completed merges, unix seconds, 0
	// where there is none.
	FirstAt, LastAt int64
	// Durations and BinaryDurations are the seconds of completed merges, oldest
	// first; Untimed and BinaryUntimed count those whose duration is unknown.
	Durations, BinaryDurations []int64
	Untimed, BinaryUntimed     int
}

// Histories calls each for every package that the log names, in the order of
// their names.
func (l *EmergeLog) Histories(each func(PackageHistory) error) error {
	return l.tx.query(func(rows *sql.Rows) error {
		var h PackageHistory
		var durations, binaryDurations sql.RawBytes
		if err := rows.Scan(&h.CP, &h.Unmerges, &h.Failures, &h.FirstAt, &h.LastAt, &h.Untimed, &h.BinaryUntimed, &durations, &binaryDurations); err != nil {
			return err
		}
		h.Durations, h.BinaryDurations = unpackDurations(durations), unpackDurations(binaryDurations)
		return each(h)
	}, `SELECT cp.value, h.unmerges, h.failures, h.first_at, h.last_at, h.untimed, h.binary_untimed, h.durations, h.binary_durations
		FROM package_history h JOIN cp ON cp.id = h.cp WHERE h.host = ? ORDER BY cp.value`, l.host)
}

func unpackDurations(packed []byte) []int64 {
	var list []int64
	for len(packed) > 0 {
		seconds, n := binary.Uvarint(packed)
		if n <= 0 {
			return list
		}
		list, packed = append(list, int64(seconds)), packed[n:]
	}
	return list
}
