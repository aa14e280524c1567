package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is an entry of the schema of a database: a table, an index, a view or a
// trigger, with the statement that made it.
type object struct{ kind, name, table, sql string }

// maxObjects is the largest number of entries that are read, far more than emaudit
// makes.
const maxObjects = 1000

// objects reads the schema.
func (tx *Tx) objects() (map[string]object, error) {
	all := map[string]object{}
	err := tx.Query(func(rows *sql.Rows) error {
		var o object
		if err := rows.Scan(&o.kind, &o.name, &o.table, &o.sql); err != nil {
			return err
		}
		o.sql = withoutComments(o.sql)
		all[o.kind+" "+o.name] = o
		return nil
	}, "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master LIMIT ?", maxObjects)
	return all, err
}

// withoutComments returns a statement without "--" comments, and with each white space
// as one blank. Strings and quoted names are not changed, so two statements with equal
// results mean the same.
func withoutComments(stmt string) string {
	var b strings.Builder
	blank := false
	for i := 0; i < len(stmt); i++ {
		c := stmt[i]
		switch {
		case strings.HasPrefix(stmt[i:], "--"):
			end := strings.IndexByte(stmt[i:], '\n')
			if end < 0 {
				return b.String()
			}
			i, blank = i+end, true
			continue
		case strings.IndexByte(" \t\r\n", c) >= 0:
			blank = true
			continue
		}
		if blank {
			b.WriteByte(' ')
			blank = false
		}
		if closing := map[byte]byte{'\'': '\'', '"': '"', '`': '`', '[': ']'}[c]; closing != 0 {
			end := strings.IndexByte(stmt[i+1:], closing)
			if end < 0 {
				end = len(stmt) - i - 2
			}
			b.WriteString(stmt[i : i+end+2])
			i += end + 1
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// checkSchema returns an error unless the schema is the one that emaudit makes: it has
// the same tables, indexes, views and triggers, made by the same statements.
func (tx *Tx) checkSchema() error {
	var want map[string]object
	err := withSchema(tx.ctx, func(made *Tx) (err error) {
		want, err = made.objects()
		return err
	})
	if err != nil {
		return err
	}
	got, err := tx.objects()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if o, ok := want[name]; !ok {
			return fmt.Errorf("%w: it has the %s, which is not in schema %d", ErrSchema, name, schemaVersion)
		} else if o != got[name] {
			return fmt.Errorf("%w: its %s is another one than that of schema %d", ErrSchema, name, schemaVersion)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, ok := got[name]; !ok {
			return fmt.Errorf("%w: it has no %s, as schema %d does", ErrSchema, name, schemaVersion)
		}
	}
	return nil
}

// withSchema runs fn on an empty database in memory that has the schema.
func withSchema(ctx context.Context, fn func(*Tx) error) error {
	pool, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		return err
	}
	defer pool.Close()
	pool.SetMaxOpenConns(1)
	db := &DB{path: ":memory:", sql: pool}
	return db.transact(ctx, writing, func(tx *Tx) error {
		if err := tx.makeSchema(); err != nil {
			return err
		}
		return fn(tx)
	})
}
