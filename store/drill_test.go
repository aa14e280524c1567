package store_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
	"emaudit/store/inventory"
)

// recordedDrill is a drill that merged a binary package of the recorded host.
func recordedDrill(tx *store.Tx, host store.HostID) (*store.Drill, error) {
	dirs, err := inventory.PkgDirs(tx, host)
	if err != nil {
		return nil, err
	}
	files, err := inventory.Instances(tx, dirs[0].ID)
	if err != nil {
		return nil, err
	}
	f := files[0]
	return &store.Drill{
		Target: "run:88", StartedAt: hosttest.Now + 10, Seconds: 61, Bytes: 5 << 20, Verdict: "failed", Step: "emerge --oneshot =a/b-1", Cause: "no room", Log: "/var/lib/emaudit/drills/1.log",
		Program: "1.0", Portage: "3.0.82", Plan: []byte{1}, Installed: []byte{2},
		Files:        []store.DrillFile{{PkgDir: dirs[0].Path, Path: f.Path, CPV: f.CPV, Size: f.Size, MTimeNS: f.MTimeNS, MD5: f.MD5, BuildTime: f.BuildTime, BuildID: f.BuildID}},
		Observations: []store.DrillObservation{{"file-missing", "/usr/bin/x", "a/b-1 installed it", false}, {"next-update", "a/c-2", "", true}},
	}, nil
}

func TestADrillIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	var put *store.Drill
	update(t, h.DB, func(tx *store.Tx) (err error) {
		if put, err = recordedDrill(tx, h.ID); err != nil {
			return err
		}
		older := *put
		older.StartedAt--
		older.Verdict = "proven"
		if err := tx.AddDrill(h.ID, &older); err != nil {
			return err
		}
		return tx.AddDrill(h.ID, put)
	})
	for _, test := range []struct {
		name, target    string
		plan, installed byte
		found           bool
	}{
		{"the target", "run:88", 9, 9, true},
		{"the plan over the same builds", "@5", 1, 2, true},
		{"the plan over other builds", "@5", 1, 3, false},
		{"another plan", "@5", 3, 2, false},
	} {
		h.View(func(tx *store.Tx) error {
			got, err := tx.LastDrill(h.ID, test.target, []byte{test.plan}, []byte{test.installed})
			switch {
			case err != nil:
				return err
			case !test.found && got != nil:
				t.Errorf("%s: found %+v", test.name, got)
			case test.found:
				if diff := cmp.Diff(put, got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s (-put +got)\n%s", test.name, diff)
				}
			}
			return nil
		})
	}
	h.View(func(tx *store.Tx) error {
		other, err := tx.LastDrill(h.ID+1, "run:88", nil, nil)
		if other != nil {
			t.Error("another host has the drill")
		}
		return err
	})
}

// What a drill rests on is compared with what there is now.
func TestADrillSaysWhatChangedSince(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	var d *store.Drill
	look := func() *store.Drill {
		t.Helper()
		var got *store.Drill
		h.View(func(tx *store.Tx) (err error) {
			got, err = tx.LastDrill(h.ID, d.Target, nil, nil)
			return err
		})
		return got
	}
	update(t, h.DB, func(tx *store.Tx) (err error) {
		if d, err = recordedDrill(tx, h.ID); err != nil {
			return err
		}
		return tx.AddDrill(h.ID, d)
	})
	if got := look(); got.PackagesChanged != 0 || got.FilesChanged != 0 {
		t.Errorf("at once, %d packages and %d files changed", got.PackagesChanged, got.FilesChanged)
	}
	update(t, h.DB, func(tx *store.Tx) error {
		all, err := inventory.ReadInstalled(tx, h.ID)
		if err != nil {
			return err
		}
		// One is replaced, which is one package, and one is removed.
		replaced := all[0]
		if err := inventory.RemoveInstalled(tx, replaced.ID, d.StartedAt+1); err != nil {
			return err
		}
		if err := inventory.RemoveInstalled(tx, all[1].ID, d.StartedAt+1); err != nil {
			return err
		}
		replaced.Metadata = &store.Metadata{}
		return inventory.AddInstalled(tx, h.ID, &replaced, d.StartedAt+1)
	})
	if got := look(); got.PackagesChanged != 2 || got.FilesChanged != 0 {
		t.Errorf("afterwards, %d packages and %d files changed; want 2 and 0", got.PackagesChanged, got.FilesChanged)
	}
	update(t, h.DB, func(tx *store.Tx) error {
		d.Files[0].MTimeNS++
		return tx.AddDrill(h.ID, d)
	})
	if got := look(); got.FilesChanged != 1 {
		t.Errorf("%d files changed, want 1", got.FilesChanged)
	}
}

func update(t *testing.T, db *store.DB, change func(*store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), change); err != nil {
		t.Fatal(err)
	}
}
