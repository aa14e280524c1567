package sources_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"emaudit/ingest"
	"emaudit/internal/hosttest"
	"emaudit/store"
	"emaudit/store/inventory"
)

// packageFiles are the files of an installed package that the tests need.
func packageFiles(cpv string, buildTime int64) map[string]string {
	dir := "var/db/pkg/" + cpv
	return map[string]string{
		dir + "/SLOT": "0\n", dir + "/EAPI": "8\n", dir + "/USE": "ssl\n", dir + "/repository": "gentoo\n",
		dir + "/BUILD_TIME": fmt.Sprintln(buildTime), dir + "/COUNTER": fmt.Sprintln(buildTime),
	}
}

func installed(t *testing.T, h *hosttest.Host) []string {
	t.Helper()
	rows := view(t, h, func(tx *store.Tx) ([]inventory.Installed, error) { return inventory.ReadInstalled(tx, h.ID) })
	var all []string
	for _, p := range rows {
		all = append(all, p.CPV)
	}
	return all
}

// TestTheLastToStoreIsTheLastToLook lets ingests run at once while packages come
// and go: what the database holds in the end is what the last of them saw, since
// it looked while it held the lock.
func TestTheLastToStoreIsTheLastToLook(t *testing.T) {
	t.Parallel()
	h := outputHost(t, packageFiles("app-misc/a-1", 1))
	h.Ingest(hosttest.Now)
	for round := range 20 {
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				if _, err := h.TryIngest(context.Background(), hosttest.Now+int64(round)); err != nil {
					t.Error(err)
				}
			})
		}
		cpv := fmt.Sprintf("app-misc/b-%d", round)
		writeFiles(t, h.Root, packageFiles(cpv, int64(round+2)))
		group.Go(func() {
			if _, err := h.TryIngest(context.Background(), hosttest.Now+int64(round)); err != nil {
				t.Error(err)
			}
		})
		if err := os.RemoveAll(filepath.Join(h.Root, "var/db/pkg", cpv)); err != nil {
			t.Error(err)
		}
		// Begun when the package was gone, and ended before the others.
		h.Ingest(hosttest.Now + int64(round))
		group.Wait()
		if got := installed(t, h); len(got) != 1 {
			t.Fatalf("round %d: an ingest that had looked before stored after: %v", round, got)
		}
	}
}

// TestManyPackagesAreReadBeforeTheLock reads more than what is read under it.
func TestManyPackagesAreReadBeforeTheLock(t *testing.T) {
	t.Parallel()
	h := outputHost(t, nil)
	const packages = 300
	for i := range packages {
		writeFiles(t, h.Root, packageFiles(fmt.Sprintf("app-misc/p%d-1", i), int64(i+1)))
	}
	for _, r := range h.Ingest(hosttest.Now).Sources {
		if r.Kind == store.SourceVDB && (r.Read != packages || r.Summary != "300 installed") {
			t.Errorf("%+v", r)
		}
	}
	rows := view(t, h, func(tx *store.Tx) ([]inventory.Installed, error) { return inventory.InstalledWithMetadata(tx, h.ID) })
	if len(rows) != packages || rows[0].Repo != "gentoo" || rows[0].Metadata.Use != "ssl" {
		t.Errorf("%d packages, the first %+v", len(rows), rows[0])
	}
}

// TestAPackageThatWasNotReadWholeIsReadAgain: mended permissions do not change
// the mtime of the directory.
func TestAPackageThatWasNotReadWholeIsReadAgain(t *testing.T) {
	h := outputHost(t, packageFiles("app-misc/a-1", 1))
	use := filepath.Join(h.Root, "var/db/pkg/app-misc/a-1/USE")
	if err := os.Remove(use); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(use, 0o755); err != nil { // unreadable, also to root
		t.Fatal(err)
	}
	if damage := vdbResult(h.Ingest(hosttest.Now)).Damage; damage != 1 {
		t.Errorf("%d pieces of damage", damage)
	}
	again := vdbResult(h.Ingest(hosttest.Now + 60))
	if again.Damage != 0 || again.Read != 1 {
		t.Errorf("the second time: %+v", again)
	}
	diags := view(t, h, func(tx *store.Tx) ([]store.Diagnostic, error) { return tx.Diagnostics(h.ID, store.SourceVDB) })
	if len(diags) != 1 || !strings.Contains(diags[0].Message, "USE: is a directory, not a regular file") || strings.Contains(diags[0].Message, h.Root) {
		t.Errorf("diagnostics: %+v", diags)
	}
	if err := os.Remove(use); err != nil {
		t.Fatal(err)
	}
	writeFiles(t, h.Root, packageFiles("app-misc/a-1", 1))
	h.Ingest(hosttest.Now + 120)
	rows := view(t, h, func(tx *store.Tx) ([]inventory.Installed, error) { return inventory.InstalledWithMetadata(tx, h.ID) })
	if len(rows) != 1 || rows[0].Metadata.Use != "ssl" {
		t.Errorf("after it was mended: %+v", rows)
	}
	if last := vdbResult(h.Ingest(hosttest.Now + 180)); last.Read != 0 {
		t.Errorf("read once more: %+v", last)
	}
}

func vdbResult(result ingest.Result) ingest.SourceResult {
	for _, r := range result.Sources {
		if r.Kind == store.SourceVDB {
			return r
		}
	}
	return ingest.SourceResult{}
}
