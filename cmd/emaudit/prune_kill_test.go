package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostarchive"
)

// inPkgdir describes every file below PKGDIR: its bytes, mode and time.
func inPkgdir(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	top := filepath.Join(root, "var/cache/binpkgs")
	err := filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var sum [sha256.Size]byte
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			sum = sha256.Sum256(text)
		}
		rel, _ := filepath.Rel(top, p)
		all[rel] = fmt.Sprintf("%v %d %x", info.Mode(), info.ModTime().UnixNano(), sum[:8])
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(all, ".Packages.portage_lockfile") // a killed Portage leaves it as well
	return all
}

// TestAKilledPruneIsTakenBack kills prune --apply with SIGKILL when ever more files
// have left their folders, and when the index is written; after each, prune --undo
// gives every file back, the index and all times.
func TestAKilledPruneIsTakenBack(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: kills some processes, each on a host of its own")
	}
	for _, quarantine := range []struct {
		name, path string
		mode       fs.FileMode
	}{
		{"in PKGDIR", "var/cache/binpkgs/.emaudit-quarantine", 0o755},
		{"above it", "var/cache/.emaudit-quarantine.*", 0o775},
	} {
		t.Run(quarantine.name, func(t *testing.T) {
			halves := 0 // of the work
			for _, files := range []int{0, 1, 4, 16, 64} {
				root := hostarchive.AlphaCopy(t)
				pkgdir := filepath.Join(root, "var/cache/binpkgs")
				if err := os.Chmod(pkgdir, quarantine.mode); err != nil {
					t.Fatal(err)
				}
				db := filepath.Join(t.TempDir(), "emaudit.db")
				mustRun(t, "--root", root, "--db", db, "ingest")
				before := inPkgdir(t, root)
				away := func() (n int) {
					for p := range before {
						if _, err := os.Lstat(filepath.Join(pkgdir, p)); err != nil {
							n++
						}
					}
					return n
				}
				cmd := emaudit(t, "--root", root, "--db", db, "prune", "--apply", "--yes", "--while-emerge-runs", "--keep-days", "0")
				killed := endBy(t, cmd, func() bool {
					made, _ := filepath.Glob(filepath.Join(root, quarantine.path))
					return made != nil && away() >= files && cmd.Process.Kill() == nil
				}) && !cmd.ProcessState.Exited()
				if killed && away() > 0 {
					halves++
				}
				undo := emaudit(t, "--root", root, "--db", db, "prune", "--undo")
				out, err := undo.CombinedOutput()
				var exit *exec.ExitError
				// Killed before the first journal was whole there is nothing to undo.
				if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitError || files > 0) {
					t.Errorf("killed with %d files away: undo: %v\n%s", files, err, out)
				}
				if diff := cmp.Diff(before, inPkgdir(t, root)); diff != "" {
					t.Errorf("killed with %d files away (-before +undone):\n%s", files, diff)
				}
			}
			if halves == 0 {
				t.Error("none was killed with files away: the test proved nothing")
			}
			t.Logf("%d killed with files away", halves)
		})
	}
}
