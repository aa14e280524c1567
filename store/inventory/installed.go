// Package inventory stores the installed packages, the files of PKGDIR with the
// entries of its index, the results of full reads, and the files that updates left
// for a person to handle.
package inventory

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"emaudit/parse/vdb"
	"emaudit/store"
)

// Installed is one installed instance of a package: one entry of the VDB during the
// time in which it existed.
type Installed struct {
	ID             int64
	CPV            string
	Slot, SubSlot  string
	Repo           string
	BuildTime      int64  // unix seconds; 0 means unknown
	BuildID        int64  // 0 means none
	Counter        int64  // COUNTER, which grows with every merge; 0 means unknown
	BinpkgMD5      []byte // BINPKGMD5, 16 bytes; nil means none recorded
	Size           int64  // SIZE, the bytes of installed files
	HasEnvironment bool   // environment.bz2 exists
	MetadataID     int64
	Metadata       *store.Metadata // nil if not requested
	MetadataState  vdb.MetadataState
	DirInode       uint64
	DirMTimeNS     int64

	AddedAt   int64 // time of the ingest that first found it, in unix seconds
	RemovedAt int64 // time of the ingest that no longer found it; 0 means installed
}

const installedColumns = `i.id, c.value, i.slot, i.subslot, i.repo, i.build_time, i.build_id, i.counter, i.binpkg_md5, i.size, i.has_environment,
	i.metadata, i.metadata_state, i.dir_inode, i.dir_mtime_ns, i.added_at, coalesce(i.removed_at, 0)`

// ReadInstalled returns the installed packages of a host without metadata, sorted by
// cpv as a string.
func ReadInstalled(tx *store.Tx, host store.HostID) ([]Installed, error) {
	return installed(tx, nil, "i.host = ? AND i.removed_at IS NULL", host)
}

// InstalledOn returns the installed versions of a package (category/pn) on all hosts.
func InstalledOn(tx *store.Tx, cp string) (map[store.HostID][]Installed, error) {
	of := map[int64]store.HostID{}
	err := tx.Query(func(rows *sql.Rows) error {
		var id int64
		var host store.HostID
		err := rows.Scan(&id, &host)
		of[id] = host
		return err
	}, "SELECT i.id, i.host FROM installed i JOIN cpv c ON c.id = i.cpv WHERE i.removed_at IS NULL AND c.cp IN (SELECT id FROM cp WHERE value = ?)", cp)
	if err != nil {
		return nil, err
	}
	all, err := installed(tx, nil, "i.removed_at IS NULL AND c.cp IN (SELECT id FROM cp WHERE value = ?)", cp)
	on := map[store.HostID][]Installed{}
	for _, p := range all {
		on[of[p.ID]] = append(on[of[p.ID]], p)
	}
	return on, err
}

// InstalledWithMetadata is like [ReadInstalled], with the metadata of each package.
func InstalledWithMetadata(tx *store.Tx, host store.HostID) ([]Installed, error) {
	set := store.MetadataSet{}
	if err := tx.LoadMetadata(set, "SELECT metadata FROM installed WHERE host = ? AND removed_at IS NULL", host); err != nil {
		return nil, err
	}
	return installed(tx, set, "i.host = ? AND i.removed_at IS NULL", host)
}

// InstalledEver returns every instance that any ingest of the host found installed,
// sorted by cpv as a string, then by time. It adds their metadata to set, except
// the columns that only a build needs.
func InstalledEver(tx *store.Tx, host store.HostID, set store.MetadataSet) ([]Installed, error) {
	if err := tx.LoadRuntimeMetadata(set, "SELECT metadata FROM installed WHERE host = ?", host); err != nil {
		return nil, err
	}
	return installed(tx, set, "i.host = ?", host)
}

func installed(tx *store.Tx, set store.MetadataSet, where string, args ...any) ([]Installed, error) {
	var all []Installed
	err := tx.Query(func(rows *sql.Rows) error {
		var p Installed
		var inode int64
		if err := rows.Scan(&p.ID, &p.CPV, &p.Slot, &p.SubSlot, &p.Repo, &p.BuildTime, &p.BuildID, &p.Counter, &p.BinpkgMD5, &p.Size, &p.HasEnvironment,
			&p.MetadataID, &p.MetadataState, &inode, &p.DirMTimeNS, &p.AddedAt, &p.RemovedAt); err != nil {
			return err
		}
		p.DirInode, p.Metadata = uint64(inode), set[p.MetadataID]
		all = append(all, p)
		return nil
	}, "SELECT "+installedColumns+" FROM installed i JOIN cpv c ON c.id = i.cpv WHERE "+where+" ORDER BY c.value, i.added_at, i.id", args...)
	return all, err
}

// AddInstalled inserts an instance that an ingest found for the first time.
func AddInstalled(tx *store.Tx, host store.HostID, p *Installed, now int64) error {
	cpv, err := tx.CPVID(p.CPV)
	if err != nil {
		return fmt.Errorf("installed %s: %w", p.CPV, err)
	}
	metadata, err := tx.MetadataID(p.Metadata)
	if err != nil {
		return fmt.Errorf("installed %s: %w", p.CPV, err)
	}
	p.ID, err = tx.Insert(`INSERT INTO installed (host, cpv, slot, subslot, repo, build_time, build_id, counter, binpkg_md5, size, has_environment,
			metadata, metadata_state, dir_inode, dir_mtime_ns, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		host, cpv, p.Slot, p.SubSlot, p.Repo, p.BuildTime, p.BuildID, p.Counter, p.BinpkgMD5, p.Size, p.HasEnvironment,
		metadata, p.MetadataState, int64(p.DirInode), p.DirMTimeNS, now)
	if err != nil {
		return fmt.Errorf("installed %s: %w", p.CPV, err)
	}
	p.AddedAt = now
	return nil
}

// RefreshInstalled updates an instance whose VDB entry has changed without a new
// build: by package moves, a slotmove, or a new consolidated metadata file.
func RefreshInstalled(tx *store.Tx, p *Installed) error {
	metadata, err := tx.MetadataID(p.Metadata)
	if err != nil {
		return fmt.Errorf("installed %s: %w", p.CPV, err)
	}
	_, err = tx.Exec(`UPDATE installed SET slot = ?, subslot = ?, repo = ?, binpkg_md5 = ?, size = ?, has_environment = ?, metadata = ?, metadata_state = ?,
			dir_inode = ?, dir_mtime_ns = ? WHERE id = ?`,
		p.Slot, p.SubSlot, p.Repo, p.BinpkgMD5, p.Size, p.HasEnvironment, metadata, p.MetadataState, int64(p.DirInode), p.DirMTimeNS, p.ID)
	if err != nil {
		return fmt.Errorf("installed %s: %w", p.CPV, err)
	}
	return nil
}

// RemoveInstalled records that an ingest no longer found an instance.
func RemoveInstalled(tx *store.Tx, id, now int64) error {
	_, err := tx.Exec("UPDATE installed SET removed_at = ? WHERE id = ?", now, id)
	return err
}

// Snapshot is a time at which the whole VDB was read.
type Snapshot struct {
	TakenAt     int64 // time of the ingest that first found this state, in unix seconds
	ConfirmedAt int64 // time of the last ingest that found no change, or up to ten minutes before
	Installed   int   // number of installed packages
}

// LatestMoments returns the latest known times of a host in unix seconds, or 0: the
// last line of emerge.log, and the last ingest that read the VDB. Earlier ingests
// do not count: if their times were later, the clock was set back since.
func LatestMoments(tx *store.Tx, host store.HostID) (line, ingest int64, err error) {
	err = tx.QueryRow(`SELECT coalesce((SELECT last_at FROM emerge_log WHERE host = ?), 0),
		coalesce((SELECT confirmed_at FROM snapshot WHERE host = ? ORDER BY id DESC LIMIT 1), 0)`, host, host).Scan(&line, &ingest)
	return line, ingest, err
}

// LatestBuild returns the newest time in unix seconds at which an installed package
// or a binary package of the host was built, or a binary package was written. It
// returns 0 if there are none.
func LatestBuild(tx *store.Tx, host store.HostID) (latest int64, err error) {
	err = tx.QueryRow(`SELECT coalesce(max(at), 0) FROM (SELECT max(build_time) AS at FROM installed WHERE host = ? AND removed_at IS NULL
		UNION ALL SELECT max(CASE WHEN i.build_time > i.mtime_ns / 1000000000 THEN i.build_time ELSE i.mtime_ns / 1000000000 END)
			FROM instance i JOIN pkgdir p ON p.id = i.pkgdir WHERE p.host = ? AND i.gone_at IS NULL) AS f`, host, host).Scan(&latest)
	return latest, err
}

// PutSnapshot records that an ingest read the whole VDB. It adds a snapshot if
// something changed. Otherwise it confirms the last one, unless that was confirmed
// within the last ten minutes.
func PutSnapshot(tx *store.Tx, host store.HostID, changed bool, installed int, now int64) error {
	if !changed {
		var id, confirmed int64
		first, err := store.NoRow(tx.QueryRow("SELECT id, confirmed_at FROM snapshot WHERE host = ? ORDER BY id DESC LIMIT 1", host).Scan(&id, &confirmed))
		switch {
		case err != nil:
			return err
		case first:
		// A later time stays, as evidence that the clock was set back, unless it is more
		// than a year later: then one of the two times comes from a clock that was not set.
		case confirmed > now-store.ConfirmEvery && confirmed <= now+365*24*3600:
			return nil
		default:
			_, err := tx.Exec("UPDATE snapshot SET confirmed_at = ? WHERE id = ?", now, id)
			return err
		}
	}
	_, err := tx.Exec("INSERT INTO snapshot (host, taken_at, confirmed_at, installed) VALUES (?, ?, ?, ?)", host, now, now, installed)
	return err
}

// Snapshots returns the snapshots of a host, oldest first.
func Snapshots(tx *store.Tx, host store.HostID) ([]Snapshot, error) {
	return store.All(tx, func(s *Snapshot) []any { return []any{&s.TakenAt, &s.ConfirmedAt, &s.Installed} },
		"SELECT taken_at, confirmed_at, installed FROM snapshot WHERE host = ? ORDER BY id", host)
}

// UnfinishedMerge is a merge that Portage began to write into the VDB and has not
// completed: its directory -MERGING-PF exists. It may be in progress.
type UnfinishedMerge struct {
	CPV       string
	ChangedAt int64 // mtime of the directory, in unix seconds
	// Copying reports that Portage had begun to copy files. It creates CONTENTS
	// first.
	Copying bool
}

// PutUnfinishedMerges replaces the unfinished merges of a host, where they are others.
func PutUnfinishedMerges(tx *store.Tx, host store.HostID, merges []UnfinishedMerge) error {
	old, err := UnfinishedMerges(tx, host)
	if err != nil {
		return err
	}
	slices.SortFunc(merges, func(a, b UnfinishedMerge) int { return strings.Compare(a.CPV, b.CPV) })
	if slices.Equal(old, merges) {
		return nil
	}
	if _, err := tx.Exec("DELETE FROM unfinished_merge WHERE host = ?", host); err != nil {
		return err
	}
	for _, m := range merges {
		cpv, err := tx.CPVID(m.CPV)
		if err == nil {
			_, err = tx.Exec("INSERT INTO unfinished_merge (host, cpv, changed_at, copying) VALUES (?, ?, ?, ?)", host, cpv, m.ChangedAt, m.Copying)
		}
		if err != nil {
			return fmt.Errorf("unfinished merge of %s: %w", m.CPV, err)
		}
	}
	return nil
}

// UnfinishedMerges returns the unfinished merges at the last ingest of a host,
// sorted by cpv as a string.
func UnfinishedMerges(tx *store.Tx, host store.HostID) ([]UnfinishedMerge, error) {
	return store.All(tx, func(m *UnfinishedMerge) []any { return []any{&m.CPV, &m.ChangedAt, &m.Copying} },
		"SELECT c.value, u.changed_at, u.copying FROM unfinished_merge u JOIN cpv c ON c.id = u.cpv WHERE u.host = ? ORDER BY c.value", host)
}
