package inventory

import (
	"database/sql"

	"emaudit/store"
)

// DiskFact is an answer of the disk of a host. Package audit/rollback says what its
// kinds and values mean.
type DiskFact struct {
	Kind, Subject string
	Position      int // of several answers to one question
	Value         string
}

// DiskFacts returns the recorded answers of a host, those to one question in order.
func DiskFacts(tx *store.Tx, host store.HostID) ([]DiskFact, error) {
	return store.All(tx, func(f *DiskFact) []any { return []any{&f.Kind, &f.Subject, &f.Position, &f.Value} },
		"SELECT kind, subject, position, value FROM disk_fact WHERE host = ? ORDER BY kind, subject, position", host)
}

// ReplaceDiskFacts replaces the recorded answers of a host. The row of an answer that is
// the same stays as it is.
func ReplaceDiskFacts(tx *store.Tx, host store.HostID, facts []DiskFact) error {
	type question struct {
		kind, subject string
		position      int
	}
	type answer struct {
		id    int64
		value string
	}
	known := map[question]answer{}
	err := tx.Query(func(rows *sql.Rows) error {
		var q question
		var a answer
		err := rows.Scan(&a.id, &q.kind, &q.subject, &q.position, &a.value)
		known[q] = a
		return err
	}, "SELECT id, kind, subject, position, value FROM disk_fact WHERE host = ?", host)
	if err != nil {
		return err
	}
	rows := tx.Bulk("disk_fact", "host", "kind", "subject", "position", "value")
	for _, f := range facts {
		q := question{f.Kind, f.Subject, f.Position}
		a, ok := known[q]
		delete(known, q)
		switch {
		case !ok:
			err = rows.Add(host, f.Kind, f.Subject, f.Position, f.Value)
		case a.value != f.Value:
			_, err = tx.Exec("UPDATE disk_fact SET value = ? WHERE id = ?", f.Value, a.id)
		}
		if err != nil {
			return err
		}
	}
	for _, a := range known {
		if _, err := tx.Exec("DELETE FROM disk_fact WHERE id = ?", a.id); err != nil {
			return err
		}
	}
	return rows.Flush()
}

// Repository is an ebuild repository, in whose history a removed ebuild can be found.
type Repository struct {
	Name     string
	Location string
	SyncType string // as in repos.conf; empty if Portage does not sync it
	Main     bool
	Git      bool // it is a git checkout
	Shallow  bool // its history is not complete
}
