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

// IndexEntries returns the entries of a pkgdir's index in file order.
func IndexEntries(tx *store.Tx, pkgdir int64) ([]*IndexEntry, error) {
	return indexEntries(tx, "e.pkgdir = ?", pkgdir)
}

// EntriesOf returns the entries of a pkgdir's index about the files of a package
// (category/pn).
func EntriesOf(tx *store.Tx, pkgdir int64, cp string) ([]*IndexEntry, error) {
	return indexEntries(tx, "e.pkgdir = ? AND e.path IN (SELECT n.path FROM instance n WHERE "+instancesOf+")", pkgdir, pkgdir, cp)
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
