package store

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// difference makes the facts of a host equal to those in the other database. It
// writes only rows that differ, and returns their number. It compares the content of
// rows, with references translated. A row of a numbered table is the same as long as
// its key is.
func (m *merger) difference() (int, error) {
	// A row that changed is deleted and inserted anew, so what refers to it counts
	// at the end of the transaction.
	if _, err := m.to.Exec("PRAGMA defer_foreign_keys = ON"); err != nil {
		return 0, About(m.here, err)
	}
	written := 0
	gone := map[string][]int64{} // ids of a numbered table
	for _, t := range mergedTables {
		do := m.rowsDifference
		if t.numbered {
			do = func(t mergedTable) (n int, err error) {
				n, gone[t.name], err = m.numberedDifference(t)
				return n, err
			}
		}
		n, err := do(t)
		if err != nil {
			return 0, fmt.Errorf("table %s: %w", t.name, err)
		}
		written += n
	}
	for _, t := range slices.Backward(mergedTables) {
		for _, id := range gone[t.name] {
			if _, err := m.to.Exec("DELETE FROM "+t.name+" WHERE id = ?", id); err != nil {
				return 0, About(m.here, fmt.Errorf("table %s: %w", t.name, err))
			}
			written++
		}
	}
	return written, nil
}

// print identifies a row by its values.
type print [16]byte

func printOf(values []any) (p print) {
	sum := sha256.New()
	for _, v := range values {
		fmt.Fprintf(sum, "%T %d %v\x00", v, len(fmt.Sprint(v)), v)
	}
	copy(p[:], sum.Sum(nil))
	return p
}

// each calls see with the values of the columns of every row of a host, and then with
// those of more.
func (t mergedTable) each(tx *Tx, host int64, columns, more []string, see func(values, more []any) error) error {
	list := make([]string, 0, len(columns)+len(more))
	for _, c := range slices.Concat(columns, more) {
		list = append(list, "t."+c)
	}
	values, dest := make([]any, len(list)), make([]any, len(list))
	for i := range values {
		dest[i] = &values[i]
	}
	return tx.Query(func(r *sql.Rows) error {
		if err := r.Scan(dest...); err != nil {
			return err
		}
		return see(values[:len(columns)], values[len(columns):])
	}, "SELECT "+strings.Join(list, ", ")+" FROM "+t.name+" t "+t.from+" WHERE "+t.where(), host)
}

// translated returns the values of a row of the other database as they are here.
func (m *merger) translated(t mergedTable, columns []string, values []any) ([]any, error) {
	row := slices.Clone(values)
	for i, c := range columns {
		var err error
		if row[i], err = m.value(t, c, row[i]); err != nil {
			return nil, err
		}
	}
	return row, nil
}

// rowsDifference is [merger.difference] for a table that nothing refers to by an id.
func (m *merger) rowsDifference(t mergedTable) (int, error) {
	columns, err := m.columns(t)
	if err != nil {
		return 0, err
	}
	here := map[print]int{} // how many rows are alike
	err = t.each(m.to, m.new, columns, nil, func(values, _ []any) error {
		here[printOf(values)]++
		return nil
	})
	if err != nil {
		return 0, About(m.here, err)
	}
	var added [][]any
	err = t.each(m.from, m.old, columns, nil, func(values, _ []any) error {
		row, err := m.translated(t, columns, values)
		if err != nil {
			return err
		}
		p := printOf(row)
		if here[p] == 0 {
			added = append(added, row)
			return nil
		}
		if here[p]--; here[p] == 0 {
			delete(here, p)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	removed, err := m.remove(t, columns, here)
	if err != nil {
		return 0, About(m.here, err)
	}
	insert := m.to.Bulk(t.name, columns...)
	for _, row := range added {
		if err := insert.Add(row...); err != nil {
			return 0, About(m.here, err)
		}
	}
	return removed + len(added), About(m.here, insert.Flush())
}

// remove deletes the rows of the given prints.
func (m *merger) remove(t mergedTable, columns []string, gone map[print]int) (int, error) {
	if len(gone) == 0 {
		return 0, nil
	}
	key, err := m.to.primaryKey(t.name)
	if err != nil {
		return 0, err
	}
	var rows [][]any
	err = t.each(m.to, m.new, columns, key, func(values, at []any) error {
		if p := printOf(values); gone[p] > 0 {
			gone[p]--
			rows = append(rows, slices.Clone(at))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, at := range rows {
		if _, err := m.to.Exec("DELETE FROM "+t.name+" WHERE "+strings.Join(key, " = ? AND ")+" = ?", at...); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

// primaryKey returns the columns that identify a row of a table.
func (tx *Tx) primaryKey(table string) ([]string, error) {
	var key []string
	err := tx.Query(func(r *sql.Rows) error {
		var column string
		err := r.Scan(&column)
		key = append(key, column)
		return err
	}, "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", table)
	if err == nil && key == nil {
		key = []string{"rowid"}
	}
	return key, err
}

// numberedDifference is [merger.difference] for a table to whose ids others refer. It
// returns the ids of the rows that the other database no longer has: they are deleted
// last.
func (m *merger) numberedDifference(t mergedTable) (written int, gone []int64, err error) {
	columns, err := m.columns(t)
	if err != nil {
		return 0, nil, err
	}
	keyOf := func(row []any) print {
		var key []any
		for i, c := range columns {
			if slices.Contains(t.key, c) {
				key = append(key, row[i])
			}
		}
		return printOf(key)
	}
	type known struct {
		id    int64
		whole print
	}
	here := map[print]known{}
	err = t.each(m.to, m.new, columns, []string{"id"}, func(values, id []any) error {
		here[keyOf(values)] = known{id[0].(int64), printOf(values)}
		return nil
	})
	if err != nil {
		return 0, nil, About(m.here, err)
	}
	ids := map[int64]int64{}
	m.ids[t.name] = ids
	insert := "INSERT INTO " + t.name + " (" + strings.Join(columns, ", ") + ") VALUES (?" + strings.Repeat(", ?", len(columns)-1) + ")"
	update := "UPDATE " + t.name + " SET " + strings.Join(columns, " = ?, ") + " = ? WHERE id = ?"
	err = t.each(m.from, m.old, columns, []string{"id"}, func(values, id []any) error {
		row, err := m.translated(t, columns, values)
		if err != nil {
			return err
		}
		theirs := id[0].(int64)
		k, there := here[keyOf(row)]
		delete(here, keyOf(row))
		switch {
		case !there:
			ids[theirs], err = m.to.Insert(insert, row...)
			written++
			return About(m.here, err)
		case k.whole != printOf(row):
			_, err = m.to.Exec(update, append(row, k.id)...)
			written++
		}
		ids[theirs] = k.id
		return About(m.here, err)
	})
	for _, k := range here {
		gone = append(gone, k.id)
	}
	return written, gone, err
}
