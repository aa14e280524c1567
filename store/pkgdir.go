package store

import (
	"database/sql"
	"fmt"
)

// PkgDir is one folder of binary packages, with what is known of its index.
type PkgDir struct {
	ID        int64
	Path      string // inside the root
	Kind      string // pkgdir, binhost, extra
	ScannedAt int64  // unix seconds

	IndexCondition string // present, missing, unreadable, refused
	IndexSize      int64
	IndexMTimeNS   int64
	IndexInode     uint64
	IndexTimestamp int64 // TIMESTAMP of the header; 0 = none
	IndexPackages  int64 // PACKAGES of the header; -1 = none
}

// PutPkgDir enters or renews a folder and sets d.ID.
func (tx *Tx) PutPkgDir(host HostID, d *PkgDir) error {
	err := tx.queryRow(`INSERT INTO pkgdir (host, path, kind, scanned_at, index_condition, index_size, index_mtime_ns, index_inode, index_timestamp, index_packages)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, path) DO UPDATE SET kind = excluded.kind, scanned_at = excluded.scanned_at, index_condition = excluded.index_condition,
			index_size = excluded.index_size, index_mtime_ns = excluded.index_mtime_ns, index_inode = excluded.index_inode,
			index_timestamp = excluded.index_timestamp, index_packages = excluded.index_packages
		RETURNING id`,
		host, d.Path, d.Kind, d.ScannedAt, d.IndexCondition, d.IndexSize, d.IndexMTimeNS, int64(d.IndexInode), d.IndexTimestamp, d.IndexPackages).Scan(&d.ID)
	if err != nil {
		return fmt.Errorf("pkgdir %s: %w", d.Path, err)
	}
	return nil
}

// PkgDirs returns the folders of a host, PKGDIR first.
func (tx *Tx) PkgDirs(host HostID) ([]PkgDir, error) {
	var all []PkgDir
	err := tx.query(func(rows *sql.Rows) error {
		var d PkgDir
		var inode int64
		if err := rows.Scan(&d.ID, &d.Path, &d.Kind, &d.ScannedAt, &d.IndexCondition, &d.IndexSize, &d.IndexMTimeNS, &inode, &d.IndexTimestamp, &d.IndexPackages); err != nil {
			return err
		}
		d.IndexInode = uint64(inode)
		all = append(all, d)
		return nil
	}, `SELECT id, path, kind, scanned_at, index_condition, index_size, index_mtime_ns, index_inode, index_timestamp, index_packages
		FROM pkgdir WHERE host = ? ORDER BY CASE kind WHEN 'pkgdir' THEN 0 WHEN 'binhost' THEN 1 ELSE 2 END, path`, host)
	return all, err
}

// Problem is one thing wrong with an instance.
type Problem struct {
	Code    string
	Message string
	Offset  int64
}

// Instance is one file that is or pretends to be a binary package.
type Instance struct {
	ID             int64
	PkgDir         int64
	Path           string // relative to the pkgdir
	Inode          uint64
	Size           int64 // bytes
	MTimeNS        int64
	Format         string // gpkg, xpak, unknown
	Compressor     string // as json.md; "" = unknown
	CPV            string // by its metadata; "" = unreadable
	Slot, SubSlot  string
	Repo           string
	BuildTime      int64
	BuildID        int64  // by its metadata; 0 = none
	PathBuildID    int64  // by its file name; 0 = none
	Origin         string // build, quickpkg, unknown
	Signed         string // by its structure: none, signed, mixed, unknown
	InstalledSize  int64
	HasEnvironment bool
	MetadataID     int64     // 0 = unreadable
	Metadata       *Metadata // nil where not asked for
	Structure      string    // sound, damaged, unknown
	Visible        bool      // its path, name and metadata are such that Portage takes it up
	MD5, SHA1      []byte    // computed by emaudit; nil = never
	Integrity      string    // whole, damaged, unchecked, unknown
	Signature      string    // none, valid, invalid, unknown-key, unchecked
	SignatureKey   string
	VerifiedAt     int64 // 0 = never
	SeenAt         int64 // the ingest that first saw this file
	GoneAt         int64 // 0 = there
	Problems       []Problem
}

const instanceColumns = `n.id, n.pkgdir, n.path, n.inode, n.size, n.mtime_ns, n.format, n.compressor, coalesce(c.value, ''), n.slot, n.subslot, n.repo, n.build_time, n.build_id,
	n.path_build_id, n.origin, n.signed, n.installed_size, n.has_environment, coalesce(n.metadata, 0), n.structure, n.visible, n.md5, n.sha1, n.integrity, n.signature,
	n.signature_key, n.verified_at, n.seen_at, coalesce(n.gone_at, 0)`

// Instances returns the files that are in a pkgdir now, by path, with their
// problems and without metadata.
func (tx *Tx) Instances(pkgdir int64) ([]Instance, error) {
	return tx.instances(nil, "n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
}

// InstancesWithMetadata is [Tx.Instances] with the metadata of every file
// whose metadata could be read.
func (tx *Tx) InstancesWithMetadata(pkgdir int64) ([]Instance, error) {
	set := MetadataSet{}
	if err := tx.loadMetadata(set, "SELECT metadata FROM instance WHERE pkgdir = ? AND gone_at IS NULL", pkgdir); err != nil {
		return nil, err
	}
	return tx.instances(set, "n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
}

// GoneInstances returns the files that were once in a pkgdir and no longer
// are.
func (tx *Tx) GoneInstances(pkgdir int64) ([]Instance, error) {
	return tx.instances(nil, "n.pkgdir = ? AND n.gone_at IS NOT NULL", pkgdir)
}

func (tx *Tx) instances(set MetadataSet, where string, args ...any) ([]Instance, error) {
	var all []Instance
	byID := map[int64]int{}
	err := tx.query(func(rows *sql.Rows) error {
		var n Instance
		var inode int64
		if err := rows.Scan(&n.ID, &n.PkgDir, &n.Path, &inode, &n.Size, &n.MTimeNS, &n.Format, &n.Compressor, &n.CPV, &n.Slot, &n.SubSlot, &n.Repo, &n.BuildTime, &n.BuildID,
			&n.PathBuildID, &n.Origin, &n.Signed, &n.InstalledSize, &n.HasEnvironment, &n.MetadataID, &n.Structure, &n.Visible, &n.MD5, &n.SHA1, &n.Integrity, &n.Signature,
			&n.SignatureKey, &n.VerifiedAt, &n.SeenAt, &n.GoneAt); err != nil {
			return err
		}
		n.Inode, n.Metadata = uint64(inode), set[n.MetadataID]
		byID[n.ID] = len(all)
		all = append(all, n)
		return nil
	}, "SELECT "+instanceColumns+" FROM instance n LEFT JOIN cpv c ON c.id = n.cpv WHERE "+where+" ORDER BY n.path, n.seen_at", args...)
	if err != nil {
		return nil, err
	}
	err = tx.query(func(rows *sql.Rows) error {
		var id int64
		var p Problem
		if err := rows.Scan(&id, &p.Code, &p.Message, &p.Offset); err != nil {
			return err
		}
		if i, ok := byID[id]; ok {
			all[i].Problems = append(all[i].Problems, p)
		}
		return nil
	}, "SELECT p.instance, p.code, p.message, p.offset FROM instance_problem p JOIN instance n ON n.id = p.instance WHERE "+where+" ORDER BY p.instance, p.phase, p.offset, p.code", args...)
	return all, err
}

// AddInstance enters a file that an ingest saw for the first time, or whose
// content is no longer what it was.
func (tx *Tx) AddInstance(n *Instance, now int64) error {
	var cpv, metadata any
	if n.CPV != "" {
		id, err := tx.cpvID(n.CPV)
		if err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
		cpv = id
	}
	if n.Metadata != nil {
		id, err := tx.metadataID(n.Metadata)
		if err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
		metadata = id
	}
	err := tx.queryRow(`INSERT INTO instance (pkgdir, path, inode, size, mtime_ns, format, compressor, cpv, slot, subslot, repo, build_time, build_id, path_build_id,
			origin, signed, installed_size, has_environment, metadata, structure, visible, md5, sha1, integrity, signature, signature_key, verified_at, seen_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (pkgdir, path, seen_at) DO UPDATE SET inode = excluded.inode, size = excluded.size, mtime_ns = excluded.mtime_ns, format = excluded.format,
			compressor = excluded.compressor, cpv = excluded.cpv, slot = excluded.slot, subslot = excluded.subslot, repo = excluded.repo, build_time = excluded.build_time,
			build_id = excluded.build_id, path_build_id = excluded.path_build_id, origin = excluded.origin, signed = excluded.signed,
			installed_size = excluded.installed_size, has_environment = excluded.has_environment, metadata = excluded.metadata, structure = excluded.structure,
			visible = excluded.visible, md5 = excluded.md5, sha1 = excluded.sha1, integrity = excluded.integrity, signature = excluded.signature,
			signature_key = excluded.signature_key, verified_at = excluded.verified_at, gone_at = NULL
		RETURNING id`,
		n.PkgDir, n.Path, int64(n.Inode), n.Size, n.MTimeNS, n.Format, n.Compressor, cpv, n.Slot, n.SubSlot, n.Repo, n.BuildTime, n.BuildID, n.PathBuildID,
		n.Origin, n.Signed, n.InstalledSize, n.HasEnvironment, metadata, n.Structure, n.Visible, n.MD5, n.SHA1, n.Integrity, n.Signature, n.SignatureKey, n.VerifiedAt, now).Scan(&n.ID)
	if err != nil {
		return fmt.Errorf("instance %s: %w", n.Path, err)
	}
	n.SeenAt = now
	return tx.putProblems(n.ID, "scan", n.Problems)
}

func (tx *Tx) putProblems(instance int64, phase string, problems []Problem) error {
	if _, err := tx.exec("DELETE FROM instance_problem WHERE instance = ? AND phase = ?", instance, phase); err != nil {
		return err
	}
	for _, p := range problems {
		if _, err := tx.exec("INSERT INTO instance_problem (instance, code, message, offset, phase) VALUES (?, ?, ?, ?, ?)", instance, p.Code, p.Message, p.Offset, phase); err != nil {
			return err
		}
	}
	return nil
}

// MoveInstance renews where a file lies that is the same as before: the inode
// differs after a restore from backup, nothing else does.
func (tx *Tx) MoveInstance(id int64, inode uint64) error {
	_, err := tx.exec("UPDATE instance SET inode = ? WHERE id = ?", int64(inode), id)
	return err
}

// SetInstanceHashes keeps the MD5 and SHA1 that emaudit computed over a whole
// file.
func (tx *Tx) SetInstanceHashes(id int64, md5, sha1 []byte) error {
	_, err := tx.exec("UPDATE instance SET md5 = ?, sha1 = ? WHERE id = ?", md5, sha1, id)
	return err
}

// RemoveInstance records that a file is no longer there.
func (tx *Tx) RemoveInstance(id, now int64) error {
	_, err := tx.exec("UPDATE instance SET gone_at = ? WHERE id = ?", now, id)
	return err
}

// PkgDirFile is a file in a pkgdir that is no binary package.
type PkgDirFile struct {
	Path    string // relative to the pkgdir
	Kind    string // file, symlink, fifo, device, socket, other
	Role    string // what it is there for
	Size    int64
	MTimeNS int64
}

// PutPkgDirFiles replaces the list of other files of a pkgdir.
func (tx *Tx) PutPkgDirFiles(pkgdir int64, files []PkgDirFile) error {
	if _, err := tx.exec("DELETE FROM pkgdir_file WHERE pkgdir = ?", pkgdir); err != nil {
		return err
	}
	b := tx.bulk("pkgdir_file", "pkgdir", "path", "kind", "role", "size", "mtime_ns")
	for _, f := range files {
		if err := b.add(pkgdir, f.Path, f.Kind, f.Role, f.Size, f.MTimeNS); err != nil {
			return err
		}
	}
	return b.flush()
}

// PkgDirFiles returns the other files of a pkgdir by path.
func (tx *Tx) PkgDirFiles(pkgdir int64) ([]PkgDirFile, error) {
	var all []PkgDirFile
	err := tx.query(func(rows *sql.Rows) error {
		var f PkgDirFile
		if err := rows.Scan(&f.Path, &f.Kind, &f.Role, &f.Size, &f.MTimeNS); err != nil {
			return err
		}
		all = append(all, f)
		return nil
	}, "SELECT path, kind, role, size, mtime_ns FROM pkgdir_file WHERE pkgdir = ? ORDER BY path", pkgdir)
	return all, err
}

// InstancesToHash returns the files of a pkgdir whose MD5 decides whether they
// are the very file of an installed package, and is not known: of the same cpv
// and BUILD_TIME as an installed package that has a BINPKGMD5, without a
// computed hash, and without an index entry of the same size and mtime that
// gives one.
func (tx *Tx) InstancesToHash(host HostID, pkgdir int64) ([]Instance, error) {
	return tx.instances(nil, `n.pkgdir = ? AND n.gone_at IS NULL AND n.md5 IS NULL AND n.structure = 'sound'
		AND EXISTS (SELECT 1 FROM installed i WHERE i.host = ? AND i.removed_at IS NULL AND i.cpv = n.cpv AND i.build_time = n.build_time AND i.binpkg_md5 IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM index_entry e WHERE e.pkgdir = n.pkgdir AND e.path = n.path AND e.usable = 1 AND e.md5 IS NOT NULL
			AND e.size = n.size AND e.mtime = n.mtime_ns / 1000000000)`, pkgdir, host)
}
