package logs

import (
	"database/sql"
	"fmt"

	"emaudit/store"
)

// SegmentSpan is the distance between the places of two segments, in bytes. No file
// of the log is larger.
const SegmentSpan = 64 << 30

// Segment is one file of a host's emerge.log, which may be gone.
type Segment struct {
	store.Source
	// Part identifies the segment permanently, whatever the name of its file: 0, 1,
	// ... in the order of reading. [NoPart] is a file from which nothing was read.
	Part    int
	FirstAt int64 // time of its first line, in unix seconds
}

// NoPart is the part of a file without lines of its own.
const NoPart = -1

// EmergeLogState returns the state of the parser after the last segment, and the
// time of the last line in unix seconds. state is nil if nothing was read yet.
func EmergeLogState(tx *store.Tx, host store.HostID) (state []byte, lastAt int64, err error) {
	_, err = store.NoRow(tx.QueryRow("SELECT state, last_at FROM emerge_log WHERE host = ?", host).Scan(&state, &lastAt))
	return state, lastAt, err
}

// Segments returns the files of a host's emerge.log in the order of writing, after
// the files that are not part of it.
func Segments(tx *store.Tx, host store.HostID) ([]Segment, error) {
	var all []Segment
	err := tx.Query(func(rows *sql.Rows) error {
		var s Segment
		var err error
		s.Source, err = store.ScanSource(func(dest ...any) error { return rows.Scan(append(dest, &s.Part, &s.FirstAt)...) })
		all = append(all, s)
		return err
	}, "SELECT "+store.SourceColumns+`, coalesce(p.part, -1), coalesce(p.first_at, 0) FROM source LEFT JOIN (SELECT source AS of_source, part, first_at FROM emerge_log_part WHERE host = ?) p
		ON p.of_source = id WHERE host = ? AND kind IN (?, ?) AND (p.part IS NOT NULL OR condition = ?) ORDER BY p.part NULLS FIRST, id`,
		host, host, store.SourceEmergeLog, store.SourceOldEmergeLog, store.ConditionRead)
	return all, err
}

// PutSegments stores the bookmarks of a host's segments and sets their IDs. The
// names of the files may have changed.
func PutSegments(tx *store.Tx, host store.HostID, segments []Segment) error {
	// Rotation gives each file the former name of another, so all names are freed
	// before any is assigned.
	for i := range segments {
		if id := segments[i].ID; id != 0 {
			if _, err := tx.Exec("UPDATE source SET path = ? WHERE id = ?", fmt.Sprintf("\x00%d", id), id); err != nil {
				return err
			}
		}
	}
	for i := range segments {
		s := &segments[i]
		if err := forgetMarker(tx, s); err != nil {
			return err
		}
		if s.ID != 0 {
			if _, err := tx.Exec("UPDATE source SET kind = ?, path = ? WHERE id = ?", s.Kind, s.Path, s.ID); err != nil {
				return fmt.Errorf("source %s: %w", s.Path, err)
			}
		}
		if err := tx.PutSource(&s.Source); err != nil {
			return err
		}
		if err := putPart(tx, host, s); err != nil {
			return fmt.Errorf("segment %s: %w", s.Path, err)
		}
	}
	return nil
}

// putPart stores the part of the log that a segment is.
func putPart(tx *store.Tx, host store.HostID, s *Segment) error {
	if s.Part == NoPart {
		_, err := tx.Exec("DELETE FROM emerge_log_part WHERE host = ? AND source = ?", host, s.ID)
		return err
	}
	_, err := tx.Exec(`INSERT INTO emerge_log_part (host, part, source, first_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (host, part) DO UPDATE SET source = excluded.source, first_at = excluded.first_at`, host, s.Part, s.ID, s.FirstAt)
	return err
}

// forgetMarker deletes the record of a missing file under the segment's name.
func forgetMarker(tx *store.Tx, s *Segment) error {
	other, ok, err := tx.FindSource(s.Host, s.Kind, s.Path)
	if err != nil || !ok || other.ID == s.ID {
		return err
	}
	return ForgetSegments(tx, []int64{other.ID})
}

// ForgetSegments deletes files of emerge.log from which nothing was read.
func ForgetSegments(tx *store.Tx, sources []int64) error {
	for _, id := range sources {
		for _, statement := range []string{
			"DELETE FROM diagnostic WHERE source = ?", "DELETE FROM emerge_log_part WHERE source = ?", "DELETE FROM source WHERE id = ?",
		} {
			if _, err := tx.Exec(statement, id); err != nil {
				return fmt.Errorf("segment %d: %w", id, err)
			}
		}
	}
	return nil
}

// Place returns the file, and the offset in it, of a place in the whole log.
func (l *EmergeLog) Place(at int64) (path string, offset int64, err error) {
	segments, err := Segments(l.tx, l.host)
	path, offset = Place(segments, at)
	return path, offset, err
}

// Place is like [EmergeLog.Place], for the given segments.
func Place(segments []Segment, at int64) (path string, offset int64) {
	for i := range segments {
		if s := &segments[i]; s.Part != NoPart && int64(s.Part) == at/SegmentSpan {
			return s.Path, at % SegmentSpan
		}
	}
	return "", 0
}

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
