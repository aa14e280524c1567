package store

import (
	"database/sql"
	"fmt"
)

// UnfinishedMerge is a merge that Portage began to write into the VDB and has not
// completed: its directory -MERGING-PF exists. It may be in progress.
type UnfinishedMerge struct {
	CPV       string
	ChangedAt int64 // mtime of the directory, in unix seconds
	// Copying reports that Portage had begun to copy files. It creates CONTENTS
	// first.
	Copying bool
}

// PutUnfinishedMerges replaces the unfinished merges of a host.
func (tx *Tx) PutUnfinishedMerges(host HostID, merges []UnfinishedMerge) error {
	if _, err := tx.exec("DELETE FROM unfinished_merge WHERE host = ?", host); err != nil {
		return err
	}
	for _, m := range merges {
		cpv, err := tx.cpvID(m.CPV)
		if err == nil {
			_, err = tx.exec("INSERT INTO unfinished_merge (host, cpv, changed_at, copying) VALUES (?, ?, ?, ?)", host, cpv, m.ChangedAt, m.Copying)
		}
		if err != nil {
			return fmt.Errorf("unfinished merge of %s: %w", m.CPV, err)
		}
	}
	return nil
}

// UnfinishedMerges returns the unfinished merges at the last ingest of a host,
// sorted by cpv as a string.
func (tx *Tx) UnfinishedMerges(host HostID) ([]UnfinishedMerge, error) {
	var all []UnfinishedMerge
	err := tx.query(func(rows *sql.Rows) error {
		var m UnfinishedMerge
		err := rows.Scan(&m.CPV, &m.ChangedAt, &m.Copying)
		all = append(all, m)
		return err
	}, "SELECT c.value, u.changed_at, u.copying FROM unfinished_merge u JOIN cpv c ON c.id = u.cpv WHERE u.host = ? ORDER BY c.value", host)
	return all, err
}
