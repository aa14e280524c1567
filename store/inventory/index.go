package inventory

import (
	"database/sql/driver"
	"fmt"

	"emaudit/store"
)

// IndexEntry is one stanza of a Packages file.
type IndexEntry struct {
	Position  int   // 0, 1, ... in the order of the file
	Offset    int64 // position of the stanza in bytes
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
	// index of a PKGDIR, and [IndexEntries] does not read it.
	Metadata *store.Metadata
}

// PutIndexEntries replaces the entries of a pkgdir's index.
func PutIndexEntries(tx *store.Tx, pkgdir int64, entries []IndexEntry) error {
	if _, err := tx.Exec("DELETE FROM index_entry WHERE pkgdir = ?", pkgdir); err != nil {
		return err
	}
	var metadata []*store.Metadata
	for i := range entries {
		if entries[i].Metadata != nil {
			metadata = append(metadata, entries[i].Metadata)
		}
	}
	ids, err := tx.MetadataIDs(metadata)
	if err != nil {
		return err
	}
	b := tx.Bulk("index_entry", "pkgdir", "position", "offset", "cpv", "path", "build_id", "build_time", "size", "mtime", "md5", "sha1", "slot", "repo", "use", "usable", "hidden", "metadata")
	for _, e := range entries {
		cpv, err := tx.CPVID(e.CPV)
		if err != nil {
			return fmt.Errorf("index entry %s: %w", e.CPV, err)
		}
		var id any
		if e.Metadata != nil {
			id, ids = ids[0], ids[1:]
		}
		if err := b.Add(pkgdir, e.Position, e.Offset, cpv, e.Path, e.BuildID, e.BuildTime, e.Size, e.MTime, e.MD5, e.SHA1, e.Slot, e.Repo, e.Use, e.Usable, e.Hidden, id); err != nil {
			return err
		}
	}
	return b.Flush()
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
	return doubtful, undigested, all, err
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
			Position: int(store.Number(row[0], 0)), Offset: store.Number(row[1], 0), CPV: texts.Text(row[2]), Path: store.Text(row[3]),
			BuildID: store.Number(row[4], 0), BuildTime: store.Number(row[5], 0), Size: store.Number(row[6], 0), MTime: store.Number(row[7], 0),
			MD5: store.Bytes(row[8]), SHA1: store.Bytes(row[9]), Slot: texts.Text(row[10]), Repo: texts.Text(row[11]), Use: texts.Text(row[12]),
			Usable: store.Number(row[13], 0) != 0, Hidden: texts.Text(row[14]),
		})
		return nil
	}, `SELECT e.position, e.offset, c.value, e.path, e.build_id, e.build_time, e.size, e.mtime, e.md5, e.sha1, e.slot, e.repo, e.use, e.usable, e.hidden
		FROM index_entry e JOIN cpv c ON c.id = e.cpv WHERE `+where+" ORDER BY e.position", args...)
	return all, err
}
