package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
	"emaudit/store/config"
)

// lists are the lists that the store holds: kind and path.
func lists(host *hosttest.Host) []string {
	var all []string
	host.View(func(tx *store.Tx) error {
		files, err := config.Stamps(tx, host.ID)
		for _, f := range files {
			all = append(all, string(f.Kind)+" "+f.Path)
		}
		return err
	})
	return all
}

// TestListsAreReadWhereTheyAre follows the lists that steer Portage through
// what an administrator does to them.
func TestListsAreReadWhereTheyAre(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	host := hosttest.New(t, root)
	now := int64(hosttest.Now)
	ingest := func() (changed bool) {
		now++
		for _, s := range host.Ingest(now).Sources {
			if s.Kind == store.SourceConfig {
				changed = s.Changed
			}
		}
		return changed
	}
	want := []string{
		"categories /var/db/repos/lab/profiles/categories",
		"layout.conf /var/db/repos/lab/metadata/layout.conf",
		"license_groups /var/db/repos/lab/profiles/license_groups",
		"package.accept_keywords /etc/portage/package.accept_keywords/live",
		"package.accept_keywords /etc/portage/package.accept_keywords/main",
		"package.mask /etc/portage/package.mask",
		"package.use /etc/portage/package.use/hello",
		"package.use /etc/portage/package.use/main",
		"packages /var/db/repos/lab/profiles/base/packages",
		"world /var/lib/portage/world",
		"world_sets /var/lib/portage/world_sets",
	}
	if !ingest() {
		t.Error("the first ingest stored nothing")
	}
	if got := lists(host); !slices.Equal(got, want) {
		t.Errorf("want %v, got %v", want, got)
	}
	if ingest() {
		t.Error("an ingest of unchanged lists stored something")
	}
	mask := filepath.Join(root, "etc/portage/package.mask")
	if err := os.Remove(mask); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mine", ".hidden", "old~"} {
		if err := os.MkdirAll(mask, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(mask, name), []byte("app-misc/hello\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if !ingest() {
		t.Error("a file that became a folder was not seen")
	}
	if got := lists(host); slices.Contains(got, want[5]) || !slices.Contains(got, want[5]+"/mine") || slices.Contains(got, want[5]+"/.hidden") || slices.Contains(got, want[5]+"/old~") {
		t.Errorf("got %v", got)
	}
}

// TestARootWithoutListsIsStoredOnce asks on the root of a log alone: what is stored
// at every ingest makes every question wait for the disk.
func TestARootWithoutListsIsStoredOnce(t *testing.T) {
	t.Parallel()
	host := hosttest.New(t, t.TempDir())
	for _, now := range []int64{hosttest.Now, hosttest.Now + 60} {
		host.Ingest(now)
	}
	host.View(func(tx *store.Tx) error {
		source, ok, err := tx.FindSource(host.ID, store.SourceConfig, "/etc/portage")
		if !ok || source.ReadAt != hosttest.Now {
			t.Errorf("stored %v at %d, want %d", ok, source.ReadAt, hosttest.Now)
		}
		return err
	})
}
