package merge

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"emaudit/store"
	"emaudit/store/postgres"
)

// difference makes the facts of a host equal to those in the other database. It
// writes only rows that differ, and returns their number. It compares the content of
// rows, with references translated. A row to which others refer is the same as long as
// its key is.
func (m *merger) difference() (written int, err error) {
	// A changed row is deleted and inserted again, so references to it are checked at
	// the end of the transaction.
	if _, err := m.to.Exec("PRAGMA defer_foreign_keys = ON"); err != nil {
		return 0, err
	}
	gone := map[string][]int64{} // ids by table
	for _, t := range facts() {
		var n int
		var err error
		if isReferredTo(t) {
			n, gone[t.Name], err = m.updateRows(t)
		} else {
			n, err = m.replaceRows(t)
		}
		if err != nil {
			return 0, fmt.Errorf("table %s: %w", t.Name, err)
		}
		written += n
	}
	for _, t := range slices.Backward(facts()) {
		for _, id := range gone[t.Name] {
			if _, err := m.to.Exec("DELETE FROM "+t.Name+" WHERE id = ?", id); err != nil {
				return 0, fmt.Errorf("table %s: %w", t.Name, err)
			}
			written++
		}
	}
	return written, nil
}

// isReferredTo reports whether other tables hold ids of the table.
func isReferredTo(t *postgres.Table) bool {
	return slices.ContainsFunc(facts(), func(other *postgres.Table) bool {
		return other != t && slices.ContainsFunc(other.Columns, func(c postgres.Column) bool { return c.References == t.Name })
	})
}

// copied returns the columns of a table, and their names, without the id, because a
// copied row gets a new one.
func copied(t *postgres.Table) (columns []postgres.Column, names []string) {
	for _, c := range t.Columns {
		if c.Name != "id" {
			columns, names = append(columns, c), append(names, c.Name)
		}
	}
	return columns, names
}

// each calls see with the values of the columns of every row of a host, and then with
// those of more.
func each(tx *store.Tx, t *postgres.Table, host store.HostID, columns, more []string, see func(values, more []any) error) error {
	list := slices.Concat(columns, more)
	values, dest := make([]any, len(list)), make([]any, len(list))
	for i := range values {
		dest[i] = &values[i]
	}
	return tx.Query(func(r *sql.Rows) error {
		if err := r.Scan(dest...); err != nil {
			return err
		}
		return see(values[:len(columns)], values[len(columns):])
	}, "SELECT "+strings.Join(list, ", ")+" FROM "+t.Name+" WHERE "+store.Schema().OfHost(t), host)
}

// eachOther calls see with every row of the host in the other database, translated, and
// with the values of more.
func (m *merger) eachOther(t *postgres.Table, more []string, see func(row, more []any) error) error {
	columns, names := copied(t)
	err := each(m.from, t, m.old, names, more, func(values, more []any) error {
		row, err := m.translated(columns, values)
		if err != nil {
			return err
		}
		return see(row, more)
	})
	if store.IsOfDatabase(err) {
		err = store.About(m.there, err)
	}
	return err
}

// replaceRows is [merger.difference] for a table to which no other refers by an id.
func (m *merger) replaceRows(t *postgres.Table) (int, error) {
	_, names := copied(t)
	here := map[[16]byte]int{} // number of equal rows
	err := each(m.to, t, m.new, names, nil, func(values, _ []any) error {
		here[store.RowDigest(values)]++
		return nil
	})
	if err != nil {
		return 0, err
	}
	insert := m.to.Bulk(t.Name, names...)
	isNew := len(here) == 0
	written := 0
	var waiting [][]any // a removed row may have the key of a new one
	err = m.eachOther(t, nil, func(row, _ []any) error {
		if isNew {
			written++
			return store.About(m.here, insert.Add(row...))
		}
		d := store.RowDigest(row)
		if here[d] == 0 {
			waiting = append(waiting, row)
			return nil
		}
		if here[d]--; here[d] == 0 {
			delete(here, d)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	removed, err := m.remove(t, names, here)
	if err != nil {
		return 0, err
	}
	for _, row := range waiting {
		if err := insert.Add(row...); err != nil {
			return 0, err
		}
	}
	return written + removed + len(waiting), insert.Flush()
}

// remove deletes rows: so many of each digest.
func (m *merger) remove(t *postgres.Table, columns []string, gone map[[16]byte]int) (int, error) {
	if len(gone) == 0 {
		return 0, nil
	}
	key := t.Key
	if len(key) == 0 {
		key = []string{"rowid"}
	}
	var rows [][]any
	err := each(m.to, t, m.new, columns, key, func(values, at []any) error {
		if d := store.RowDigest(values); gone[d] > 0 {
			gone[d]--
			rows = append(rows, slices.Clone(at))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, at := range rows {
		if _, err := m.to.Exec("DELETE FROM "+t.Name+" WHERE "+strings.Join(key, " = ? AND ")+" = ?", at...); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// updateRows is [merger.difference] for a table to whose ids others refer. It returns
// the ids of the rows that the other database no longer has: they are deleted last.
func (m *merger) updateRows(t *postgres.Table) (written int, gone []int64, err error) {
	_, names := copied(t)
	keyOf := func(row []any) [16]byte {
		var key []any
		for i, name := range names {
			if t.Unique == nil || slices.Contains(t.Unique, name) {
				key = append(key, row[i])
			}
		}
		return store.RowDigest(key)
	}
	type known struct {
		id    int64
		whole [16]byte
	}
	here := map[[16]byte]known{}
	err = each(m.to, t, m.new, names, []string{"id"}, func(values, id []any) error {
		here[keyOf(values)] = known{id[0].(int64), store.RowDigest(values)}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	ids := map[int64]int64{}
	m.ids[t.Name] = ids
	insert := "INSERT INTO " + t.Name + " (" + strings.Join(names, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(names)-1) + ")"
	update := "UPDATE " + t.Name + " SET " + strings.Join(names, " = ?, ") + " = ? WHERE id = ?"
	err = m.eachOther(t, []string{"id"}, func(row, id []any) (err error) {
		theirs := id[0].(int64)
		k, there := here[keyOf(row)]
		delete(here, keyOf(row))
		switch {
		case !there:
			written++
			k.id, err = m.to.Insert(insert, row...)
		case k.whole != store.RowDigest(row):
			written++
			_, err = m.to.Exec(update, append(row, k.id)...)
		}
		ids[theirs] = k.id
		return store.About(m.here, err)
	})
	for _, k := range here {
		gone = append(gone, k.id)
	}
	return written, gone, err
}
