package store

import "database/sql"

// Setting is one of Portage's settings, with where its value came from.
type Setting struct {
	Name, Value, Origin string
}

// PutSettings replaces the settings of a host.
func (tx *Tx) PutSettings(host HostID, settings []Setting) error {
	if _, err := tx.exec("DELETE FROM setting WHERE host = ?", host); err != nil {
		return err
	}
	b := tx.bulk("setting", "host", "name", "value", "origin")
	for _, s := range settings {
		if err := b.add(host, s.Name, s.Value, s.Origin); err != nil {
			return err
		}
	}
	return b.flush()
}

// Settings returns the settings of a host by name.
func (tx *Tx) Settings(host HostID) ([]Setting, error) {
	var all []Setting
	err := tx.query(func(rows *sql.Rows) error {
		var s Setting
		if err := rows.Scan(&s.Name, &s.Value, &s.Origin); err != nil {
			return err
		}
		all = append(all, s)
		return nil
	}, "SELECT name, value, origin FROM setting WHERE host = ? ORDER BY name", host)
	return all, err
}
