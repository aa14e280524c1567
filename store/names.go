package store

import "database/sql"

// PackageNames returns every category/pn in the facts of any host, in their order.
func (tx *Tx) PackageNames() ([]string, error) {
	var names []string
	err := tx.query(func(rows *sql.Rows) error {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		names = append(names, name)
		return nil
	}, "SELECT value FROM cp ORDER BY value")
	return names, err
}
