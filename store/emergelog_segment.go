package store

import (
	"database/sql"
	"fmt"
)

// SourceOldEmergeLog is a file of emerge.log that was rotated away; it keeps
// its bookmark when it is gone.
const SourceOldEmergeLog SourceKind = "old-emerge-log"

// SegmentSpan is the distance in bytes between the places of two segments: no
// file of the log grows beyond it.
const SegmentSpan = 64 << 30

// Segment is one file of a host's emerge.log, there or gone. Its number, which
// is Base / SegmentSpan, names it for good, whatever its file is called.
type Segment struct {
	Source
	Base    int64 // place of its first byte in the whole log
	FirstAt int64 // time of its first line, unix seconds
}

// EmergeLogState returns the state of the parser after the last segment, and
// the time of the last line read; nil where nothing was read yet.
func (tx *Tx) EmergeLogState(host HostID) (state []byte, lastAt int64, err error) {
	_, err = noRow(tx.queryRow("SELECT state, last_at FROM emerge_log WHERE host = ?", host).Scan(&state, &lastAt))
	return state, lastAt, err
}

// Segments returns the files of a host's emerge.log in the order in which they
// were written.
func (tx *Tx) Segments(host HostID) ([]Segment, error) {
	var all []Segment
	err := tx.query(func(rows *sql.Rows) error {
		var s Segment
		var err error
		s.Source, err = scanSource(func(dest ...any) error { return rows.Scan(append(dest, &s.Base, &s.FirstAt)...) })
		all = append(all, s)
		return err
	}, "SELECT "+sourceColumns+", g.base, g.first_at FROM source JOIN (SELECT source AS segment, base, first_at FROM emerge_log_segment WHERE host = ?) g ON g.segment = id ORDER BY g.base, id", host)
	return all, err
}

// PutSegments stores the bookmarks of a host's segments, among which files may
// have changed their names, and sets their IDs.
func (tx *Tx) PutSegments(host HostID, segments []Segment) error {
	// Rotation moves every file to the name of another: all names are freed
	// before any is taken.
	for i := range segments {
		if id := segments[i].ID; id != 0 {
			if _, err := tx.exec("UPDATE source SET path = ? WHERE id = ?", fmt.Sprintf("\x00%d", id), id); err != nil {
				return err
			}
		}
	}
	for i := range segments {
		s := &segments[i]
		if err := tx.forgetMarker(s); err != nil {
			return err
		}
		if s.ID != 0 {
			if _, err := tx.exec("UPDATE source SET kind = ?, path = ? WHERE id = ?", s.Kind, s.Path, s.ID); err != nil {
				return fmt.Errorf("source %s: %w", s.Path, err)
			}
		}
		if err := tx.PutSource(&s.Source); err != nil {
			return err
		}
		_, err := tx.exec(`INSERT INTO emerge_log_segment (source, host, base, first_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (source) DO UPDATE SET base = excluded.base, first_at = excluded.first_at`, s.ID, host, s.Base, s.FirstAt)
		if err != nil {
			return fmt.Errorf("segment %s: %w", s.Path, err)
		}
	}
	return nil
}

// forgetMarker removes what was noted under a segment's name while there was no
// such file.
func (tx *Tx) forgetMarker(s *Segment) error {
	other, ok, err := tx.FindSource(s.Host, s.Kind, s.Path)
	if err != nil || !ok || other.ID == s.ID {
		return err
	}
	return tx.ForgetSegments([]int64{other.ID})
}

// ForgetSegments forgets files of emerge.log of which nothing was read.
func (tx *Tx) ForgetSegments(sources []int64) error {
	for _, id := range sources {
		for _, statement := range []string{
			"DELETE FROM diagnostic WHERE source = ?", "DELETE FROM emerge_log_segment WHERE source = ?", "DELETE FROM source WHERE id = ?",
		} {
			if _, err := tx.exec(statement, id); err != nil {
				return fmt.Errorf("segment %d: %w", id, err)
			}
		}
	}
	return nil
}

// Place returns the file, and the offset in it, of a place in the
// whole log.
func (l *EmergeLog) Place(at int64) (path string, offset int64, err error) {
	segments, err := l.tx.Segments(l.host)
	for _, s := range segments {
		if s.Base <= at {
			path, offset = s.Path, at-s.Base
		}
	}
	return path, offset, err
}
