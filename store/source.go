package store

import (
	"bytes"
	"database/sql"
	"fmt"
	"reflect"

	"emaudit/parse"
)

// SourceKind says what a source is.
type SourceKind string

// The kinds of sources.
const (
	SourceSettings  SourceKind = "settings"
	SourceVDB       SourceKind = "vdb"
	SourcePkgDir    SourceKind = "pkgdir"
	SourceIndex     SourceKind = "index"
	SourceEmergeLog SourceKind = "emerge-log"
	SourceBuildLog  SourceKind = "build-log"
	SourceElog      SourceKind = "elog"
	SourceCapture   SourceKind = "capture"
	SourceLeftovers SourceKind = "leftovers" // what updates left for a person to do
	// SourceOldEmergeLog is a rotated file of emerge.log. Its bookmark remains when
	// the file is gone.
	SourceOldEmergeLog SourceKind = "old-emerge-log"
	SourceConfig       SourceKind = "config"  // /etc/portage; only for its damage
	SourceUpdates      SourceKind = "updates" // the folder profiles/updates of a repository
)

// Condition says whether a source could be read at the last ingest.
type Condition string

// The conditions of a source.
const (
	ConditionRead       Condition = "read"
	ConditionMissing    Condition = "missing"
	ConditionUnreadable Condition = "unreadable"
)

// Source is the bookmark of one file or folder.
type Source struct {
	ID   int64
	Host HostID
	Kind SourceKind
	Path string // inside the root

	Dev, Inode uint64
	Size       int64 // bytes
	MTimeNS    int64 // unix nanoseconds

	Position    int64  // bytes read
	Fingerprint []byte // of the content, to identify the file after a rename
	State       []byte // of the parser at Position

	Condition Condition
	Problem   string // why it is unreadable
	ReadAt    int64  // unix seconds of the ingest that last read it, or up to [ConfirmEvery] before
}

const SourceColumns = "id, host, kind, path, dev, inode, size, mtime_ns, position, fingerprint, state, condition, problem, read_at"

func ScanSource(scan func(...any) error) (Source, error) {
	var s Source
	var dev, inode int64
	err := scan(&s.ID, &s.Host, &s.Kind, &s.Path, &dev, &inode, &s.Size, &s.MTimeNS, &s.Position, &s.Fingerprint, &s.State, &s.Condition, &s.Problem, &s.ReadAt)
	s.Dev, s.Inode = uint64(dev), uint64(inode)
	return s, err
}

// FindSource returns the bookmark of a source; ok is false where there is
// none yet.
func (tx *Tx) FindSource(host HostID, kind SourceKind, path string) (s Source, ok bool, err error) {
	s, err = ScanSource(tx.QueryRow("SELECT "+SourceColumns+" FROM source WHERE host = ? AND kind = ? AND path = ?", host, kind, path).Scan)
	missing, err := NoRow(err)
	return s, err == nil && !missing, err
}

// Sources returns the bookmarks of a host, of one kind or of all kinds ("").
func (tx *Tx) Sources(host HostID, kind SourceKind) ([]Source, error) {
	var all []Source
	err := tx.Query(func(rows *sql.Rows) error {
		s, err := ScanSource(rows.Scan)
		if err != nil {
			return err
		}
		all = append(all, s)
		return nil
	}, "SELECT "+SourceColumns+" FROM source WHERE host = ? AND (kind = ? OR ? = '') ORDER BY kind, path", host, kind, kind)
	return all, err
}

// ConfirmEvery is the time, in seconds, after which the database updates ReadAt of a
// source that did not change. Each command ingests first, and would wait for the disk if
// it wrote each time.
const ConfirmEvery = 600

// confirms reports whether a bookmark equals an older one except for ReadAt, which is
// less than ConfirmEvery later.
func (s Source) confirms(old Source) bool {
	since := s.ReadAt - old.ReadAt
	same := bytes.Equal(s.Fingerprint, old.Fingerprint) && bytes.Equal(s.State, old.State)
	s.ID, s.ReadAt, s.Fingerprint, s.State = old.ID, old.ReadAt, old.Fingerprint, old.State
	return same && reflect.DeepEqual(s, old) && 0 <= since && since < ConfirmEvery
}

// PutSource inserts or updates a bookmark and sets s.ID.
func (tx *Tx) PutSource(s *Source) error {
	if s.Condition == "" {
		s.Condition = ConditionRead
	}
	old, ok, err := tx.FindSource(s.Host, s.Kind, s.Path)
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Path, err)
	}
	if ok && s.confirms(old) {
		s.ID = old.ID
		return nil
	}
	err = tx.QueryRow(`INSERT INTO source (host, kind, path, dev, inode, size, mtime_ns, position, fingerprint, state, condition, problem, read_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, kind, path) DO UPDATE SET dev = excluded.dev, inode = excluded.inode, size = excluded.size,
			mtime_ns = excluded.mtime_ns, position = excluded.position, fingerprint = excluded.fingerprint, state = excluded.state,
			condition = excluded.condition, problem = excluded.problem, read_at = excluded.read_at
		RETURNING id`,
		s.Host, s.Kind, s.Path, int64(s.Dev), int64(s.Inode), s.Size, s.MTimeNS, s.Position, s.Fingerprint, s.State, s.Condition, s.Problem, s.ReadAt).Scan(&s.ID)
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Path, err)
	}
	return nil
}

// Diagnostic is a piece of damage and the source that has it.
type Diagnostic struct {
	parse.Diagnostic
	Source  string // path inside the root
	Subject string // path below the source, where the source is a folder
	MetAt   int64  // when it was read first, in unix seconds
}

// AddDiagnostics stores the damage of a source. subject is the path below the source if
// that is a folder.
func (tx *Tx) AddDiagnostics(source int64, subject string, diags []parse.Diagnostic, now int64) error {
	for _, d := range diags {
		if _, err := tx.Exec("INSERT INTO diagnostic (source, subject, offset, code, message, met_at) VALUES (?, ?, ?, ?, ?, ?)",
			source, subject, d.Offset, d.Code, d.Message, now); err != nil {
			return fmt.Errorf("diagnostic: %w", err)
		}
	}
	return nil
}

// ClearDiagnostics deletes the damage of a subject of a source, or of the whole source
// (subject "*").
func (tx *Tx) ClearDiagnostics(source int64, subject string) error {
	_, err := tx.Exec("DELETE FROM diagnostic WHERE source = ? AND (subject = ? OR ? = '*')", source, subject, subject)
	return err
}

// Diagnostics returns the damage of a host's sources, of one kind or of all kinds (""),
// sorted by source and offset.
func (tx *Tx) Diagnostics(host HostID, kind SourceKind) ([]Diagnostic, error) {
	return All(tx, func(d *Diagnostic) []any {
		return []any{&d.Source, &d.Subject, &d.Offset, &d.Code, &d.Message, &d.MetAt}
	},
		`SELECT s.path, d.subject, d.offset, d.code, d.message, d.met_at FROM diagnostic d JOIN source s ON s.id = d.source
		WHERE s.host = ? AND (s.kind = ? OR ? = '') ORDER BY s.kind, s.path, d.subject, d.offset, d.id`, host, kind, kind)
}

// ReplaceDiagnostics replaces the damage of a subject of a source, and returns how many
// pieces are new. Known damage keeps its MetAt.
func (tx *Tx) ReplaceDiagnostics(source int64, subject string, diags []parse.Diagnostic, now int64) (added int, err error) {
	known := map[parse.Diagnostic]int64{}
	err = tx.Query(func(rows *sql.Rows) error {
		var d parse.Diagnostic
		var id int64
		if err := rows.Scan(&id, &d.Offset, &d.Code, &d.Message); err != nil {
			return err
		}
		known[d] = id
		return nil
	}, "SELECT id, offset, code, message FROM diagnostic WHERE source = ? AND subject = ?", source, subject)
	if err != nil {
		return 0, err
	}
	var fresh []parse.Diagnostic
	for _, d := range diags {
		if _, ok := known[d]; ok {
			delete(known, d)
		} else {
			fresh = append(fresh, d)
		}
	}
	for _, id := range known {
		if _, err := tx.Exec("DELETE FROM diagnostic WHERE id = ?", id); err != nil {
			return 0, err
		}
	}
	return len(fresh), tx.AddDiagnostics(source, subject, fresh, now)
}
