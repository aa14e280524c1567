package logs

import (
	"database/sql"
	"fmt"

	"emaudit/store"
)

// OutputFile is one file of merge output: a build log, an elog file or a captured
// session.
type OutputFile struct {
	ID     int64
	Source int64
	Path   string // relative to the source
	// Incarnation distinguishes files that had the same name at different times,
	// such as the kept build.log of two failures of one package.
	Incarnation int64
	Inode       uint64
	Size        int64 // bytes
	MTimeNS     int64 // unix nanoseconds
	Position    int64 // number of bytes that need not be read again
	ReadAt      int64 // unix seconds
	GoneAt      int64 // unix seconds; 0 means that it exists
}

// OutputFiles returns the files below a source, including those that are gone.
func OutputFiles(tx *store.Tx, source int64) ([]OutputFile, error) {
	var all []OutputFile
	err := tx.Query(func(rows *sql.Rows) error {
		f := OutputFile{Source: source}
		var inode int64
		if err := rows.Scan(&f.ID, &f.Path, &f.Incarnation, &inode, &f.Size, &f.MTimeNS, &f.Position, &f.ReadAt, &f.GoneAt); err != nil {
			return err
		}
		f.Inode = uint64(inode)
		all = append(all, f)
		return nil
	}, "SELECT id, path, incarnation, inode, size, mtime_ns, position, read_at, gone_at FROM output_file WHERE source = ? ORDER BY path, incarnation", source)
	return all, err
}

// PutOutputFile inserts a file or updates its bookmark, and sets f.ID.
func PutOutputFile(tx *store.Tx, f *OutputFile) error {
	err := tx.QueryRow(`INSERT INTO output_file (source, path, incarnation, inode, size, mtime_ns, position, read_at, gone_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (source, path, incarnation) DO UPDATE SET inode = excluded.inode, size = excluded.size, mtime_ns = excluded.mtime_ns,
			position = excluded.position, read_at = excluded.read_at, gone_at = excluded.gone_at
		RETURNING id`,
		f.Source, f.Path, f.Incarnation, int64(f.Inode), f.Size, f.MTimeNS, f.Position, f.ReadAt, f.GoneAt).Scan(&f.ID)
	if err != nil {
		return fmt.Errorf("output file %s: %w", f.Path, err)
	}
	return nil
}

// MarkOutputFileGone records the time since which a file is gone.
func MarkOutputFileGone(tx *store.Tx, id, now int64) error {
	_, err := tx.Exec("UPDATE output_file SET gone_at = ? WHERE id = ?", now, id)
	return err
}
