package inventory

import (
	"database/sql"
	"fmt"

	"emaudit/store"
)

// DriftState is the difference between a file and its entry in CONTENTS.
type DriftState string

// The states.
const (
	DriftMissing DriftState = "missing"
	DriftChanged DriftState = "changed"
	DriftConfig  DriftState = "config" // changed, and below CONFIG_PROTECT
	DriftUnread  DriftState = "unread" // unreadable, so it is unknown whether it changed
)

// Drift is an installed file that differs from CONTENTS.
type Drift struct {
	Path  string // as in CONTENTS
	State DriftState
}

// InstalledFiles is the result of comparing an installed package with its CONTENTS.
type InstalledFiles struct {
	CPV       string
	Counter   int64 // COUNTER of the compared installation
	CheckedAt int64 // unix seconds
	Complete  bool  // all of CONTENTS was read
	Drift     []Drift
}

// Uncovered returns the installed packages without a binary package of the same
// build, by cpv. A binary package that is known to be damaged does not count.
// quickpkg may be advised for the result.
func Uncovered(tx *store.Tx, host store.HostID) ([]Installed, error) {
	return installed(tx, nil, `i.host = ? AND i.removed_at IS NULL AND NOT EXISTS (
		SELECT 1 FROM instance n JOIN pkgdir p ON p.id = n.pkgdir WHERE p.host = i.host AND n.cpv = i.cpv AND n.gone_at IS NULL AND n.visible = 1
			AND n.build_time = i.build_time AND n.build_time <> 0 AND n.structure <> 'damaged' AND n.integrity <> 'damaged')`, host)
}

// PutInstalledFiles stores the results of comparisons, and replaces earlier
// results.
func PutInstalledFiles(tx *store.Tx, host store.HostID, all []InstalledFiles) error {
	for _, f := range all {
		if err := putInstalledFiles(tx, host, f); err != nil {
			return fmt.Errorf("files of %s: %w", f.CPV, err)
		}
	}
	return nil
}

func putInstalledFiles(tx *store.Tx, host store.HostID, f InstalledFiles) error {
	cpv, err := tx.CPVID(f.CPV)
	if err != nil {
		return err
	}
	if _, err := tx.Exec("DELETE FROM installed_drift WHERE host = ? AND cpv = ?", host, cpv); err != nil {
		return err
	}
	if _, err := tx.Exec("INSERT OR REPLACE INTO installed_check (host, cpv, counter, checked_at, complete) VALUES (?, ?, ?, ?, ?)", host, cpv, f.Counter, f.CheckedAt, f.Complete); err != nil {
		return err
	}
	for _, d := range f.Drift {
		if _, err := tx.Exec("INSERT OR REPLACE INTO installed_drift (host, cpv, path, state) VALUES (?, ?, ?, ?)", host, cpv, d.Path, d.State); err != nil {
			return err
		}
	}
	return nil
}

// ReadInstalledFiles returns the last comparison of each installed package, by cpv.
func ReadInstalledFiles(tx *store.Tx, host store.HostID) (map[string]*InstalledFiles, error) {
	all := map[string]*InstalledFiles{}
	err := tx.Query(func(rows *sql.Rows) error {
		f := new(InstalledFiles)
		err := rows.Scan(&f.CPV, &f.Counter, &f.CheckedAt, &f.Complete)
		all[f.CPV] = f
		return err
	}, "SELECT c.value, k.counter, k.checked_at, k.complete FROM installed_check k JOIN cpv c ON c.id = k.cpv WHERE k.host = ?", host)
	if err != nil {
		return nil, err
	}
	err = tx.Query(func(rows *sql.Rows) error {
		var cpv string
		var d Drift
		err := rows.Scan(&cpv, &d.Path, &d.State)
		if f := all[cpv]; f != nil {
			f.Drift = append(f.Drift, d)
		}
		return err
	}, "SELECT c.value, d.path, d.state FROM installed_drift d JOIN cpv c ON c.id = d.cpv WHERE d.host = ? ORDER BY d.cpv, d.path", host)
	return all, err
}
