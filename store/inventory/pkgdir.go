package inventory

import (
	"database/sql"
	"fmt"
	"strings"

	"emaudit/store"
)

// PkgDir is one folder of binary packages, with facts about its index.
type PkgDir struct {
	ID        int64
	Path      string // inside the root
	Kind      PkgDirKind
	ScannedAt int64 // unix seconds

	IndexCondition IndexCondition
	IndexSize      int64
	IndexMTimeNS   int64
	IndexInode     uint64
	IndexTimestamp int64 // TIMESTAMP of the header; 0 means none
	IndexPackages  int64 // PACKAGES of the header; -1 means none

	// CompressedCondition is the condition of Packages.gz, or "" if it was not
	// checked.
	CompressedCondition IndexCondition
	CompressedInode     uint64
	CompressedSize      int64
	CompressedMTimeNS   int64

	// FetchedTo and NamesKnown are of a remote index alone: see the table.
	FetchedTo  string
	NamesKnown int64
}

// PkgDirKind is the purpose of a folder of binary packages.
type PkgDirKind string

// The kinds of folders.
const (
	KindPkgDir  PkgDirKind = "pkgdir"  // PKGDIR
	KindBinhost PkgDirKind = "binhost" // packages that Portage fetched from a binhost
	KindExtra   PkgDirKind = "extra"   // an additional folder from --pkgdir
	// KindRemote is the index of a binhost, as Portage downloaded it. It has no
	// files, and only [Offers] and its like read it.
	KindRemote PkgDirKind = "remote"
	// KindFormer is a folder that was read once and that no setting or flag names
	// any more. Its facts remain, but answers do not include them.
	KindFormer PkgDirKind = "former"
)

// IndexCondition is the condition of the file Packages or Packages.gz.
type IndexCondition string

// The conditions of an index.
const (
	IndexPresent    IndexCondition = "present"
	IndexMissing    IndexCondition = "missing"
	IndexUnreadable IndexCondition = "unreadable"
	IndexRefused    IndexCondition = "refused" // read, but Portage would not use it
	IndexEqual      IndexCondition = "equal"   // Packages.gz has the text of Packages
	IndexDiffers    IndexCondition = "differs" // Packages.gz has another text
)

const pkgDirColumns = "path, kind, scanned_at, index_condition, index_size, index_mtime_ns, index_inode, index_timestamp, index_packages, " +
	"compressed_condition, compressed_inode, compressed_size, compressed_mtime_ns, fetched_to, names_known"

func scanPkgDir(scan func(...any) error) (PkgDir, error) {
	var d PkgDir
	var inode, compressedInode int64
	err := scan(&d.ID, &d.Path, &d.Kind, &d.ScannedAt, &d.IndexCondition, &d.IndexSize, &d.IndexMTimeNS, &inode, &d.IndexTimestamp, &d.IndexPackages,
		&d.CompressedCondition, &compressedInode, &d.CompressedSize, &d.CompressedMTimeNS, &d.FetchedTo, &d.NamesKnown)
	d.IndexInode, d.CompressedInode = uint64(inode), uint64(compressedInode)
	return d, err
}

// PutPkgDir inserts or updates a folder and sets d.ID.
func PutPkgDir(tx *store.Tx, host store.HostID, d *PkgDir) error {
	err := tx.QueryRow("INSERT INTO pkgdir (host, "+pkgDirColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, path) DO UPDATE SET kind = excluded.kind, scanned_at = excluded.scanned_at, index_condition = excluded.index_condition,
			index_size = excluded.index_size, index_mtime_ns = excluded.index_mtime_ns, index_inode = excluded.index_inode,
			index_timestamp = excluded.index_timestamp, index_packages = excluded.index_packages, compressed_condition = excluded.compressed_condition,
			compressed_inode = excluded.compressed_inode, compressed_size = excluded.compressed_size, compressed_mtime_ns = excluded.compressed_mtime_ns,
			fetched_to = excluded.fetched_to, names_known = excluded.names_known
		RETURNING id`,
		host, d.Path, d.Kind, d.ScannedAt, d.IndexCondition, d.IndexSize, d.IndexMTimeNS, int64(d.IndexInode), d.IndexTimestamp, d.IndexPackages,
		d.CompressedCondition, int64(d.CompressedInode), d.CompressedSize, d.CompressedMTimeNS, d.FetchedTo, d.NamesKnown).Scan(&d.ID)
	if err != nil {
		return fmt.Errorf("pkgdir %s: %w", d.Path, err)
	}
	return nil
}

// PkgDirs returns the folders of a host in use that may have files, PKGDIR first.
func PkgDirs(tx *store.Tx, host store.HostID) ([]PkgDir, error) {
	return pkgDirs(tx, "kind NOT IN ('former', 'remote')", host)
}

func pkgDirs(tx *store.Tx, where string, host store.HostID) ([]PkgDir, error) {
	var all []PkgDir
	err := tx.Query(func(rows *sql.Rows) error {
		d, err := scanPkgDir(rows.Scan)
		all = append(all, d)
		return err
	}, "SELECT id, "+pkgDirColumns+` FROM pkgdir
		WHERE host = ? AND `+where+` ORDER BY CASE kind WHEN 'pkgdir' THEN 0 WHEN 'binhost' THEN 1 ELSE 2 END, path`, host)
	return all, err
}

// FindPkgDir returns the folder at a path, of any kind. ok is false if there is
// none.
func FindPkgDir(tx *store.Tx, host store.HostID, path string) (d PkgDir, ok bool, err error) {
	d, err = scanPkgDir(tx.QueryRow("SELECT id, "+pkgDirColumns+" FROM pkgdir WHERE host = ? AND path = ?", host, path).Scan)
	missing, err := store.NoRow(err)
	return d, err == nil && !missing, err
}

// RetirePkgDirs gives the kind [KindFormer] to the folders of a host that are not
// among paths. It deletes the bookmarks of those folders and of their indexes, so
// that their absence is not a finding.
func RetirePkgDirs(tx *store.Tx, host store.HostID, paths []string) error {
	current := map[string]bool{}
	for _, p := range paths {
		current[p] = true
		current[p+"/Packages"] = true
	}
	for _, kind := range []store.SourceKind{store.SourcePkgDir, store.SourceIndex} {
		sources, err := tx.Sources(host, kind)
		if err != nil {
			return err
		}
		for _, s := range sources {
			if current[s.Path] {
				continue
			}
			if err := tx.ClearDiagnostics(s.ID, "*"); err != nil {
				return err
			}
			if _, err := tx.Exec("DELETE FROM source WHERE id = ?", s.ID); err != nil {
				return err
			}
		}
	}
	dirs, err := pkgDirs(tx, "kind <> 'former'", host)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if !current[d.Path] {
			if _, err := tx.Exec("UPDATE pkgdir SET kind = ? WHERE id = ?", KindFormer, d.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// PkgDirFile is a file in a pkgdir that is not a binary package.
type PkgDirFile struct {
	Path    string // relative to the pkgdir
	Kind    string // RegularFile, symlink, fifo, device, socket, other
	Role    FileRole
	Size    int64
	MTimeNS int64
}

// RegularFile is the kind of a file that is no link and nothing special.
const RegularFile = "file"

// PutPkgDirFiles replaces the list of other files in a pkgdir.
func PutPkgDirFiles(tx *store.Tx, pkgdir int64, files []PkgDirFile) error {
	if _, err := tx.Exec("DELETE FROM pkgdir_file WHERE pkgdir = ?", pkgdir); err != nil {
		return err
	}
	b := tx.Bulk("pkgdir_file", "pkgdir", "path", "kind", "role", "size", "mtime_ns")
	for _, f := range files {
		if err := b.Add(pkgdir, f.Path, f.Kind, f.Role, f.Size, f.MTimeNS); err != nil {
			return err
		}
	}
	return b.Flush()
}

// UnmountedQuestion ends the message about a pkgdir that shows none of its former
// files, because its file system may not be mounted.
const UnmountedQuestion = "is it mounted?"

// UnlistedFolders returns the folders, inside the root, that may have binary
// packages and that the last ingest could not list: pkgdirs, and folders in them.
// unmounted are the pkgdirs among them that show none of their former files.
func UnlistedFolders(tx *store.Tx, host store.HostID) (unlisted, unmounted []string, err error) {
	err = tx.Query(func(rows *sql.Rows) error {
		var folder, problem string
		err := rows.Scan(&folder, &problem)
		unlisted = append(unlisted, folder)
		if strings.HasSuffix(problem, UnmountedQuestion) {
			unmounted = append(unmounted, folder)
		}
		return err
	}, `SELECT path, problem FROM source WHERE host = ? AND kind = ? AND condition = ?
		UNION ALL SELECT d.path || '/' || f.path, '' FROM pkgdir d JOIN pkgdir_file f ON f.pkgdir = d.id
			WHERE d.host = ? AND d.kind <> 'former' AND f.role = ? ORDER BY 1`,
		host, store.SourcePkgDir, store.ConditionUnreadable, host, RoleUnlisted)
	return unlisted, unmounted, err
}

// PkgDirFiles returns the other files in a pkgdir, by path.
func PkgDirFiles(tx *store.Tx, pkgdir int64) ([]PkgDirFile, error) {
	return store.All(tx, func(f *PkgDirFile) []any { return []any{&f.Path, &f.Kind, &f.Role, &f.Size, &f.MTimeNS} },
		"SELECT path, kind, role, size, mtime_ns FROM pkgdir_file WHERE pkgdir = ? ORDER BY path", pkgdir)
}

// FileRole is the purpose of a file or folder in a pkgdir that is not a binary
// package.
type FileRole string

// The roles.
const (
	RoleIndex           FileRole = "index"             // Packages, Packages.gz
	RoleLock            FileRole = "lock"              // Portage's lock of another file (locks.py:249)
	RolePartial         FileRole = "partial"           // an unfinished fetch or package move, possibly in progress
	RoleTemporary       FileRole = "temporary"         // an unfinished package or index, possibly in progress
	RoleChecksumFailure FileRole = "checksum-failure"  // Portage renamed it because its digest was wrong at a merge (fetch.py:293)
	RoleSymlink         FileRole = "symlink"           // Portage ignores symlinks with the name of a package
	RoleNotAFile        FileRole = "not-a-file"        // a FIFO, socket or device; never opened
	RoleStray           FileRole = "stray"             // anything else
	RoleUnlisted        FileRole = "unreadable-folder" // a folder that could not be listed, so that its content is unknown
	RoleDeep            FileRole = "deep-folder"       // deeper than any layout of Portage; not listed
)
