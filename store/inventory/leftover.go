package inventory

import (
	"database/sql"
	"fmt"

	"emaudit/store"
)

// LeftoverRole is the type of a leftover.
type LeftoverRole string

// The roles of leftovers.
const (
	// LeftoverConfig is a "._cfg" file for etc-update or dispatch-conf.
	LeftoverConfig LeftoverRole = "config-update"
	// LeftoverLibrary is a library of a removed version that packages still need
	// (FEATURES=preserve-libs).
	LeftoverLibrary LeftoverRole = "preserved-library"
)

// Leftover is one file that an update left for a person to handle.
type Leftover struct {
	Role   LeftoverRole
	Path   string // inside the root
	Detail string // for a library, the package that it belonged to
	Since  int64  // unix seconds
}

// Leftovers returns the leftovers of a host, by role and path.
func Leftovers(tx *store.Tx, host store.HostID) ([]Leftover, error) {
	return store.All(tx, func(l *Leftover) []any { return []any{&l.Role, &l.Path, &l.Detail, &l.Since} },
		"SELECT role, path, detail, since FROM leftover WHERE host = ? ORDER BY role, path", host)
}

// ReplaceLeftovers replaces the leftovers of one role. Those that are known already
// keep their time.
func ReplaceLeftovers(tx *store.Tx, host store.HostID, role LeftoverRole, all []Leftover) error {
	known := map[string]int64{}
	err := tx.Query(func(rows *sql.Rows) error {
		var path string
		var since int64
		err := rows.Scan(&path, &since)
		known[path] = since
		return err
	}, "SELECT path, since FROM leftover WHERE host = ? AND role = ?", host, role)
	if err != nil {
		return err
	}
	if _, err := tx.Exec("DELETE FROM leftover WHERE host = ? AND role = ?", host, role); err != nil {
		return err
	}
	for _, l := range all {
		since := l.Since
		if before, ok := known[l.Path]; ok {
			since = before
		}
		if _, err := tx.Exec("INSERT INTO leftover (host, role, path, detail, since) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", host, role, l.Path, l.Detail, since); err != nil {
			return fmt.Errorf("leftover %s: %w", l.Path, err)
		}
	}
	return nil
}
