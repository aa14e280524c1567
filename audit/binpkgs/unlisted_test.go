package binpkgs_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store"
	"emaudit/store/inventory"
)

// A folder that could not be listed (as who is no member of the portage group
// meets it) makes unknown what would lie in it, and nothing else: neither is its
// package without a binary package, nor does the index list what is missing.
func TestWhatLiesInAFolderThatCannotBeListedIsUnknown(t *testing.T) {
	t.Parallel()
	const folder = "app-misc/hello"
	root := hostarchive.AlphaCopy(t)
	if err := os.RemoveAll(filepath.Join(root, "var/cache/binpkgs", folder)); err != nil {
		t.Fatal(err)
	}
	host := hosttest.New(t, root)
	host.Ingest(hosttest.Now)
	ask := func() (verdicts map[binpkgs.CoverageVerdict]int, codes map[string]int) {
		verdicts, codes = map[binpkgs.CoverageVerdict]int{}, map[string]int{}
		audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
			c, err := binpkgs.AuditCoverage(db)
			if err != nil {
				return err
			}
			i, err := binpkgs.AuditIntegrity(db, binpkgs.IntegrityOptions{})
			if err != nil {
				return err
			}
			for _, r := range c.Rows {
				if audit.PackageOf(r.CPV) == folder {
					verdicts[r.Verdict]++
				}
			}
			for _, f := range append(c.Findings, i.Findings...) {
				codes[f.Code]++
			}
			return nil
		})
		return verdicts, codes
	}
	before, codes := ask()
	if before[binpkgs.CoverageNone] != 1 || codes["index-lists-missing"] == 0 {
		t.Fatalf("an emptied folder: verdicts %v, findings %v", before, codes)
	}
	missing := codes["index-lists-missing"]
	err := host.DB.Update(context.Background(), func(tx *store.Tx) error {
		d, _, err := inventory.FindPkgDir(tx, host.ID, "/var/cache/binpkgs")
		if err != nil {
			return err
		}
		files, err := inventory.PkgDirFiles(tx, d.ID)
		if err != nil {
			return err
		}
		return inventory.PutPkgDirFiles(tx, d.ID, append(files, inventory.PkgDirFile{Path: folder, Kind: "folder", Role: inventory.RoleUnlisted}))
	})
	if err != nil {
		t.Fatal(err)
	}
	after, codes := ask()
	if after[binpkgs.CoverageUnknown] != 1 || codes["binpkg-unread"] != 1 || codes["pkgdir-unreadable"] != 1 || codes["index-lists-missing"] >= missing {
		t.Errorf("a folder that cannot be listed: verdicts %v, findings %v", after, codes)
	}
}
