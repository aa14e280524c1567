package store

import (
	"database/sql"
	"fmt"
)

// Pin is a named time. The state at that time is to be kept restorable.
type Pin struct {
	Name      string
	At        int64 // the pinned time, in unix seconds
	Run       int64 // the pin means the state before this run; 0 means the state at the time At
	CreatedAt int64 // unix seconds
	Note      string
}

// PutPin inserts a pin, or replaces the pin of the same name.
func (tx *Tx) PutPin(host HostID, p Pin) error {
	_, err := tx.Exec(`INSERT INTO pin (host, name, at, run, created_at, note) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (host, name) DO UPDATE SET at = excluded.at, run = excluded.run, created_at = excluded.created_at, note = excluded.note`,
		host, p.Name, p.At, p.Run, p.CreatedAt, p.Note)
	if err != nil {
		return fmt.Errorf("pin %s: %w", p.Name, err)
	}
	return nil
}

// RemovePin deletes a pin. ok is false if there is none of that name.
func (tx *Tx) RemovePin(host HostID, name string) (ok bool, err error) {
	res, err := tx.Exec("DELETE FROM pin WHERE host = ? AND name = ?", host, name)
	if err != nil {
		return false, fmt.Errorf("pin %s: %w", name, err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// Pins returns the pins of a host, by their time.
func (tx *Tx) Pins(host HostID) ([]Pin, error) {
	var all []Pin
	err := tx.Query(func(rows *sql.Rows) error {
		var p Pin
		err := rows.Scan(&p.Name, &p.At, &p.Run, &p.CreatedAt, &p.Note)
		all = append(all, p)
		return err
	}, "SELECT name, at, run, created_at, note FROM pin WHERE host = ? ORDER BY at, name", host)
	return all, err
}
