package store

import "database/sql"

// SourceUpdates is the folder profiles/updates of a repository.
const SourceUpdates SourceKind = "updates"

// PackageMove is a renaming of a package.
type PackageMove struct{ Old, New string } // cat/pn

// ReplacePackageMoves replaces all moves from one source. moves are in ascending
// order of time.
func (tx *Tx) ReplacePackageMoves(host HostID, source int64, moves []PackageMove) error {
	if _, err := tx.exec("DELETE FROM package_move WHERE host = ? AND source = ?", host, source); err != nil {
		return err
	}
	rows := tx.bulk("package_move", "host", "source", "position", "old_cp", "new_cp")
	for i, m := range moves {
		if err := rows.add(host, source, i, m.Old, m.New); err != nil {
			return err
		}
	}
	return rows.flush()
}

// PackageMoves returns the moves of a host by repository, oldest first.
func (tx *Tx) PackageMoves(host HostID) ([]PackageMove, error) {
	var all []PackageMove
	err := tx.query(func(rows *sql.Rows) error {
		var m PackageMove
		err := rows.Scan(&m.Old, &m.New)
		all = append(all, m)
		return err
	}, "SELECT old_cp, new_cp FROM package_move WHERE host = ? ORDER BY source, position", host)
	return all, err
}
