package store

import (
	"database/sql"
	"strings"
)

// KnownPackages returns every category/pn in the facts of any host, sorted. Package
// names that a person types are looked up in it.
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

// KnownSlots returns the slots, without sub-slots, of the versions of a host that
// were ever installed or whose build log names the slot. The keys are cpvs.
func (tx *Tx) KnownSlots(host HostID) (map[string]string, error) {
	slots := map[string]string{}
	err := tx.query(func(rows *sql.Rows) error {
		var cpv, slot string
		err := rows.Scan(&cpv, &slot)
		if slot, _, _ = strings.Cut(slot, "/"); slot != "" {
			slots[cpv] = slot
		}
		return err
	}, `SELECT c.value, b.slot FROM build_log b JOIN cpv c ON c.id = b.cpv WHERE b.host = ?
		UNION ALL SELECT c.value, i.slot FROM installed i JOIN cpv c ON c.id = i.cpv WHERE i.host = ?`, host, host)
	return slots, err
}
