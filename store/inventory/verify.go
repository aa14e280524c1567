package inventory

import (
	"database/sql"
	"fmt"

	"emaudit/parse/binpkg"
	"emaudit/store"
)

// VerifyCandidate holds the facts about a file in a pkgdir that a full read needs.
type VerifyCandidate struct {
	InstanceStamp
	PkgDir       int64
	Build        Build
	Origin       binpkg.Origin
	Signed       Signed
	Integrity    binpkg.Integrity
	VerifiedAt   int64  // time of the last full read; 0 means never
	Keyring      []byte // digest of the keyring that checked the signatures; nil means none
	ImageChecked bool
	MetadataSum  uint32 // see [Instance]
	MD5, SHA1    []byte
	Frame        []byte
	Flawless     bool // no problem was ever found
}

// Build identifies a build by its cpv and time. A binary package and the installed
// package of the same build have equal ones.
type Build struct {
	cpv  int64 // id of the cpv; 0 means unreadable
	Time int64 // unix seconds; 0 means unknown
}

// MergedDigests returns the BINPKGMD5 of installed packages, 16 bytes each, by
// build.
func MergedDigests(tx *store.Tx, host store.HostID) (map[Build][]byte, error) {
	all := map[Build][]byte{}
	err := tx.Query(func(rows *sql.Rows) error {
		var b Build
		var md5 []byte
		err := rows.Scan(&b.cpv, &b.Time, &md5)
		all[b] = md5
		return err
	}, "SELECT cpv, build_time, binpkg_md5 FROM installed WHERE host = ? AND removed_at IS NULL AND build_time <> 0 AND binpkg_md5 IS NOT NULL ORDER BY id", host)
	return all, err
}

// VerifyCandidates returns the files in a pkgdir, by path.
func VerifyCandidates(tx *store.Tx, pkgdir int64) ([]VerifyCandidate, error) {
	flawed, err := idSet(tx, "SELECT DISTINCT instance FROM instance_problem")
	if err != nil {
		return nil, err
	}
	var rows int
	if err := tx.QueryRow("SELECT count(*) FROM instance WHERE pkgdir = ? AND gone_at IS NULL", pkgdir).Scan(&rows); err != nil {
		return nil, err
	}
	all := make([]VerifyCandidate, 0, rows)
	err = tx.Query(func(rows *sql.Rows) error {
		c := VerifyCandidate{PkgDir: pkgdir}
		var inode int64
		err := rows.Scan(&c.ID, &c.Path, &inode, &c.Size, &c.MTimeNS, &c.Build.cpv, &c.Build.Time, &c.Origin, &c.Signed, &c.Integrity, &c.VerifiedAt,
			&c.Keyring, &c.ImageChecked, &c.MetadataSum, &c.MD5, &c.SHA1, &c.Frame)
		c.Inode, c.Flawless = uint64(inode), !flawed[c.ID]
		all = append(all, c)
		return err
	}, `SELECT id, path, inode, size, mtime_ns, coalesce(cpv, 0), build_time, origin, signed, integrity, verified_at,
			keyring, image_checked, metadata_sum, md5, sha1, frame
		FROM instance WHERE pkgdir = ? AND gone_at IS NULL ORDER BY path`, pkgdir)
	return all, err
}

// IndexDigests are the size, mtime and digests of a file according to an index.
type IndexDigests struct {
	Path      string // relative to the pkgdir
	Size      int64  // -1 means absent
	MTime     int64  // unix seconds; -1 means absent
	MD5, SHA1 []byte // nil means absent
}

// ReadIndexDigests returns the digests of the entries that Portage uses, in the order
// of the file.
func ReadIndexDigests(tx *store.Tx, pkgdir int64) ([]IndexDigests, error) {
	return store.All(tx, func(d *IndexDigests) []any { return []any{&d.Path, &d.Size, &d.MTime, &d.MD5, &d.SHA1} },
		"SELECT path, size, mtime, md5, sha1 FROM index_entry WHERE pkgdir = ? AND usable = 1 ORDER BY position", pkgdir)
}

// Verification is the result of a full read of one file.
type Verification struct {
	Instance     int64
	Integrity    binpkg.Integrity
	Signature    binpkg.SignatureState
	SignatureKey string // fingerprint of the key, or its id if the keyring lacks the key
	MD5, SHA1    []byte // nil if they were not computed
	Frame        []byte // digest of the remaining bytes; nil means unknown
	Keyring      []byte // digest of the keyring; nil means none
	ImageChecked bool
	// Files are the names of the files in the image, one on each line. It is nil if
	// the image was not read to its end, or has too many files.
	Files    []byte
	At       int64     // unix seconds
	Problems []Problem // including problems that the scan has found
}

// PutVerifications stores the results of full reads. Digests that were not computed
// keep their stored values, because the file is the same.
func PutVerifications(tx *store.Tx, verifications []Verification) error {
	// Few packages have problems, so one query finds them all.
	troubled, err := idSet(tx, "SELECT DISTINCT instance FROM instance_problem WHERE phase = 'verify'")
	if err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	for _, v := range verifications {
		// The frame must come from the same reading as both digests.
		digests := []any{v.MD5, v.SHA1, v.Frame}
		set := "md5 = ?, sha1 = ?, frame = ?, "
		switch {
		case v.MD5 == nil && v.SHA1 == nil:
			set, digests = "", nil
		case v.Frame == nil:
			set = "md5 = coalesce(?, md5), sha1 = coalesce(?, sha1), frame = ?, "
		}
		_, err := tx.Exec("UPDATE instance SET "+set+"integrity = ?, signature = ?, signature_key = ?, keyring = ?, image_checked = ?, verified_at = ? WHERE id = ?",
			append(digests, v.Integrity, v.Signature, v.SignatureKey, v.Keyring, v.ImageChecked, v.At, v.Instance)...)
		if err != nil {
			return fmt.Errorf("verification: %w", err)
		}
		if v.ImageChecked {
			if err := putInstanceFiles(tx, v.Instance, v.Files); err != nil {
				return fmt.Errorf("verification: %w", err)
			}
		}
		if !troubled[v.Instance] && len(v.Problems) == 0 {
			continue
		}
		if err := putProblems(tx, v.Instance, "verify", v.Problems); err != nil {
			return fmt.Errorf("verification: %w", err)
		}
	}
	return nil
}

// idSet returns the ids that a query selects.
func idSet(tx *store.Tx, query string) (map[int64]bool, error) {
	set := map[int64]bool{}
	err := tx.Query(func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		set[id] = true
		return err
	}, query)
	return set, err
}
