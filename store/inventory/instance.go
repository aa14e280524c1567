package inventory

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"emaudit/parse/binpkg"
	"emaudit/store"
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

// The codes of problems that no reading of the file alone shows. The others are
// those of parse/binpkg.
const (
	ProblemMisnamed  = "binpkg-misnamed"  // the file name does not match the package
	ProblemMisplaced = "binpkg-misplaced" // the folder does not match the package
	ProblemUnread    = "binpkg-unread"    // the file exists and could not be read
	ProblemDigest    = "digest-mismatch"  // an xpak whose digest differs from the index
)

// Problem is one problem of an instance.
type Problem struct {
	Code    string
	Message string
	Offset  int64
}

// Instance is one file that is, or claims to be, a binary package.
type Instance struct {
	ID          int64
	Path        string // relative to the pkgdir
	Inode       uint64
	Size        int64 // in bytes
	MTimeNS     int64
	CPV         string // from its metadata; "" means unreadable
	BuildTime   int64
	BuildID     int64           // from its metadata; 0 means none
	PathBuildID int64           // from its file name; 0 means none
	MetadataID  int64           // 0 means unreadable
	Metadata    *store.Metadata // nil if not requested
	MetadataSum uint32          // CRC-32C of the packed metadata, if the scan found no problem in it; 0 means unknown
	MD5, SHA1   []byte          // computed by emaudit; nil means never computed
	VerifiedAt  int64           // time of the last full read; 0 means never
	GoneAt      int64           // 0 means that it exists
	Problems    []Problem
	// InstalledSize is the size in bytes of the installed files.
	InstalledSize int64
	*Traits
}

// Traits are what many files have in common. The instances of one question share
// them: nobody changes them.
type Traits struct {
	Format         binpkg.Format
	Compressor     string // a binpkg.Compressor; "" means unknown
	Slot, SubSlot  string
	Repo           string
	Origin         binpkg.Origin
	Signed         Signed
	HasEnvironment bool
	Structure      Structure
	Visible        bool // Portage accepts its path, name and metadata
	Integrity      binpkg.Integrity
	Signature      binpkg.SignatureState
	SignatureKey   string
	ImageChecked   bool // the image was unpacked at VerifiedAt
}

const instanceColumns = `n.id, n.path, n.inode, n.size, n.mtime_ns, coalesce(c.value, ''), n.build_time, n.build_id, n.path_build_id, coalesce(n.metadata, 0), n.metadata_sum,
	n.md5, n.sha1, n.verified_at, coalesce(n.gone_at, 0), n.installed_size,
	n.format, n.compressor, n.slot, n.subslot, n.repo, n.origin, n.signed, n.has_environment, n.structure, n.visible, n.integrity, n.signature, n.signature_key, n.image_checked`

// Instances returns the files in a pkgdir, by path, with their problems and without
// metadata.
func Instances(tx *store.Tx, pkgdir int64) ([]*Instance, error) {
	return instances(tx, nil, "n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
}

// instancesOf selects the files of a package (category/pn) in a pkgdir.
const instancesOf = "n.pkgdir = ? AND n.gone_at IS NULL AND n.cpv IN (SELECT v.id FROM cpv v JOIN cp ON cp.id = v.cp WHERE cp.value = ?)"

// InstancesOf is like [Instances] for one package (category/pn).
func InstancesOf(tx *store.Tx, pkgdir int64, cp string) ([]*Instance, error) {
	return instances(tx, nil, instancesOf, pkgdir, cp)
}

// InstancesWithMetadata is like [Instances], and also loads the readable
// metadata, except the columns that only a build needs. It adds to set, and does
// not load rows again that set has, for example from [InstalledEver].
func InstancesWithMetadata(tx *store.Tx, host store.HostID, pkgdir int64, set store.MetadataSet) ([]*Instance, error) {
	ids, args := "SELECT metadata FROM instance WHERE pkgdir = ? AND gone_at IS NULL", []any{pkgdir}
	if len(set) > 0 {
		ids += " EXCEPT SELECT metadata FROM installed WHERE host = ?"
		args = append(args, host)
	}
	if err := tx.LoadRuntimeMetadata(set, ids, args...); err != nil {
		return nil, err
	}
	return instances(tx, set, "n.pkgdir = ? AND n.gone_at IS NULL", pkgdir)
}

// GoneInstances returns the files that are no longer in a pkgdir.
func GoneInstances(tx *store.Tx, pkgdir int64) ([]*Instance, error) {
	return instances(tx, nil, "n.pkgdir = ? AND n.gone_at IS NOT NULL", pkgdir)
}

func instances(tx *store.Tx, set store.MetadataSet, where string, args ...any) ([]*Instance, error) {
	var all []*Instance
	texts, shared := store.Strings{}, map[Traits]*Traits{}
	err := tx.RawQuery(func(row []driver.Value) error {
		number := func(i int) int64 { return store.Number(row[i], 0) }
		text := func(i int) string { return texts.Text(row[i]) }
		traits := Traits{
			Format: binpkg.Format(text(16)), Compressor: text(17), Slot: text(18), SubSlot: text(19), Repo: text(20), Origin: binpkg.Origin(text(21)),
			Signed: Signed(text(22)), HasEnvironment: number(23) != 0, Structure: Structure(text(24)), Visible: number(25) != 0, Integrity: binpkg.Integrity(text(26)),
			Signature: binpkg.SignatureState(text(27)), SignatureKey: text(28), ImageChecked: number(29) != 0,
		}
		if shared[traits] == nil {
			shared[traits] = new(traits)
		}
		all = append(all, &Instance{
			ID: number(0), Path: store.Text(row[1]), Inode: uint64(number(2)), Size: number(3), MTimeNS: number(4), CPV: text(5), BuildTime: number(6), BuildID: number(7),
			PathBuildID: number(8), MetadataID: number(9), Metadata: set[number(9)], MetadataSum: uint32(number(10)), MD5: store.Bytes(row[11]), SHA1: store.Bytes(row[12]),
			VerifiedAt: number(13), GoneAt: number(14), InstalledSize: number(15), Traits: shared[traits],
		})
		return nil
	}, "SELECT "+instanceColumns+" FROM instance n LEFT JOIN cpv c ON c.id = n.cpv WHERE "+where+" ORDER BY n.path, n.seen_at", args...)
	if err != nil {
		return nil, err
	}
	byID := map[int64]*Instance{} // filled at the first problem: most folders have none
	err = tx.Query(func(rows *sql.Rows) error {
		var id int64
		var p Problem
		if err := rows.Scan(&id, &p.Code, &p.Message, &p.Offset); err != nil {
			return err
		}
		if len(byID) == 0 {
			for _, n := range all {
				byID[n.ID] = n
			}
		}
		// A full read finds the problems of the scan again.
		if n := byID[id]; n != nil && !slices.Contains(n.Problems, p) {
			n.Problems = append(n.Problems, p)
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
func InstanceStamps(tx *store.Tx, pkgdir int64) ([]InstanceStamp, error) {
	var all []InstanceStamp
	err := tx.Query(func(rows *sql.Rows) error {
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
// others, before [AddInstances] and in a transaction of its own. These rows are
// not facts of a host. If the ingest ends before it inserts the instances, the next
// ingest uses them.
func EnterNames(tx *store.Tx, instances []*Instance) error {
	for _, n := range instances {
		if n.CPV == "" {
			continue
		}
		if _, err := tx.CPVID(n.CPV); err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
	}
	return enterMetadata(tx, instances)
}

// enterMetadata inserts the metadata of instances, and puts their ids in place of them:
// a first ingest has those of all files.
func enterMetadata(tx *store.Tx, instances []*Instance) error {
	var without []*Instance
	var metadata []*store.Metadata
	for _, n := range instances {
		if n.Metadata != nil && n.MetadataID == 0 {
			without, metadata = append(without, n), append(metadata, n.Metadata)
		}
	}
	ids, err := tx.MetadataIDs(metadata)
	if err != nil {
		return err
	}
	for i, n := range without {
		n.MetadataID, n.Metadata = ids[i], nil
	}
	return nil
}

// AddInstances inserts files of a pkgdir that are new or whose content has changed, and
// sets their ids.
func AddInstances(tx *store.Tx, pkgdir int64, instances []*Instance, now int64) error {
	if len(instances) == 0 {
		return nil
	}
	// A file that changes several times within a second leaves one row, because the
	// times in this schema are whole seconds.
	if err := forgetSeenNow(tx, pkgdir, instances, now); err != nil {
		return err
	}
	var id int64
	if err := tx.QueryRow("SELECT coalesce(max(id), 0) FROM instance").Scan(&id); err != nil {
		return err
	}
	if err := enterMetadata(tx, instances); err != nil {
		return err
	}
	rows := tx.Bulk("instance", "id", "pkgdir", "path", "inode", "size", "mtime_ns", "format", "compressor", "cpv", "slot", "subslot", "repo", "build_time", "build_id",
		"path_build_id", "origin", "signed", "installed_size", "has_environment", "metadata", "structure", "visible", "md5", "sha1", "integrity", "signature",
		"signature_key", "verified_at", "metadata_sum", "seen_at")
	for _, n := range instances {
		var cpv, meta any
		if n.CPV != "" {
			id, err := tx.CPVID(n.CPV)
			if err != nil {
				return fmt.Errorf("instance %s: %w", n.Path, err)
			}
			cpv = id
		}
		if n.MetadataID != 0 {
			meta = n.MetadataID
		}
		id++
		n.ID = id
		err := rows.Add(n.ID, pkgdir, n.Path, int64(n.Inode), n.Size, n.MTimeNS, n.Format, n.Compressor, cpv, n.Slot, n.SubSlot, n.Repo, n.BuildTime, n.BuildID, n.PathBuildID,
			n.Origin, n.Signed, n.InstalledSize, n.HasEnvironment, meta, n.Structure, n.Visible, n.MD5, n.SHA1, n.Integrity, n.Signature, n.SignatureKey, n.VerifiedAt, n.MetadataSum, now)
		if err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
	}
	if err := rows.Flush(); err != nil {
		return fmt.Errorf("instances: %w", err)
	}
	problems := tx.Bulk("instance_problem", "instance", "code", "message", "offset", "phase")
	for _, n := range instances {
		for _, p := range n.Problems {
			if err := problems.Add(n.ID, p.Code, p.Message, p.Offset, "scan"); err != nil {
				return fmt.Errorf("instance %s: %w", n.Path, err)
			}
		}
	}
	return problems.Flush()
}

// forgetSeenNow deletes rows of the same files that were inserted in this second.
func forgetSeenNow(tx *store.Tx, pkgdir int64, instances []*Instance, now int64) error {
	again := map[string]int64{}
	err := tx.Query(func(rows *sql.Rows) error {
		var id int64
		var path string
		if err := rows.Scan(&id, &path); err != nil {
			return err
		}
		again[path] = id
		return nil
	}, "SELECT id, path FROM instance WHERE pkgdir = ? AND seen_at = ?", pkgdir, now)
	if err != nil || len(again) == 0 {
		return err
	}
	for _, n := range instances {
		id, ok := again[n.Path]
		if !ok {
			continue
		}
		if _, err := tx.Exec("DELETE FROM instance_problem WHERE instance = ?", id); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM instance_files WHERE instance = ?", id); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM instance WHERE id = ?", id); err != nil {
			return fmt.Errorf("instance %s: %w", n.Path, err)
		}
	}
	return nil
}

func putProblems(tx *store.Tx, instance int64, phase string, problems []Problem) error {
	if _, err := tx.Exec("DELETE FROM instance_problem WHERE instance = ? AND phase = ?", instance, phase); err != nil {
		return err
	}
	for _, p := range problems {
		if _, err := tx.Exec("INSERT INTO instance_problem (instance, code, message, offset, phase) VALUES (?, ?, ?, ?, ?)", instance, p.Code, p.Message, p.Offset, phase); err != nil {
			return err
		}
	}
	return nil
}

// SetInstanceHashes stores the MD5 and SHA1 that emaudit computed of a whole file.
func SetInstanceHashes(tx *store.Tx, id int64, md5, sha1 []byte) error {
	_, err := tx.Exec("UPDATE instance SET md5 = ?, sha1 = ?, frame = NULL WHERE id = ?", md5, sha1, id)
	return err
}

// RemoveInstance records that a file no longer exists.
func RemoveInstance(tx *store.Tx, id, now int64) error {
	_, err := tx.Exec("UPDATE instance SET gone_at = ? WHERE id = ?", now, id)
	return err
}

// InstancesSince returns the ids of the files of a host that were first seen at a time or
// later.
func InstancesSince(tx *store.Tx, host store.HostID, at int64) (map[int64]bool, error) {
	ids := map[int64]bool{}
	err := tx.RawQuery(func(row []driver.Value) error {
		ids[store.Number(row[0], 0)] = true
		return nil
	}, "SELECT n.id FROM instance n JOIN pkgdir p ON p.id = n.pkgdir WHERE p.host = ? AND n.seen_at >= ?", host, at)
	return ids, err
}

// InstancesToHash returns the files of a pkgdir whose unknown MD5 decides whether
// they are the file of an installed package. They have the cpv and BUILD_TIME of an
// installed package with a BINPKGMD5, no computed hash, and no current index entry
// with a hash.
func InstancesToHash(tx *store.Tx, host store.HostID, pkgdir int64) ([]*Instance, error) {
	return instances(tx, nil, `n.pkgdir = ? AND n.gone_at IS NULL AND n.md5 IS NULL AND n.structure = 'sound'
		AND EXISTS (SELECT 1 FROM installed i WHERE i.host = ? AND i.removed_at IS NULL AND i.cpv = n.cpv AND i.build_time = n.build_time AND i.binpkg_md5 IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM index_entry e WHERE e.pkgdir = n.pkgdir AND e.path = n.path AND e.usable = 1 AND e.md5 IS NOT NULL
			AND e.size = n.size AND e.mtime = n.mtime_ns / 1000000000)`, pkgdir, host)
}

// maxInstanceFiles is the largest unpacked size of stored names, in bytes.
const maxInstanceFiles = 64 << 20

var (
	namesEncoder = sync.OnceValue(func() *zstd.Encoder {
		encoder, _ := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
		return encoder
	})
	namesDecoder = sync.OnceValue(func() *zstd.Decoder {
		decoder, _ := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxInstanceFiles))
		return decoder
	})
)

// putInstanceFiles stores the names of the files in an instance, one on each line.
func putInstanceFiles(tx *store.Tx, instance int64, names []byte) error {
	if len(names) > maxInstanceFiles {
		names = nil
	}
	if names == nil {
		_, err := tx.Exec("DELETE FROM instance_files WHERE instance = ?", instance)
		return err
	}
	_, err := tx.Exec("INSERT INTO instance_files (instance, names) VALUES (?, ?) ON CONFLICT (instance) DO UPDATE SET names = excluded.names",
		instance, namesEncoder().EncodeAll(names, nil))
	return err
}

// InstanceFiles returns the names of an instance's files, in the form that
// binpkg.ReadImageNames reads. ok is false if no full read has stored them.
func InstanceFiles(tx *store.Tx, instance int64) (names []byte, ok bool, err error) {
	var packed []byte
	err = tx.QueryRow("SELECT names FROM instance_files WHERE instance = ?", instance).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err == nil {
		names, err = namesDecoder().DecodeAll(packed, nil)
	}
	if err != nil {
		return nil, false, fmt.Errorf("files of instance %d: %w", instance, err)
	}
	return names, true, nil
}

// InstanceTotals returns the number and the total size in bytes of the binary
// packages in a pkgdir, including files that only claim to be binary packages.
func InstanceTotals(tx *store.Tx, pkgdir int64) (files int, bytes int64, err error) {
	err = tx.QueryRow("SELECT count(*), coalesce(sum(size), 0) FROM instance WHERE pkgdir = ? AND gone_at IS NULL", pkgdir).Scan(&files, &bytes)
	return files, bytes, err
}
