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

// Segment is one file of a host's emerge.log, there or gone.
type Segment struct {
	Source
	// Part names the segment for good, whatever its file is called: 0, 1, ... in
	// the order in which they were read. [NoPart] is a file of which nothing was.
	Part    int
	FirstAt int64 // time of its first line, unix seconds
}

// NoPart is the part of a file that has nothing which others do not have.
const NoPart = -1

// EmergeLogState returns the state of the parser after the last segment, and
// the time of the last line read; nil where nothing was read yet.
func (tx *Tx) EmergeLogState(host HostID) (state []byte, lastAt int64, err error) {
	_, err = noRow(tx.queryRow("SELECT state, last_at FROM emerge_log WHERE host = ?", host).Scan(&state, &lastAt))
	return state, lastAt, err
}

// Segments returns the files of a host's emerge.log in the order in which they
// were written, after those that are no part of it.
func (tx *Tx) Segments(host HostID) ([]Segment, error) {
	var all []Segment
	err := tx.query(func(rows *sql.Rows) error {
		var s Segment
		var err error
		s.Source, err = scanSource(func(dest ...any) error { return rows.Scan(append(dest, &s.Part, &s.FirstAt)...) })
		all = append(all, s)
		return err
	}, "SELECT "+sourceColumns+`, coalesce(p.part, -1), coalesce(p.first_at, 0) FROM source LEFT JOIN (SELECT source AS of_source, part, first_at FROM emerge_log_part WHERE host = ?) p
		ON p.of_source = id WHERE host = ? AND kind IN (?, ?) AND (p.part IS NOT NULL OR condition = ?) ORDER BY p.part, id`,
		host, host, SourceEmergeLog, SourceOldEmergeLog, ConditionRead)
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
		if err := tx.putPart(host, s); err != nil {
			return fmt.Errorf("segment %s: %w", s.Path, err)
		}
	}
	return nil
}

// putPart stores which part of the log a segment is.
func (tx *Tx) putPart(host HostID, s *Segment) error {
	if s.Part == NoPart {
		_, err := tx.exec("DELETE FROM emerge_log_part WHERE host = ? AND source = ?", host, s.ID)
		return err
	}
	_, err := tx.exec(`INSERT INTO emerge_log_part (host, part, source, first_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (host, part) DO UPDATE SET source = excluded.source, first_at = excluded.first_at`, host, s.Part, s.ID, s.FirstAt)
	return err
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
			"DELETE FROM diagnostic WHERE source = ?", "DELETE FROM emerge_log_part WHERE source = ?", "DELETE FROM source WHERE id = ?",
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
	path, offset = Place(segments, at)
	return path, offset, err
}

// Place is [EmergeLog.Place] among segments.
func Place(segments []Segment, at int64) (path string, offset int64) {
	for i := range segments {
		if s := &segments[i]; s.Part != NoPart && int64(s.Part) == at/SegmentSpan {
			return s.Path, at % SegmentSpan
		}
	}
	return "", 0
}
