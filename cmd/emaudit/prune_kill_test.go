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
	"time"

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

// TestAKilledPruneIsTakenBack kills prune --apply with SIGKILL after ever longer
// times until one comes through; after each, prune --undo gives every file back,
// the index and all times.
func TestAKilledPruneIsTakenBack(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: kills a dozen processes, each on a host of its own")
	}
	killed, away := 0, 0
	mode := fs.FileMode(0o755)
	for delay := 20 * time.Millisecond; ; delay += delay/3 + time.Millisecond {
		root := hostarchive.AlphaCopy(t)
		// In turn with the quarantine in PKGDIR and above it.
		mode ^= 0o020
		if err := os.Chmod(filepath.Join(root, "var/cache/binpkgs"), mode); err != nil {
			t.Fatal(err)
		}
		db := filepath.Join(t.TempDir(), "emaudit.db")
		mustRun(t, "--root", root, "--db", db, "ingest")
		before := inPkgdir(t, root)
		cmd := emaudit(t, "--root", root, "--db", db, "prune", "--apply", "--yes", "--while-emerge-runs", "--keep-days", "0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(delay, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if len(inPkgdir(t, root)) != len(before) {
			away++
		}
		undo := emaudit(t, "--root", root, "--db", db, "prune", "--undo")
		out, undoErr := undo.CombinedOutput()
		var exit *exec.ExitError
		if undoErr != nil && (!errors.As(undoErr, &exit) || exit.ExitCode() != exitError || err == nil) {
			t.Errorf("killed after %v: undo: %v\n%s", delay, undoErr, out)
		}
		if diff := cmp.Diff(before, inPkgdir(t, root)); diff != "" {
			t.Errorf("killed after %v (-before +undone):\n%s", delay, diff)
		}
		if err == nil {
			break
		}
		killed++
	}
	if killed == 0 || away == 0 {
		t.Errorf("%d were killed, %d had changed something: the test proved nothing", killed, away)
	}
}
