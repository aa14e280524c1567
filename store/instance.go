package store

import (
	"database/sql"
	"fmt"
	"slices"

	"emaudit/parse/binpkg"
)

// Structure is the result of a scan for the structure of a file.
type Structure string

// The structures.
const (
	StructureSound   Structure = "sound"   // Portage can read it
	StructureDamaged Structure = "damaged" // Portage refuses it, or should
	StructureUnknown Structure = "unknown" // it could not be read
)

// Signed says whether the structure of a file shows signatures. They are not
// verified.
type Signed string

// The values of Signed.
const (
	SignedNo      Signed = "none"
	SignedYes     Signed = "signed"
	SignedUnknown Signed = "unknown"
)

// Problem is one problem of an instance.
type Problem struct {
	Code    string
	Message string
	Offset  int64
}

// Instance is one file that is, or claims to be, a binary package.
type Instance struct {
	ID             int64
	PkgDir         int64
	Path           string // relative to the pkgdir
	Inode          uint64
	Size           int64 // in bytes
	MTimeNS        int64
	Format         binpkg.Format
	Compressor     string // a binpkg.Compressor; "" means unknown
	CPV            string // from its metadata; "" means unreadable
	Slot, SubSlot  string
	Repo           string
	BuildTime      int64
	BuildID        int64 // from its metadata; 0 means none
	PathBuildID    int64 // from its file name; 0 means none
	Origin         binpkg.Origin
	Signed         Signed
	InstalledSize  int64
	HasEnvironment bool
	MetadataID     int64     // 0 means unreadable
	Metadata       *Metadata // nil if not requested
	Structure      Structure
	Visible        bool   // Portage accepts its path, name and metadata
	MetadataSum    uint32 // CRC-32C of the packed metadata, if the scan found no problem in it; 0 means unknown
	MD5, SHA1      []byte // computed by emaudit; nil means never computed
	Frame          []byte // digest of the remaining bytes, from the same reading as MD5 and SHA1; nil means unknown
	Integrity      binpkg.Integrity
	Signature      binpkg.SignatureState
	SignatureKey   string
	VerifiedAt     int64  // time of the last full read; 0 means never
	Keyring        []byte // digest of the keyring that checked the signatures; nil means none
	ImageChecked   bool   // the image was unpacked at VerifiedAt
	SeenAt         int64  // time of the ingest that first found this file
	GoneAt         int64  // 0 means that it exists
	Problems       []Problem
}

const instanceColumns = `n.id, n.pkgdir, n.path, n.inode, n.size, n.mtime_ns, n.format, n.compressor, coalesce(c.value, ''), n.slot, n.subslot, n.repo, n.build_time, n.build_id,
	n.path_build_id, n.origin, n.signed, n.installed_size, n.has_environment, coalesce(n.metadata, 0), n.structure, n.visible, n.md5, n.sha1, n.integrity, n.signature,
	n.signature_key, n.verified_at, n.keyring, n.image_checked, n.seen_at, coalesce(n.gone_at, 0), n.metadata_sum, n.frame`

// Instances returns the files in a pkgdir, by path, with their problems and without
// metadata.
func (tx *Tx) Instances(pkgdir int64) ([]Instance, error) {
	return tx.instances(nil, "n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
}

// InstancesWithMetadata is like [Tx.Instances], and also loads the readable
// metadata, except the columns that only a build needs. It adds to set, and does
// not load rows again that set has, for example from [Tx.InstalledEver].
func (tx *Tx) InstancesWithMetadata(host HostID, pkgdir int64, set MetadataSet) ([]Instance, error) {
	ids, args := "SELECT metadata FROM instance WHERE pkgdir = ? AND gone_at IS NULL", []any{pkgdir}
	if len(set) > 0 {
		ids += " EXCEPT SELECT metadata FROM installed WHERE host = ?"
		args = append(args, host)
	}
	if err := tx.loadRuntimeMetadata(set, ids, args...); err != nil {
		return nil, err
	}
	return tx.instances(set, "n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
}

// UseOfInstances returns the enabled USE flags of the files in a pkgdir, by
// instance.
func (tx *Tx) UseOfInstances(pkgdir int64) (map[int64]string, error) {
	use := map[int64]string{}
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var flags string
		err := rows.Scan(&id, &flags)
		use[id] = flags
		return err
	}, "SELECT n.id, m.use FROM instance n JOIN metadata m ON m.id = n.metadata WHERE n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
	return use, err
}

// GoneInstances returns the files that are no longer in a pkgdir.
func (tx *Tx) GoneInstances(pkgdir int64) ([]Instance, error) {
	return tx.instances(nil, "n.pkgdir = ? AND n.gone_at IS NOT NULL", pkgdir)
}

func (tx *Tx) instances(set MetadataSet, where string, args ...any) ([]Instance, error) {
	var all []Instance
	byID := map[int64]int{}
	err := tx.query(func(rows *sql.Rows) error {
		var n Instance
		var inode int64
		// As *string, which database/sql fills without reflection.
		if err := rows.Scan(&n.ID, &n.PkgDir, &n.Path, &inode, &n.Size, &n.MTimeNS, (*string)(&n.Format), &n.Compressor, &n.CPV, &n.Slot, &n.SubSlot, &n.Repo, &n.BuildTime, &n.BuildID,
			&n.PathBuildID, (*string)(&n.Origin), (*string)(&n.Signed), &n.InstalledSize, &n.HasEnvironment, &n.MetadataID, (*string)(&n.Structure), &n.Visible, &n.MD5, &n.SHA1, (*string)(&n.Integrity), (*string)(&n.Signature),
			&n.SignatureKey, &n.VerifiedAt, &n.Keyring, &n.ImageChecked, &n.SeenAt, &n.GoneAt, &n.MetadataSum, &n.Frame); err != nil {
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
		// A full read finds the problems of the scan again.
		if i, ok := byID[id]; ok && !slices.Contains(all[i].Problems, p) {
			all[i].Problems = append(all[i].Problems, p)
		}
		return nil
	}, "SELECT p.instance, p.code, p.message, p.offset FROM instance_problem p JOIN instance n ON n.id = p.instance WHERE "+where+" ORDER BY p.instance, p.phase, p.offset, p.code", args...)
	return all, err
}

// InstanceStamp identifies the file that an instance was read from.
type InstanceStamp struct {
	ID      int64
	Path    string // relative to the pkgdir
	Inode   uint64
	Size    int64
	MTimeNS int64
	Unread  bool // it could not be read at that time
}

// InstanceStamps returns the stamps of the files in a pkgdir.
func (tx *Tx) InstanceStamps(pkgdir int64) ([]InstanceStamp, error) {
	var all []InstanceStamp
	err := tx.query(func(rows *sql.Rows) error {
		var s InstanceStamp
		var inode int64
		if err := rows.Scan(&s.ID, &s.Path, &inode, &s.Size, &s.MTimeNS, &s.Unread); err != nil {
			return err
		}
		s.Inode = uint64(inode)
		all = append(all, s)
		return nil
	}, "SELECT id, path, inode, size, mtime_ns, structure = 'unknown' AND format = 'unknown' FROM instance WHERE pkgdir = ? AND gone_at IS NULL", pkgdir)
	return all, err
}

// EnterNames inserts the metadata and names of instances, which they may share with
// others, before [Tx.AddInstances] and in a transaction of its own. These rows are
// not facts of a host. If the ingest ends before it inserts the instances, the next
// ingest uses them.
func (tx *Tx) EnterNames(instances []*Instance) error {
	for _, n := range instances {
		if n.CPV == "" {
			continue
		}
		if _, err := tx.cpvID(n.CPV); err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
	}
	return tx.metadataIDs(instances)
}

// AddInstances inserts files that are new or whose content has changed, and sets
// their ids.
func (tx *Tx) AddInstances(instances []*Instance, now int64) error {
	if len(instances) == 0 {
		return nil
	}
	// A file that changes several times within a second leaves one row, because the
	// times in this schema are whole seconds.
	if err := tx.forgetSeenNow(instances, now); err != nil {
		return err
	}
	var id int64
	if err := tx.queryRow("SELECT coalesce(max(id), 0) FROM instance").Scan(&id); err != nil {
		return err
	}
	if err := tx.metadataIDs(instances); err != nil {
		return err
	}
	rows := tx.bulk("instance", "id", "pkgdir", "path", "inode", "size", "mtime_ns", "format", "compressor", "cpv", "slot", "subslot", "repo", "build_time", "build_id",
		"path_build_id", "origin", "signed", "installed_size", "has_environment", "metadata", "structure", "visible", "md5", "sha1", "integrity", "signature",
		"signature_key", "verified_at", "metadata_sum", "seen_at")
	for _, n := range instances {
		var cpv, meta any
		if n.CPV != "" {
			id, err := tx.cpvID(n.CPV)
			if err != nil {
				return fmt.Errorf("instance %s: %w", n.Path, err)
			}
			cpv = id
		}
		if n.MetadataID != 0 {
			meta = n.MetadataID
		}
		id++
		n.ID, n.SeenAt = id, now
		err := rows.add(n.ID, n.PkgDir, n.Path, int64(n.Inode), n.Size, n.MTimeNS, n.Format, n.Compressor, cpv, n.Slot, n.SubSlot, n.Repo, n.BuildTime, n.BuildID, n.PathBuildID,
			n.Origin, n.Signed, n.InstalledSize, n.HasEnvironment, meta, n.Structure, n.Visible, n.MD5, n.SHA1, n.Integrity, n.Signature, n.SignatureKey, n.VerifiedAt, n.MetadataSum, now)
		if err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
	}
	if err := rows.flush(); err != nil {
		return fmt.Errorf("instances: %w", err)
	}
	problems := tx.bulk("instance_problem", "instance", "code", "message", "offset", "phase")
	for _, n := range instances {
		for _, p := range n.Problems {
			if err := problems.add(n.ID, p.Code, p.Message, p.Offset, "scan"); err != nil {
				return fmt.Errorf("instance %s: %w", n.Path, err)
			}
		}
	}
	return problems.flush()
}

// forgetSeenNow deletes rows of the same files that were inserted in this second.
func (tx *Tx) forgetSeenNow(instances []*Instance, now int64) error {
	again := map[string]int64{}
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		var path string
		if err := rows.Scan(&id, &path); err != nil {
			return err
		}
		again[path] = id
		return nil
	}, "SELECT id, path FROM instance WHERE pkgdir = ? AND seen_at = ?", instances[0].PkgDir, now)
	if err != nil || len(again) == 0 {
		return err
	}
	for _, n := range instances {
		id, ok := again[n.Path]
		if !ok {
			continue
		}
		if _, err := tx.exec("DELETE FROM instance_problem WHERE instance = ?", id); err != nil {
			return err
		}
		if _, err := tx.exec("DELETE FROM instance_files WHERE instance = ?", id); err != nil {
			return err
		}
		if _, err := tx.exec("DELETE FROM instance WHERE id = ?", id); err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
	}
	return nil
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

// SetInstanceHashes stores the MD5 and SHA1 that emaudit computed of a whole file.
func (tx *Tx) SetInstanceHashes(id int64, md5, sha1 []byte) error {
	_, err := tx.exec("UPDATE instance SET md5 = ?, sha1 = ?, frame = NULL WHERE id = ?", md5, sha1, id)
	return err
}

// RemoveInstance records that a file no longer exists.
func (tx *Tx) RemoveInstance(id, now int64) error {
	_, err := tx.exec("UPDATE instance SET gone_at = ? WHERE id = ?", now, id)
	return err
}

// InstancesToHash returns the files of a pkgdir whose unknown MD5 decides whether
// they are the file of an installed package. They have the cpv and BUILD_TIME of an
// installed package with a BINPKGMD5, no computed hash, and no current index entry
// with a hash.
func (tx *Tx) InstancesToHash(host HostID, pkgdir int64) ([]Instance, error) {
	return tx.instances(nil, `n.pkgdir = ? AND n.gone_at IS NULL AND n.md5 IS NULL AND n.structure = 'sound'
		AND EXISTS (SELECT 1 FROM installed i WHERE i.host = ? AND i.removed_at IS NULL AND i.cpv = n.cpv AND i.build_time = n.build_time AND i.binpkg_md5 IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM index_entry e WHERE e.pkgdir = n.pkgdir AND e.path = n.path AND e.usable = 1 AND e.md5 IS NOT NULL
			AND e.size = n.size AND e.mtime = n.mtime_ns / 1000000000)`, pkgdir, host)
}
