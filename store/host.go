package store

import (
	"database/sql"
	"fmt"
)

// HostID names a host in this database.
type HostID int64

// Host is one Gentoo root.
type Host struct {
	ID   HostID
	Name string
	Root string // absolute path of the root as last audited
}

// EnsureHost returns the host of that name, and enters it where it is new. A
// host whose root has moved keeps its history.
func (tx *Tx) EnsureHost(name, root string, now int64) (HostID, error) {
	var id HostID
	var known string
	missing, err := noRow(tx.queryRow("SELECT id, root FROM host WHERE name = ?", name).Scan(&id, &known))
	if err != nil {
		return 0, fmt.Errorf("host %s: %w", name, err)
	}
	if missing {
		n, err := tx.insert("INSERT INTO host (name, root, created_at) VALUES (?, ?, ?)", name, root, now)
		return HostID(n), err
	}
	if known != root {
		_, err = tx.exec("UPDATE host SET root = ? WHERE id = ?", root, id)
	}
	return id, err
}

// FindHost returns the host of that name; ok is false where there is none.
func (tx *Tx) FindHost(name string) (host Host, ok bool, err error) {
	missing, err := noRow(tx.queryRow("SELECT id, name, root FROM host WHERE name = ?", name).Scan(&host.ID, &host.Name, &host.Root))
	return host, err == nil && !missing, err
}

// Hosts returns all hosts by name.
func (tx *Tx) Hosts() ([]Host, error) {
	var hosts []Host
	err := tx.query(func(rows *sql.Rows) error {
		var h Host
		if err := rows.Scan(&h.ID, &h.Name, &h.Root); err != nil {
			return err
		}
		hosts = append(hosts, h)
		return nil
	}, "SELECT id, name, root FROM host ORDER BY name")
	return hosts, err
}
