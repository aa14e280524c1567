package store

import (
	"context"
	"database/sql"
	"slices"
	"testing"
)

// TestAMergeKnowsEveryTableAndReference holds the list of what a merge copies to
// the schema, so that a later migration cannot be forgotten.
func TestAMergeKnowsEveryTableAndReference(t *testing.T) {
	t.Parallel()
	db, err := Open(context.Background(), t.TempDir()+"/emaudit.db", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// Names are entered when a fact refers to them; marks are of one database; the
	// words of enumerations are the same in all.
	names := []string{
		"host", "text", "cp", "cpv", "metadata", "table_mark",
		"run_action", "run_outcome", "merge_kind", "merge_outcome", "unmerge_reason", "unmerge_outcome", "sync_outcome",
	}
	var tables []string
	read := func(query string, scan func(*sql.Rows) error, args ...any) {
		t.Helper()
		rows, err := db.sql.Query(query, args...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				t.Fatal(err)
			}
		}
	}
	read("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", func(r *sql.Rows) error {
		var name string
		defer func() { tables = append(tables, name) }()
		return r.Scan(&name)
	})
	for _, table := range tables {
		if slices.Contains(names, table) {
			continue
		}
		i := slices.IndexFunc(mergedTables, func(m mergedTable) bool { return m.name == table })
		if i < 0 {
			t.Errorf("a merge does not copy table %s", table)
			continue
		}
		declared := map[string]string{}
		// A key of several columns begins with the host; the others are copied.
		read("SELECT \"from\", CASE WHEN \"from\" = 'host' THEN 'host' ELSE \"table\" END FROM pragma_foreign_key_list(?) WHERE \"to\" = 'id' OR \"from\" = 'host'", func(r *sql.Rows) error {
			var column, to string
			defer func() { declared[column] = to }()
			return r.Scan(&column, &to)
		}, table)
		for column, to := range declared {
			if got := mergedTables[i].references[column]; got != to {
				t.Errorf("%s.%s refers to %s; a merge translates it as %q", table, column, to, got)
			}
		}
		for column, to := range mergedTables[i].references {
			if declared[column] != to {
				t.Errorf("%s.%s: a merge translates it as %s; the schema says %q", table, column, to, declared[column])
			}
		}
	}
	for _, m := range mergedTables {
		if !slices.Contains(tables, m.name) {
			t.Errorf("a merge copies table %s, which is not there", m.name)
		}
	}
}
