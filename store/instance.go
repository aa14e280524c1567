package store

import (
	"database/sql"
	"fmt"
	"slices"

	"emaudit/parse/binpkg"
)

// Structure is what a scan found out about how a file is built.
type Structure string

// The structures.
const (
	StructureSound   Structure = "sound"   // Portage could read it
	StructureDamaged Structure = "damaged" // Portage refuses it, or should
	StructureUnknown Structure = "unknown" // it could not be read
)

// Signed is whether a file is signed, as its structure shows: nothing is checked.
type Signed string

// What structures show of signatures.
const (
	SignedNo      Signed = "none"
	SignedYes     Signed = "signed"
	SignedUnknown Signed = "unknown"
)

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
	Format         binpkg.Format
	Compressor     string // as json.md; "" = unknown
	CPV            string // by its metadata; "" = unreadable
	Slot, SubSlot  string
	Repo           string
	BuildTime      int64
	BuildID        int64 // by its metadata; 0 = none
	PathBuildID    int64 // by its file name; 0 = none
	Origin         binpkg.Origin
	Signed         Signed
	InstalledSize  int64
	HasEnvironment bool
	MetadataID     int64     // 0 = unreadable
	Metadata       *Metadata // nil where not asked for
	Structure      Structure
	Visible        bool   // its path, name and metadata are such that Portage takes it up
	MetadataSum    uint32 // CRC-32C of the packed metadata that the scan found sound; 0 = not known
	MD5, SHA1      []byte // computed by emaudit; nil = never
	Frame          []byte // of the bytes that MD5 and SHA1 were computed over; nil = not known
	Integrity      binpkg.Integrity
	Signature      binpkg.SignatureState
	SignatureKey   string
	VerifiedAt     int64  // when every byte was last read; 0 = never
	Keyring        []byte // digest of the keys that signatures were checked against; nil = none
	ImageChecked   bool   // the image was unpacked at VerifiedAt
	SeenAt         int64  // the ingest that first saw this file
	GoneAt         int64  // 0 = there
	Problems       []Problem
}

const instanceColumns = `n.id, n.pkgdir, n.path, n.inode, n.size, n.mtime_ns, n.format, n.compressor, coalesce(c.value, ''), n.slot, n.subslot, n.repo, n.build_time, n.build_id,
	n.path_build_id, n.origin, n.signed, n.installed_size, n.has_environment, coalesce(n.metadata, 0), n.structure, n.visible, n.md5, n.sha1, n.integrity, n.signature,
	n.signature_key, n.verified_at, n.keyring, n.image_checked, n.seen_at, coalesce(n.gone_at, 0), n.metadata_sum, n.frame`

// Instances returns the files that are in a pkgdir now, by path, with their
// problems and without metadata.
func (tx *Tx) Instances(pkgdir int64) ([]Instance, error) {
	return tx.instances(nil, "n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
}

// InstancesWithMetadata is [Tx.Instances] with the metadata of every file
// whose metadata could be read, but for what only a build needs. A set that [Tx.InstalledEver] has filled is not
// read again; what is new is added to it.
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

// UseOfInstances returns the enabled USE flags of the files that are in a
// pkgdir now, by instance.
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
		// A full read meets again what the scan met.
		if i, ok := byID[id]; ok && !slices.Contains(all[i].Problems, p) {
			all[i].Problems = append(all[i].Problems, p)
		}
		return nil
	}, "SELECT p.instance, p.code, p.message, p.offset FROM instance_problem p JOIN instance n ON n.id = p.instance WHERE "+where+" ORDER BY p.instance, p.phase, p.offset, p.code", args...)
	return all, err
}

// InstanceStamp is what tells whether a file is still the one that was read.
type InstanceStamp struct {
	ID      int64
	Path    string // relative to the pkgdir
	Inode   uint64
	Size    int64
	MTimeNS int64
	Unread  bool // it could not be read then
}

// InstanceStamps returns the stamps of the files that are in a pkgdir now.
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

// EnterNames enters what instances have in common with others, their metadata and
// their names, ahead of [Tx.AddInstances] and in a transaction of its own. None of
// it is a fact of a host: where the ingest ends before it enters the instances,
// nothing is known that was not, and the next finds the rows again.
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

// AddInstances enters files that an ingest saw for the first time, or whose
// content is no longer what it was, and sets their ids.
func (tx *Tx) AddInstances(instances []*Instance, now int64) error {
	if len(instances) == 0 {
		return nil
	}
	// A file that changes twice within a second leaves one row, not two: the
	// clock of this schema has no finer grain.
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

// forgetSeenNow deletes the rows of the same files that this very second
// entered.
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

// SetInstanceHashes keeps the MD5 and SHA1 that emaudit computed over a whole
// file.
func (tx *Tx) SetInstanceHashes(id int64, md5, sha1 []byte) error {
	_, err := tx.exec("UPDATE instance SET md5 = ?, sha1 = ?, frame = NULL WHERE id = ?", md5, sha1, id)
	return err
}

// RemoveInstance records that a file is no longer there.
func (tx *Tx) RemoveInstance(id, now int64) error {
	_, err := tx.exec("UPDATE instance SET gone_at = ? WHERE id = ?", now, id)
	return err
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
