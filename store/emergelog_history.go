package store

import (
	"database/sql"
	"encoding/binary"
	"strings"

	"emaudit/parse/emergelog"
)

// history is one row of package_history, to be changed.
type history struct {
	unmerges, failures, untimed, binaryUntimed int64
	firstAt, lastAt                            int64
	durations, binaryDurations                 []byte
	// runs holds run numbers as differences, lastRun the last of them.
	runs    []byte
	lastRun int64
}

// merge adds a final merge.
func (h *history) merge(m *emergelog.Merge) {
	h.in(m.Run)
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
			*durations = binary.AppendVarint(*durations, seconds)
		} else {
			*untimed++
		}
	}
}

// unmerge adds a final removal.
func (h *history) unmerge(u *emergelog.Unmerge) {
	h.in(u.Run)
	if u.Outcome == emergelog.UnmergeOK {
		h.unmerges++
	}
}

// in notes that a run has facts of the package.
func (h *history) in(run int64) {
	if run != h.lastRun {
		h.runs = binary.AppendVarint(h.runs, run-h.lastRun)
		h.lastRun = run
	}
}

const historyColumns = "h.unmerges, h.failures, h.first_at, h.last_at, h.untimed, h.binary_untimed, h.durations, h.binary_durations, h.runs"

// history returns the history of a package, to be changed.
func (w *EmergeLogWriter) history(cp int64) (history, error) {
	h := history{durations: []byte{}, binaryDurations: []byte{}, runs: []byte{}}
	if w.first {
		return h, nil
	}
	_, err := noRow(w.tx.queryRow("SELECT "+historyColumns+" FROM package_history h WHERE host = ? AND cp = ?", w.host, cp).Scan(
		&h.unmerges, &h.failures, &h.firstAt, &h.lastAt, &h.untimed, &h.binaryUntimed, &h.durations, &h.binaryDurations, &h.runs))
	for _, d := range unpackNumbers(h.runs) {
		h.lastRun += d
	}
	return h, err
}

func (w *EmergeLogWriter) storeHistories() error {
	if w.first {
		rows := w.tx.bulk("package_history", "host", "cp", "unmerges", "failures", "first_at", "last_at", "untimed", "binary_untimed",
			"durations", "binary_durations", "runs")
		for _, h := range w.names {
			if err := rows.add(w.host, h.cp, h.unmerges, h.failures, h.firstAt, h.lastAt, h.untimed, h.binaryUntimed, h.durations, h.binaryDurations, h.runs); err != nil {
				return err
			}
		}
		return rows.flush()
	}
	for _, h := range w.names {
		_, err := w.tx.exec(`INSERT INTO package_history
			(host, cp, unmerges, failures, first_at, last_at, untimed, binary_untimed, durations, binary_durations, runs)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (host, cp) DO UPDATE SET unmerges = excluded.unmerges, failures = excluded.failures, first_at = excluded.first_at,
				last_at = excluded.last_at, untimed = excluded.untimed, binary_untimed = excluded.binary_untimed,
				durations = excluded.durations, binary_durations = excluded.binary_durations, runs = excluded.runs`,
			w.host, h.cp, h.unmerges, h.failures, h.firstAt, h.lastAt, h.untimed, h.binaryUntimed, h.durations, h.binaryDurations, h.runs)
		if err != nil {
			return err
		}
	}
	return nil
}

// PackageHistory is the sum of a package's final merges and removals.
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
	// Runs are the numbers of the runs that have facts of the package, in the
	// order in which those were stored; nil where all packages were asked for.
	Runs []int64
}

// Histories calls each for the given packages (cat/pn), or for all that the log
// names where none is given, in the order of their names.
func (l *EmergeLog) Histories(packages []string, each func(*PackageHistory) error) error {
	query := "SELECT cp.value, " + historyColumns + " FROM package_history h JOIN cp ON cp.id = h.cp WHERE h.host = ?"
	args := []any{l.host}
	if len(packages) > 0 && len(packages) <= maxPackages {
		query += " AND cp.value IN (?" + strings.Repeat(", ?", len(packages)-1) + ")"
		for _, name := range packages {
			args = append(args, name)
		}
	}
	return l.tx.query(func(rows *sql.Rows) error {
		var h PackageHistory
		var durations, binaryDurations, runs sql.RawBytes
		if err := rows.Scan(&h.CP, &h.Unmerges, &h.Failures, &h.FirstAt, &h.LastAt, &h.Untimed, &h.BinaryUntimed, &durations, &binaryDurations, &runs); err != nil {
			return err
		}
		h.Durations, h.BinaryDurations = unpackNumbers(durations), unpackNumbers(binaryDurations)
		if len(packages) > 0 {
			h.Runs = unpackNumbers(runs)
			for i := 1; i < len(h.Runs); i++ {
				h.Runs[i] += h.Runs[i-1]
			}
		}
		return each(&h)
	}, query+" ORDER BY cp.value", args...)
}

// maxPackages bounds the names in one query; SQLite takes 32,766 variables.
const maxPackages = 500

func unpackNumbers(packed []byte) []int64 {
	if len(packed) == 0 {
		return nil
	}
	u := unpacker{b: packed}
	list := make([]int64, 0, len(packed))
	for len(u.b) > 0 {
		list = append(list, u.get())
	}
	return list
}
