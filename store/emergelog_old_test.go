package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/emergelog"
)

// TestFactsOfEarlierSchemasAreRead reads testdata/numbered-6.db.gz, which the
// last version wrote that stored a cpv as a number of the table cpv, and goes on
// with the run that is open in it.
func TestFactsOfEarlierSchemasAreRead(t *testing.T) {
	t.Parallel()
	db := openStored(t, "testdata/numbered-6.db.gz")
	ctx := context.Background()
	var host Host
	err := db.View(ctx, func(tx *Tx) (err error) {
		host, _, err = tx.FindHost("stored")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Facts{
		{
			Merges: []Merge{
				{CP: "dev-libs/bin", Merge: emergelog.Merge{
					Run: 1, Seq: 2, CPV: "dev-libs/bin-1.5-r1", Root: "/", N: 2, Of: 2, Kind: emergelog.KindBinary, Outcome: emergelog.MergeMerged,
					Started: 1780000004, Finished: 1780000007, Steps: emergelog.Steps{Merging: 1780000005, Autoclean: 1780000006}, Slot: "0",
					Binpkg: "/var/cache/binpkgs/dev-libs/bin/bin-1.5-r1-3.gpkg.tar", BuildID: 3,
				}},
				{CP: "app-misc/hello", Merge: emergelog.Merge{
					Run: 1, Seq: 1, CPV: "app-misc/hello-2.0", Root: "/", N: 1, Of: 2, Kind: emergelog.KindSource, Outcome: emergelog.MergeMerged,
					Started: 1780000001, Finished: 1780000016, RepoPath: "/var/db/repos/gentoo", Slot: "0", Replaced: []string{"app-misc/hello-1.0"},
					Steps: emergelog.Steps{Cleaning: 1780000002, Compiling: 1780000003, Built: 1780000010, Merging: 1780000011, Autoclean: 1780000012},
					Usage: &emergelog.Usage{CPUMillis: 8000, MaxMem: 4096, MaxSwap: -1, Read: -1, Written: -1},
				}},
			},
			Unmerges: []Unmerge{{CP: "app-misc/hello", Unmerge: emergelog.Unmerge{
				Run: 1, Seq: 1, CPV: "app-misc/hello-1.0", Reason: emergelog.UnmergeReplaced, Outcome: emergelog.UnmergeOK,
				Started: 1780000013, Finished: 1780000014, Merge: 1,
			}}},
		},
		{Merges: []Merge{{CP: "app-misc/hello", Merge: emergelog.Merge{
			Run: 2, Seq: 1, CPV: "app-misc/hello-2.1", Root: "/", N: 1, Of: 1, Outcome: emergelog.MergeRunning, Started: 1780000101,
		}}}},
	}
	check := func(db *DB, host HostID) {
		t.Helper()
		var got []Facts
		err := db.View(ctx, func(tx *Tx) error {
			log := tx.EmergeLog(host)
			return log.Runs(RunRange{}, OldestFirst, func(r *Run) error {
				var facts Facts
				err := log.Facts(r, &facts)
				for i := range facts.Merges {
					facts.Merges[i].BeganAt = 0
				}
				for i := range facts.Unmerges {
					facts.Unmerges[i].BeganAt = 0
				}
				got = append(got, facts)
				return err
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("facts (-want +got)\n%s", diff)
		}
	}
	check(db, host.ID)
	finished := want[1].Merges[0].Merge
	finished.Outcome, finished.Finished = emergelog.MergeMerged, 1780000200
	err = db.Update(ctx, func(tx *Tx) error {
		w, err := tx.WriteEmergeLog(host.ID)
		if err != nil {
			return err
		}
		w.Merge(finished)
		w.Run(emergelog.Run{ID: 2, Started: 1780000100})
		return w.Close(emergelog.Open{}, []byte("state"), 1780000200)
	})
	if err != nil {
		t.Fatal(err)
	}
	want[1].Merges[0].Merge = finished
	check(db, host.ID)

	// Facts of both ways of storing are there now: a merge of databases takes
	// over all of them, whatever numbers names have there.
	other := open(t, filepath.Join(t.TempDir(), "other.db"), Options{})
	var merged Host
	err = other.Update(ctx, func(tx *Tx) error {
		_, err := tx.EnsureHost("first", "/", 1)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Merge(ctx, db, nil); err != nil {
		t.Fatal(err)
	}
	err = other.View(ctx, func(tx *Tx) (err error) {
		merged, _, err = tx.FindHost("stored")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	check(other, merged.ID)
}

// TestPathsAreRestored shortens the paths of binary packages and restores them,
// whatever they are.
func TestPathsAreRestored(t *testing.T) {
	t.Parallel()
	const cp, cpv = "app-misc/hello", "app-misc/hello-2.0-r1"
	for path, want := range map[string]string{
		"/var/cache/binpkgs/app-misc/hello/hello-2.0-r1-3.gpkg.tar": "/var/cache/binpkgs/\x01/\x02-3.gpkg.tar",
		"/usr/portage/packages/All/hello-2.0-r1.tbz2":               "/usr/portage/packages/All/\x02.tbz2",
		"/var/cache/binpkgs/app-misc/hello-2.0-r1.gpkg.tar":         "/var/cache/binpkgs/app-misc/\x02.gpkg.tar",
		"/elsewhere/other-1.xpak":                                   "/elsewhere/other-1.xpak",
		"app-misc/hello/app-misc/hello/x":                           "app-misc/hello/\x01/x",
		"hello-2.0-r1":                                              "\x02",
		"":                                                          "",
	} {
		short, ok := shortPath(path, cp, cpv)
		if short != want || !ok {
			t.Errorf("%q is stored as %q, %v; want %q", path, short, ok, want)
		}
		if long := longPath(short, cp, cpv); long != path {
			t.Errorf("%q is restored as %q", path, long)
		}
	}
	for _, path := range []string{"/a\x01/b", "/a/\x02b"} {
		if short, ok := shortPath(path, cp, cpv); ok || short != path {
			t.Errorf("%q is shortened to %q, which could not be restored", path, short)
		}
	}
	if _, ok := shortPath("/x/no cpv at all", "no cpv at all", "no cpv at all"); ok {
		t.Error("a path is shortened by a name that is no cpv")
	}
}
