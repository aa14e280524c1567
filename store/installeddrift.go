package store

import (
	"database/sql"
	"fmt"
)

// DriftState says how a file differs from what CONTENTS has of it.
type DriftState string

// The states. The set is closed.
const (
	DriftMissing DriftState = "missing"
	DriftChanged DriftState = "changed"
	DriftConfig  DriftState = "config" // changed, and below CONFIG_PROTECT
	DriftUnread  DriftState = "unread" // whether it was changed is not known
)

// Drift is a file of an installed package that is not as it was installed.
type Drift struct {
	Path  string // as in CONTENTS
	State DriftState
}

// InstalledFiles is what a comparison of an installed package with its CONTENTS
// found.
type InstalledFiles struct {
	CPV       string
	Counter   int64 // of the installation that was compared
	CheckedAt int64 // unix seconds
	Complete  bool  // CONTENTS was read whole
	Drift     []Drift
}

// Uncovered returns what is installed and has no binary package of its very build,
// by cpv: that of which quickpkg may be advised. A package that is known to be
// damaged is none.
func (tx *Tx) Uncovered(host HostID) ([]Installed, error) {
	return tx.installed(nil, `i.host = ? AND i.removed_at IS NULL AND NOT EXISTS (
		SELECT 1 FROM instance n JOIN pkgdir p ON p.id = n.pkgdir WHERE p.host = i.host AND n.cpv = i.cpv AND n.gone_at IS NULL AND n.visible = 1
			AND n.build_time = i.build_time AND n.build_time <> 0 AND n.structure <> 'damaged' AND n.integrity <> 'damaged')`, host)
}

// PutInstalledFiles stores what a comparison found, in place of what the last found.
func (tx *Tx) PutInstalledFiles(host HostID, all []InstalledFiles) error {
	for _, f := range all {
		if err := tx.putInstalledFiles(host, f); err != nil {
			return fmt.Errorf("files of %s: %w", f.CPV, err)
		}
	}
	return nil
}

func (tx *Tx) putInstalledFiles(host HostID, f InstalledFiles) error {
	cpv, err := tx.cpvID(f.CPV)
	if err != nil {
		return err
	}
	if _, err := tx.exec("DELETE FROM installed_drift WHERE host = ? AND cpv = ?", host, cpv); err != nil {
		return err
	}
	if _, err := tx.exec("INSERT OR REPLACE INTO installed_check (host, cpv, counter, checked_at, complete) VALUES (?, ?, ?, ?, ?)", host, cpv, f.Counter, f.CheckedAt, f.Complete); err != nil {
		return err
	}
	for _, d := range f.Drift {
		if _, err := tx.exec("INSERT OR REPLACE INTO installed_drift (host, cpv, path, state) VALUES (?, ?, ?, ?)", host, cpv, d.Path, d.State); err != nil {
			return err
		}
	}
	return nil
}

// InstalledFiles returns the last comparison of each installed package that was
// ever compared, by cpv.
func (tx *Tx) InstalledFiles(host HostID) (map[string]*InstalledFiles, error) {
	all := map[string]*InstalledFiles{}
	err := tx.query(func(rows *sql.Rows) error {
		f := new(InstalledFiles)
		err := rows.Scan(&f.CPV, &f.Counter, &f.CheckedAt, &f.Complete)
		all[f.CPV] = f
		return err
	}, "SELECT c.value, k.counter, k.checked_at, k.complete FROM installed_check k JOIN cpv c ON c.id = k.cpv WHERE k.host = ?", host)
	if err != nil {
		return nil, err
	}
	err = tx.query(func(rows *sql.Rows) error {
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
