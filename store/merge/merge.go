// Package merge copies the facts of hosts from one database to another, adds the history
// of one host to another, and deletes hosts.
package merge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"emaudit/store"
	"emaudit/store/postgres"
)

// Ids differ between databases, so each reference is translated: names by their value,
// facts by the id of the copied row. Other columns are copied unchanged.

// facts returns the tables whose rows belong to one host each. A table follows the
// tables that it refers to. Deletion uses the reverse order.
var facts = sync.OnceValue(func() []*postgres.Table {
	schema := store.Schema()
	return slices.DeleteFunc(slices.Clone(schema.Tables), func(t *postgres.Table) bool { return schema.OfHost(t) == "" })
})

// errNamed means that a new name is given for a host that this database has already
// under another one.
var errNamed = errors.New("the host is in this database as")

// Merged is the result of a merge for one host.
type Merged struct {
	Name    string // in this database
	Rows    int    // number of rows that were inserted, changed or deleted
	Changed bool   // false if this database had all facts already
	// Older is how many seconds the last ingest that this database has of the host is
	// later than that of the other database. Then nothing changed.
	Older int64
	// LostRuns is how many runs fewer the host has now: its own database lost a
	// part of its history, as when it was restored from an old copy.
	LostRuns int
}

// Databases copies the facts of another database into db. The identity of a host
// decides which host it is here, not its name. If the other database has a later
// ingest or drill of it, the difference is written. Otherwise the host stays
// unchanged, so a repeated merge changes nothing. rename, if not nil, returns the
// name of a new host in db. After an error nothing was copied.
func Databases(ctx context.Context, db, other *store.DB, rename func(string) string) ([]Merged, error) {
	var merged []Merged
	err := other.View(ctx, func(from *store.Tx) error {
		hosts, err := from.Hosts()
		if err != nil {
			return store.About(other.Path(), err)
		}
		return db.Update(ctx, func(tx *store.Tx) error {
			m := merger{from: from, to: tx, here: db.Path(), there: other.Path(), ids: map[string]map[int64]int64{}}
			for _, h := range hosts {
				name := h.Name
				if rename != nil {
					name = rename(name)
				}
				if err := store.CheckHostName(name); err != nil {
					return store.About(other.Path(), err)
				}
				result, err := m.host(h, name)
				if err != nil {
					return fmt.Errorf("host %s: %w", name, err)
				}
				merged = append(merged, result)
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	return merged, nil
}

// merger copies rows between two transactions.
type merger struct {
	from, to    *store.Tx
	here, there string                     // paths of the databases
	ids         map[string]map[int64]int64 // table -> id in the other database -> id in this one
	old, new    store.HostID
}

// host merges one host.
func (m *merger) host(h store.Host, name string) (Merged, error) {
	result := Merged{Name: name}
	theirs, err := factsUntil(m.from, h.ID)
	if err != nil {
		return result, store.About(m.there, err)
	}
	known, exists, err := m.to.FindIdentity(h.Identity)
	if err != nil {
		return result, err
	}
	m.old, m.new = h.ID, known.ID
	if exists {
		result.Name = known.Name
		if name != h.Name && name != known.Name {
			return result, fmt.Errorf("%w %s", errNamed, known.Name)
		}
		ours, err := factsUntil(m.to, known.ID)
		switch {
		case err != nil:
			return result, err
		case ours >= theirs:
			result.Older = ours - theirs
			return result, nil
		case !known.Elsewhere():
			return result, fmt.Errorf("%w: it is this machine's own, ingested from %s", store.ErrOtherHost, known.Root)
		}
	} else {
		if _, taken, err := m.to.FindHost(name); err != nil {
			return result, err
		} else if taken {
			return result, store.ErrOtherHost
		}
		if m.new, err = m.to.AddHost(store.Host{Name: name, Root: store.ElsewhereRoot(h.Root), Identity: h.Identity, CreatedAt: h.CreatedAt}); err != nil {
			return result, err
		}
	}
	before, err := countRuns(m.to, m.new)
	if err != nil {
		return result, err
	}
	if result.Rows, err = m.difference(); err != nil {
		return result, err
	}
	after, err := countRuns(m.to, m.new)
	result.Changed, result.LostRuns = true, max(before-after, 0)
	return result, err
}

// countRuns returns the number of runs of a host.
func countRuns(tx *store.Tx, host store.HostID) (n int, err error) {
	err = tx.QueryRow("SELECT count(*) FROM run WHERE host = ?", host).Scan(&n)
	return n, err
}

// factsUntil returns the time of the last ingest or drill of a host, whichever is
// later.
func factsUntil(tx *store.Tx, host store.HostID) (int64, error) {
	at, err := tx.KnownUntil(host)
	if err != nil {
		return 0, err
	}
	var drilled int64
	err = tx.QueryRow("SELECT coalesce(max(started_at + seconds), 0) FROM drill WHERE host = ?", host).Scan(&drilled)
	return max(at, drilled), err
}

// translated returns the values of a row of the other database as they are here.
func (m *merger) translated(columns []postgres.Column, values []any) ([]any, error) {
	row := slices.Clone(values)
	for i, c := range columns {
		if id, ok := row[i].(int64); ok && c.References != "" {
			var err error
			if row[i], err = m.translate(c.References, id); err != nil {
				return nil, err
			}
		}
	}
	return row, nil
}

// translate returns the id in this database of a row in the other one.
func (m *merger) translate(table string, id int64) (int64, error) {
	if table == "host" {
		return int64(m.new), nil
	}
	if here, ok := m.ids[table][id]; ok {
		return here, nil
	}
	here, err := m.enter(table, id)
	if err != nil {
		return 0, err
	}
	if m.ids[table] == nil {
		m.ids[table] = map[int64]int64{}
	}
	m.ids[table][id] = here
	return here, nil
}

// enter inserts a row of a dictionary, unless it is here already.
func (m *merger) enter(table string, id int64) (here int64, err error) {
	if table == "metadata" {
		metadata, err := m.from.Metadata(id)
		if err != nil {
			return 0, err
		}
		here, err = m.to.MetadataID(metadata)
		return here, store.About(m.here, err)
	}
	idOf := map[string]func(string) (int64, error){"text": m.to.TextID, "cp": m.to.CPID, "cpv": m.to.CPVID}[table]
	if idOf == nil {
		return 0, fmt.Errorf("%w: a row refers to %s %d, which is not of this host", store.ErrDamaged, table, id)
	}
	var value string
	if err := m.from.QueryRow("SELECT value FROM "+table+" WHERE id = ?", id).Scan(&value); err != nil {
		return 0, fmt.Errorf("%s %d: %w", table, id, err)
	}
	here, err = idOf(value)
	return here, store.About(m.here, err)
}
