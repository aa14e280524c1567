package store

import (
	"database/sql"
	"fmt"
)

// Verification is what a full read of one file found.
type Verification struct {
	Instance     int64
	Integrity    string // whole, damaged, unchecked, unknown
	Signature    string // none, valid, invalid, unknown-key, unchecked
	SignatureKey string // fingerprint of the key, or its id where the key is not there
	MD5, SHA1    []byte // nil where they were not computed
	Keyring      []byte // digest of the keys; nil = none
	ImageChecked bool
	At           int64     // unix seconds
	Problems     []Problem // those that the scan found as well among them
}

// PutVerifications stores what full reads found. Hashes that were not computed
// this time stay as they are: the file is the same.
func (tx *Tx) PutVerifications(verifications []Verification) error {
	// Few packages have problems: those that have are found at once.
	troubled := map[int64]bool{}
	err := tx.query(func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		troubled[id] = true
		return err
	}, "SELECT DISTINCT instance FROM instance_problem WHERE phase = 'verify'")
	if err != nil {
		return fmt.Errorf("verification: %w", err)
	}
	for _, v := range verifications {
		_, err := tx.exec(`UPDATE instance SET integrity = ?, signature = ?, signature_key = ?, md5 = coalesce(?, md5), sha1 = coalesce(?, sha1),
			keyring = ?, image_checked = ?, verified_at = ? WHERE id = ?`,
			v.Integrity, v.Signature, v.SignatureKey, v.MD5, v.SHA1, v.Keyring, v.ImageChecked, v.At, v.Instance)
		if err != nil {
			return fmt.Errorf("verification: %w", err)
		}
		if !troubled[v.Instance] && len(v.Problems) == 0 {
			continue
		}
		if err := tx.putProblems(v.Instance, "verify", v.Problems); err != nil {
			return fmt.Errorf("verification: %w", err)
		}
	}
	return nil
}
