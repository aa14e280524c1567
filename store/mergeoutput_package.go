package store

import "database/sql"

// KnownPackages returns every category/pn that any fact of any host names,
// sorted. It is what a name that a person types is looked up in.
func (tx *Tx) KnownPackages() ([]string, error) {
	var all []string
	err := tx.query(func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		all = append(all, name)
		return err
	}, "SELECT value FROM cp ORDER BY value")
	return all, err
}
