package inventory

import (
	"database/sql/driver"
	"fmt"
	"strings"

	"emaudit/store"
)

// IndexEntry is one stanza of a Packages file.
type IndexEntry struct {
	// Offset is the position of the stanza in bytes. [LostEntries] does not read it.
	Offset    int64
	CPV       string
	Path      string // relative to the pkgdir, as Portage would read it
	BuildID   int64  // 0 means none
	BuildTime int64
	Size      int64 // -1 means absent
	MTime     int64 // unix seconds; -1 means absent
	MD5, SHA1 []byte
	Slot      string // slot[/subslot]
	Repo      string
	Use       string
	Usable    bool   // Portage uses this entry
	Hidden    string // why Portage does not use it, or ""
	// Metadata is what the index of a binhost says of the package. It is nil for the
	// index of a PKGDIR, and nothing here reads it.
	Metadata *store.Metadata

	position int64 // of its row
}

// entryColumns are the columns with the content of an entry.
const entryColumns = "length, cpv, path, build_id, build_time, size, mtime, md5, sha1, slot, repo, use, usable, hidden, metadata"

// PutIndexEntries replaces the entries of a pkgdir's index, which has size bytes. It does
// not write rows that did not change: an update adds a few entries among thousands.
func PutIndexEntries(tx *store.Tx, pkgdir, size int64, entries []IndexEntry) error {
	row, err := entryRows(tx, size, entries)
	if err != nil {
		return err
	}
	var known []knownEntry
	err = tx.RawQuery(func(row []driver.Value) error {
		known = append(known, knownEntry{store.Number(row[0], 0), store.Number(row[1], 0), store.RowDigest(row[2:])})
		return nil
	}, "SELECT id, position, "+entryColumns+" FROM index_entry WHERE pkgdir = ? ORDER BY position", pkgdir)
	if err != nil {
		return err
	}
	digests := make([][16]byte, len(entries))
	for i := range entries {
		values, err := row(i)
		if err != nil {
			return err
		}
		digests[i] = store.RowDigest(values)
	}
	positions, gone := placeEntries(known, digests)
	for _, id := range gone {
		if _, err := tx.Exec("DELETE FROM index_entry WHERE id = ?", id); err != nil {
			return err
		}
	}
	b := tx.Bulk("index_entry", append([]string{"pkgdir", "position"}, strings.Split(entryColumns, ", ")...)...)
	for i, position := range positions {
		if position == unchanged {
			continue
		}
		values := []any{pkgdir, position}
		said, err := row(i)
		for _, v := range said {
			values = append(values, v)
		}
		if err == nil {
			err = b.Add(values...)
		}
		if err != nil {
			return err
		}
	}
	return b.Flush()
}

// entryRows returns a function that returns the values of [entryColumns] of an entry.
func entryRows(tx *store.Tx, size int64, entries []IndexEntry) (row func(i int) ([]driver.Value, error), err error) {
	var metadata []*store.Metadata
	for i := range entries {
		if entries[i].Metadata != nil {
			metadata = append(metadata, entries[i].Metadata)
		}
	}
	ids, err := tx.MetadataIDs(metadata)
	if err != nil {
		return nil, err
	}
	metadataOf := map[*store.Metadata]int64{}
	for i, m := range metadata {
		metadataOf[m] = ids[i]
	}
	bytesOrNil := func(b []byte) driver.Value {
		if b == nil {
			return nil
		}
		return b
	}
	return func(i int) ([]driver.Value, error) {
		e := &entries[i]
		cpv, err := tx.CPVID(e.CPV)
		if err != nil {
			return nil, fmt.Errorf("index entry %s: %w", e.CPV, err)
		}
		next, usable := size, int64(0)
		if i+1 < len(entries) {
			next = entries[i+1].Offset
		}
		if e.Usable {
			usable = 1
		}
		var id driver.Value
		if e.Metadata != nil {
			id = metadataOf[e.Metadata]
		}
		return []driver.Value{next - e.Offset, cpv, e.Path, e.BuildID, e.BuildTime, e.Size, e.MTime, bytesOrNil(e.MD5), bytesOrNil(e.SHA1), e.Slot, e.Repo, e.Use, usable, e.Hidden, id}, nil
	}, nil
}

// Listing is what an entry of an index says of the bytes of a file.
type Listing struct {
	Size      int64 // -1 means absent
	MTime     int64 // unix seconds; -1 means absent
	MD5, SHA1 []byte
}

// Listings calls each for the entries of a pkgdir's index that Portage uses, in file
// order.
func Listings(tx *store.Tx, pkgdir int64, each func(path string, l Listing)) error {
	return listings(tx, each, "pkgdir = ?", pkgdir)
}

// ListingsOf is like [Listings] for the files of a package (category/pn).
func ListingsOf(tx *store.Tx, pkgdir int64, cp string, each func(path string, l Listing)) error {
	return listings(tx, each, "pkgdir = ? AND path IN (SELECT n.path FROM instance n WHERE "+instancesOf+")", pkgdir, pkgdir, cp)
}

func listings(tx *store.Tx, each func(path string, l Listing), where string, args ...any) error {
	return tx.RawQuery(func(row []driver.Value) error {
		each(store.Text(row[0]), Listing{Size: store.Number(row[1], 0), MTime: store.Number(row[2], 0), MD5: store.Bytes(row[3]), SHA1: store.Bytes(row[4])})
		return nil
	}, "SELECT path, size, mtime, md5, sha1 FROM index_entry WHERE "+where+" AND usable = 1 ORDER BY position", args...)
}

// DoubtfulEntries returns the entries of a pkgdir's index that Portage uses and that
// are not known to agree with their file: all others do. undigested counts the entries
// without a size or without digests, among all that Portage uses.
func DoubtfulEntries(tx *store.Tx, pkgdir int64) (doubtful []*IndexEntry, undigested, all int, err error) {
	err = tx.QueryRow(`SELECT coalesce(sum(CASE WHEN size < 0 OR md5 IS NULL AND sha1 IS NULL THEN 1 ELSE 0 END), 0), count(*)
		FROM index_entry WHERE pkgdir = ? AND usable = 1 AND path <> ''`, pkgdir).Scan(&undigested, &all)
	if err != nil {
		return nil, 0, 0, err
	}
	doubtful, err = indexEntries(tx, `e.pkgdir = ? AND e.usable = 1 AND e.path <> '' AND NOT EXISTS (
		SELECT 1 FROM instance n LEFT JOIN metadata m ON m.id = n.metadata WHERE n.pkgdir = e.pkgdir AND n.path = e.path AND n.gone_at IS NULL
			AND n.size = e.size AND n.mtime_ns / 1000000000 = e.mtime AND n.mtime_ns >= 0 AND n.cpv = e.cpv AND n.build_id = e.build_id
			AND n.build_time = e.build_time AND n.repo = e.repo
			AND (e.slot = n.slot || '/' || n.subslot OR e.slot = n.slot AND n.subslot IN ('', n.slot)) AND coalesce(m.use, '') = e.use)`, pkgdir)
	if err == nil && len(doubtful) > 0 {
		err = findOffsets(tx, pkgdir, doubtful)
	}
	return doubtful, undigested, all, err
}

// findOffsets computes where entries are in the file: rows have only lengths.
func findOffsets(tx *store.Tx, pkgdir int64, entries []*IndexEntry) error {
	var at int64
	if err := tx.QueryRow("SELECT index_size FROM pkgdir WHERE id = ?", pkgdir).Scan(&at); err != nil {
		return err
	}
	return tx.RawQuery(func(row []driver.Value) error {
		at -= store.Number(row[1], 0)
		if last := len(entries) - 1; last >= 0 && entries[last].position == store.Number(row[0], 0) {
			entries[last].Offset = at
			entries = entries[:last]
		}
		return nil
	}, "SELECT position, length FROM index_entry WHERE pkgdir = ? ORDER BY position DESC", pkgdir)
}

// LostEntries returns the entries of a pkgdir's index whose file is gone.
func LostEntries(tx *store.Tx, pkgdir int64) ([]*IndexEntry, error) {
	return indexEntries(tx, "e.pkgdir = ? AND NOT EXISTS (SELECT 1 FROM instance n WHERE n.pkgdir = e.pkgdir AND n.path = e.path AND n.gone_at IS NULL)", pkgdir)
}

func indexEntries(tx *store.Tx, where string, args ...any) ([]*IndexEntry, error) {
	var all []*IndexEntry
	texts := store.Strings{}
	err := tx.RawQuery(func(row []driver.Value) error {
		all = append(all, &IndexEntry{
			position: store.Number(row[0], 0), CPV: texts.Text(row[1]), Path: store.Text(row[2]),
			BuildID: store.Number(row[3], 0), BuildTime: store.Number(row[4], 0), Size: store.Number(row[5], 0), MTime: store.Number(row[6], 0),
			MD5: store.Bytes(row[7]), SHA1: store.Bytes(row[8]), Slot: texts.Text(row[9]), Repo: texts.Text(row[10]), Use: texts.Text(row[11]),
			Usable: store.Number(row[12], 0) != 0, Hidden: texts.Text(row[13]),
		})
		return nil
	}, `SELECT e.position, c.value, e.path, e.build_id, e.build_time, e.size, e.mtime, e.md5, e.sha1, e.slot, e.repo, e.use, e.usable, e.hidden
		FROM index_entry e JOIN cpv c ON c.id = e.cpv WHERE `+where+" ORDER BY e.position", args...)
	return all, err
}
