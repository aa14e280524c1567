package inventory

import (
	"database/sql"

	"emaudit/store"
)

// Offer is an entry of the index of a binhost, as Portage downloaded it.
type Offer struct {
	CPV       string
	Folder    string // of the index, inside the root
	IndexedAt int64  // TIMESTAMP of the index; 0 means none
	BuildTime int64
	BuildID   int64 // 0 means none
	Size      int64 // -1 means absent
	MD5       []byte
}

// Offers returns what binhosts offer of one version, by BUILD_TIME, the newest first.
func Offers(tx *store.Tx, host store.HostID, cpv string) ([]Offer, error) {
	return offers(tx, "e.cpv IN (SELECT id FROM cpv WHERE value = ?)", host, cpv)
}

// OffersOfInstalled returns what binhosts offer of the installed versions.
func OffersOfInstalled(tx *store.Tx, host store.HostID) ([]Offer, error) {
	return offers(tx, "e.cpv IN (SELECT cpv FROM installed WHERE host = ? AND removed_at IS NULL)", host, host)
}

func offers(tx *store.Tx, where string, args ...any) ([]Offer, error) {
	var all []Offer
	err := tx.Query(func(rows *sql.Rows) error {
		var o Offer
		err := rows.Scan(&o.CPV, &o.Folder, &o.IndexedAt, &o.BuildTime, &o.BuildID, &o.Size, &o.MD5)
		all = append(all, o)
		return err
	}, `SELECT c.value, p.path, p.index_timestamp, e.build_time, e.build_id, e.size, e.md5
		FROM pkgdir p JOIN index_entry e ON e.pkgdir = p.id JOIN cpv c ON c.id = e.cpv
		WHERE p.host = ? AND p.kind = 'remote' AND p.index_condition = 'present' AND e.usable = 1 AND `+where+" ORDER BY e.build_time DESC, p.path", args...)
	return all, err
}

// RemoteFolders returns the folders with the indexes of binhosts.
func RemoteFolders(tx *store.Tx, host store.HostID) ([]PkgDir, error) {
	return pkgDirs(tx, "kind = 'remote'", host)
}
