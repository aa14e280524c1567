package inventory_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"emaudit/internal/hosttest"
	"emaudit/store"
	"emaudit/store/inventory"
)

// TestAnIndexKeepsTheRowsThatSayTheSame changes an index at random: it is read back as
// it was stored, and a new entry changes no other row.
func TestAnIndexKeepsTheRowsThatSayTheSame(t *testing.T) {
	t.Parallel()
	const header, stanza = 100, 40
	h := hosttest.New(t, t.TempDir())
	random := rand.New(rand.NewPCG(1, 2))
	dir := inventory.PkgDir{Path: "/pkg", Kind: inventory.KindPkgDir}
	var named []string
	n := 0
	one := func() string {
		n++
		return fmt.Sprintf("app-misc/p%d-1", n)
	}
	// put returns how many rows were there before and are there still.
	put := func(named []string) (kept int) {
		t.Helper()
		var entries []inventory.IndexEntry
		at := int64(header)
		for _, cpv := range named {
			entries = append(entries, inventory.IndexEntry{Offset: at, CPV: cpv, Path: cpv, MD5: []byte(cpv), Usable: true})
			at += stanza + int64(len(cpv))
		}
		dir.IndexSize = at
		err := h.DB.Update(context.Background(), func(tx *store.Tx) error {
			if err := inventory.PutPkgDir(tx, h.ID, &dir); err != nil {
				return err
			}
			ids := func() (all []int64) {
				err := tx.Query(func(rows *sql.Rows) error {
					var id int64
					err := rows.Scan(&id)
					all = append(all, id)
					return err
				}, "SELECT id FROM index_entry")
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			before := ids()
			if err := inventory.PutIndexEntries(tx, dir.ID, dir.IndexSize, entries); err != nil {
				return err
			}
			for _, id := range ids() {
				if slices.Contains(before, id) {
					kept++
				}
			}
			// No file is there to agree with.
			got, _, _, err := inventory.DoubtfulEntries(tx, dir.ID)
			var want []*inventory.IndexEntry
			for i := range entries {
				want = append(want, &entries[i])
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(inventory.IndexEntry{})); diff != "" {
				t.Fatalf("stored and read back (-stored +read):\n%s", diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return kept
	}
	for range 50 {
		named = append(named, one())
	}
	put(named)
	for range 200 {
		before := len(named)
		switch at := random.IntN(len(named)); random.IntN(4) {
		case 0:
			if named = slices.Delete(named, at, at+1); put(named) != before-1 {
				t.Fatal("an entry went, and other rows changed")
			}
		case 1:
			moved := named[at]
			named = slices.Insert(slices.Delete(named, at, at+1), random.IntN(len(named)), moved)
			if kept := put(named); kept < before-1 {
				t.Fatalf("an entry moved, and %d others changed", before-kept)
			}
		default:
			if named = slices.Insert(named, at, one(), one()); put(named) != before {
				t.Fatal("two entries came, and other rows changed")
			}
		}
	}
	// At one place there is room for a limited number: then all get new positions.
	for range 50 {
		named = slices.Insert(named, 1, one())
		put(named)
	}
	// Two stanzas may say the same.
	put([]string{named[0], named[0], named[1], named[0]})
	if kept := put([]string{named[0], named[1], named[0]}); kept != 3 {
		t.Errorf("of three rows that stay, %d did", kept)
	}
	put(nil)
}
