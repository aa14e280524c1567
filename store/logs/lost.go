package logs

import (
	"database/sql"

	"emaudit/store"
)

// LostUntil returns the time, in unix seconds, before which events may be missing
// because a part of the log could not be read. It is 0 if nothing is missing. A lost
// line is older than the next line that was read, and than the ingest that found it.
func (l *EmergeLog) LostUntil() (int64, error) {
	var until, part, offset, met int64
	part = NoPart
	err := l.tx.Query(func(rows *sql.Rows) error {
		var newest int64
		err := rows.Scan(&part, &offset, &met, &newest)
		if part == NoPart && newest != 0 {
			met = min(met, newest)
		}
		if part == NoPart {
			until = met
		}
		return err
	}, `SELECT coalesce(p.part, -1), max(d.offset), max(d.met_at), (SELECT coalesce(max(first_at), 0) FROM emerge_log_part WHERE host = s.host)
		FROM diagnostic d JOIN source s ON s.id = d.source LEFT JOIN emerge_log_part p ON p.source = s.id
		WHERE s.host = ? AND s.kind IN (?, ?) GROUP BY s.host, p.part ORDER BY 1`, l.host, store.SourceEmergeLog, store.SourceOldEmergeLog)
	if err != nil || part == NoPart {
		return until, err
	}
	var next int64
	err = l.tx.QueryRow("SELECT coalesce(min(seen_at), 0) FROM run WHERE host = ? AND (last_part > ? OR last_part = ? AND last_offset >= ?)", l.host, part, part, offset).Scan(&next)
	if next != 0 {
		met = min(met, next)
	}
	return max(until, met), err
}
