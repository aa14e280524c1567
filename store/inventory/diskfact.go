package inventory

import (
	"cmp"
	"slices"
	"strings"

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

// ReplaceDiskFacts replaces the recorded answers of a host.
func ReplaceDiskFacts(tx *store.Tx, host store.HostID, facts []DiskFact) error {
	known, err := DiskFacts(tx, host)
	if err != nil {
		return err
	}
	order := func(a, b DiskFact) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Subject, b.Subject), a.Position-b.Position)
	}
	facts = slices.SortedFunc(slices.Values(facts), order)
	if slices.Equal(known, facts) {
		return nil
	}
	if _, err := tx.Exec("DELETE FROM disk_fact WHERE host = ?", host); err != nil {
		return err
	}
	rows := tx.Bulk("disk_fact", "host", "kind", "subject", "position", "value")
	for _, f := range facts {
		if err := rows.Add(host, f.Kind, f.Subject, f.Position, f.Value); err != nil {
			return err
		}
	}
	return rows.Flush()
}
