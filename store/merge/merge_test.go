package merge

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
)

// TestAMergeCopiesEveryTableAndReference holds what a merge knows of the schema to what
// SQLite knows of it.
func TestAMergeCopiesEveryTableAndReference(t *testing.T) {
	t.Parallel()
	db := hosttest.New(t, hostarchive.Alpha(t)).DB
	copiedTables := map[string]bool{}
	for _, table := range facts() {
		copiedTables[table.Name] = true
	}
	err := db.View(context.Background(), func(tx *store.Tx) error {
		declared, parsed := map[string]string{}, map[string]string{}
		// A key of several columns begins with the host; the others are copied.
		err := tx.Query(func(rows *sql.Rows) error {
			var table, column, to string
			err := rows.Scan(&table, &column, &to)
			if !copiedTables[table] {
				t.Errorf("a merge does not copy table %s", table)
			}
			declared[table+"."+column] = to
			return err
		}, `SELECT t.name, f."from", CASE WHEN f."from" = 'host' THEN 'host' ELSE f."table" END FROM sqlite_master t JOIN pragma_foreign_key_list(t.name) f
			WHERE t.type = 'table' AND t.name <> 'cpv' AND (f."to" = 'id' OR f."from" = 'host')`)
		for _, table := range facts() {
			for _, c := range table.Columns {
				if c.References != "" && c.Name != "id" {
					parsed[table.Name+"."+c.Name] = c.References
				}
			}
		}
		if diff := cmp.Diff(declared, parsed); diff != "" {
			t.Errorf("references (-schema +merge)\n%s", diff)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestAMergeWritesTheDifference: a package and a binary package are removed, a drill is
// added, and the second merge makes this database equal to the other one.
func TestAMergeWritesTheDifference(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	h := hosttest.New(t, hostarchive.AlphaCopy(t))
	h.Ingest(hosttest.Now)
	to, err := store.Open(ctx, filepath.Join(t.TempDir(), "to.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	merge := func() Merged {
		t.Helper()
		merged, err := Databases(ctx, to, h.DB, nil)
		if err != nil || len(merged) != 1 {
			t.Fatalf("merged %v: %v", merged, err)
		}
		return merged[0]
	}
	first := merge()
	if !first.Changed || first.Rows < 1000 {
		t.Errorf("the first merge: %+v", first)
	}
	for _, name := range []string{"var/db/pkg/app-misc/hello-2.1", "var/cache/binpkgs/app-misc/hello"} {
		if err := os.RemoveAll(filepath.Join(h.Root, name)); err != nil {
			t.Fatal(err)
		}
	}
	h.Ingest(hosttest.Now + 3600)
	drill := &store.Drill{
		Target: "run:88", StartedAt: hosttest.Now + 7200, Seconds: 61, Verdict: "failed", Plan: []byte{1}, Installed: []byte{2},
		Files:        []store.DrillFile{{PkgDir: "/var/cache/binpkgs", Path: "a/b-1.gpkg.tar", CPV: "a/b-1", Size: 9, MD5: []byte{3}}},
		Observations: []store.DrillObservation{{Kind: "file-missing", Subject: "/usr/bin/x"}},
	}
	if err := h.DB.Update(ctx, func(tx *store.Tx) error { return tx.AddDrill(h.ID, drill) }); err != nil {
		t.Fatal(err)
	}
	second := merge()
	if !second.Changed || second.Rows == 0 || second.Rows > first.Rows/4 {
		t.Errorf("the second merge wrote %d rows, the first one %d", second.Rows, first.Rows)
	}
	if again := merge(); again.Changed {
		t.Errorf("a merge of what is here already: %+v", again)
	}
	err = h.DB.View(ctx, func(from *store.Tx) error {
		return to.Update(ctx, func(tx *store.Tx) error {
			host, _, err := tx.FindHost("test")
			if err != nil {
				return err
			}
			m := merger{from: from, to: tx, here: "here", there: "there", ids: map[string]map[int64]int64{}, old: h.ID, new: host.ID}
			if left, err := m.difference(); err != nil || left > 0 {
				t.Errorf("%d rows differ after a merge: %v", left, err)
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}
