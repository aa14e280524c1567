package inventory

import (
	"database/sql"

	"emaudit/store"
)

// Offer is an entry of the index of a binhost, as Portage downloaded it.
type Offer struct {
	IndexEntry
	Folder    string // of the index, inside the root
	IndexedAt int64  // TIMESTAMP of the index; 0 means none
	// FetchedTo is the folder in which Portage puts what it fetches, at Path; "" means
	// PKGDIR.
	FetchedTo string
}

// Offers returns what binhosts offer of one version, by BUILD_TIME, the newest first.
// It has the metadata that the index has.
func Offers(tx *store.Tx, host store.HostID, cpv string) ([]Offer, error) {
	const where = "e.cpv IN (SELECT id FROM cpv WHERE value = ?)"
	return offersWithMetadata(tx, where, host, cpv)
}

// OffersOfPackage is like [Offers], for all versions of a package.
func OffersOfPackage(tx *store.Tx, host store.HostID, cp string) ([]Offer, error) {
	const where = "e.cpv IN (SELECT v.id FROM cpv v JOIN cp ON cp.id = v.cp WHERE cp.value = ?)"
	return offersWithMetadata(tx, where, host, cp)
}

// OffersOfNames is like [Offers], for all versions of all installed packages.
func OffersOfNames(tx *store.Tx, host store.HostID) ([]Offer, error) {
	const where = "e.cpv IN (SELECT v.id FROM cpv v WHERE v.cp IN (SELECT w.cp FROM installed i JOIN cpv w ON w.id = i.cpv WHERE i.host = ? AND i.removed_at IS NULL))"
	return offersWithMetadata(tx, where, host, host)
}

// OffersOfInstalled returns what binhosts offer of the installed versions, without
// metadata.
func OffersOfInstalled(tx *store.Tx, host store.HostID) ([]Offer, error) {
	return offers(tx, nil, "e.cpv IN (SELECT cpv FROM installed WHERE host = ? AND removed_at IS NULL)", host, host)
}

const fromOffers = ` FROM pkgdir p JOIN index_entry e ON e.pkgdir = p.id JOIN cpv c ON c.id = e.cpv
		WHERE p.host = ? AND p.kind = 'remote' AND p.index_condition = 'present' AND e.usable = 1 AND `

func offersWithMetadata(tx *store.Tx, where string, args ...any) ([]Offer, error) {
	set := store.MetadataSet{}
	if err := tx.LoadRuntimeMetadata(set, "SELECT e.metadata"+fromOffers+where, args...); err != nil {
		return nil, err
	}
	return offers(tx, set, where, args...)
}

func offers(tx *store.Tx, set store.MetadataSet, where string, args ...any) ([]Offer, error) {
	var all []Offer
	err := tx.Query(func(rows *sql.Rows) error {
		var o Offer
		var metadata int64
		err := rows.Scan(&o.CPV, &o.Folder, &o.IndexedAt, &o.FetchedTo, &o.Path, &o.BuildTime, &o.BuildID, &o.Size, &o.MD5, &o.SHA1, &o.Slot, &o.Repo, &metadata)
		o.Usable, o.Metadata = true, set[metadata]
		all = append(all, o)
		return err
	}, `SELECT c.value, p.path, p.index_timestamp, p.fetched_to, e.path, e.build_time, e.build_id, e.size, e.md5, e.sha1, e.slot, e.repo, coalesce(e.metadata, 0)`+
		fromOffers+where+" ORDER BY e.build_time DESC, p.path, e.position", args...)
	return all, err
}

// RemoteFolders returns the folders with the indexes of binhosts.
func RemoteFolders(tx *store.Tx, host store.HostID) ([]PkgDir, error) {
	return pkgDirs(tx, "kind = 'remote'", host)
}

// everInstalled selects the packages (category/pn) that are or were installed on a
// host, by its VDB and its emerge.log.
const everInstalled = `SELECT value FROM cp WHERE EXISTS (SELECT 1 FROM merge m WHERE m.cp = cp.id AND m.host = ?)
	OR EXISTS (SELECT 1 FROM unmerge u WHERE u.cp = cp.id AND u.host = ?) OR id IN (SELECT v.cp FROM installed i JOIN cpv v ON v.id = i.cpv WHERE i.host = ?)`

// EverInstalled returns the packages (category/pn) that are or were installed on a
// host.
func EverInstalled(tx *store.Tx, host store.HostID) (map[string]bool, error) {
	names := map[string]bool{}
	err := tx.Query(func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		names[name] = true
		return err
	}, everInstalled, host, host, host)
	return names, err
}
