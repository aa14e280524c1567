package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/hostgen"
)

// verifyHost is a host with more binary packages than are stored at once.
func verifyHost(t *testing.T) (root string, binpkgs int) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: makes a host of 1,000 binary packages")
	}
	root = filepath.Join(t.TempDir(), "host")
	if err := hostgen.Host(root, hostgen.HostOptions{Binpkgs: 1000, FileSize: 70_000}); err != nil {
		t.Fatal(err)
	}
	return root, 1000
}

// verified runs verify to its end, and returns how many files it read, and how
// many it knew.
func verified(t *testing.T, root, db string, args ...string) (read, skipped int) {
	t.Helper()
	cmd := emaudit(t, append([]string{"--root", root, "--db", db, "--format", "json", "verify"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != exitFindings) {
		t.Fatalf("verify %v: %v\n%s", args, err, stderr.Bytes())
	}
	var answer struct {
		Verified struct{ Read, Skipped int }
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Verified.Read, answer.Verified.Skipped
}

// TestABrokenOffVerifyGoesOn ends a verify by SIGKILL and by SIGINT after ever more
// was kept; after each, the next reads what is left, and what is then known is what
// an undisturbed one finds.
func TestABrokenOffVerifyGoesOn(t *testing.T) {
	root, all := verifyHost(t)
	dir := t.TempDir()
	ingested, undisturbed := filepath.Join(dir, "ingested.db"), filepath.Join(dir, "undisturbed.db")
	mustRun(t, "--root", root, "--db", ingested, "ingest")
	copyFile(t, ingested, undisturbed)
	if read, _ := verified(t, root, undisturbed); read != all {
		t.Fatalf("undisturbed: %d of %d read", read, all)
	}
	want := facts(t, undisturbed)
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT} {
		// Some batches of 256 files, and none.
		for _, atLeast := range []int{0, 1, all / 2, all - 250} {
			name := fmt.Sprintf("%v after %d", signal, atLeast)
			db := filepath.Join(dir, name+".db")
			var cmd *exec.Cmd
			var stderr bytes.Buffer
			for kept, sent := 0, false; !sent || kept == all; {
				copyFile(t, ingested, db)
				cmd = emaudit(t, "--root", root, "--db", db, "verify", "--jobs", "1")
				cmd.Env = append(cmd.Env, endless)
				stderr.Reset()
				cmd.Stderr = &stderr
				kept, sent = signalAt(t, cmd, signal, db, "SELECT count(*) FROM instance WHERE verified_at > 0", atLeast)
			}
			interrupted := cmd.ProcessState.ExitCode() == exitInterrupted
			read, skipped := verified(t, root, db)
			if read+skipped != all || skipped < atLeast {
				t.Errorf("%s: %d read afterwards and %d before, of %d", name, read, skipped, all)
			}
			// Interrupted before it has begun there is nothing to say.
			if interrupted && skipped > 0 && read > 0 && !strings.Contains(stderr.String(), "the same command goes on with the others") {
				t.Errorf("%s: %s", name, stderr.Bytes())
			}
			if signal == syscall.SIGINT && atLeast > 0 && !interrupted {
				t.Errorf("%s: %v", name, cmd.ProcessState)
			}
			if diff := cmp.Diff(want, facts(t, db)); diff != "" {
				t.Errorf("%s (-undisturbed +ended):\n%s", name, diff)
			}
		}
	}
}

// TestAnInterruptedVerifyOfAllGoesOn interrupts verify --all over files that were
// all read before: the command that it names reads the others, and only them.
func TestAnInterruptedVerifyOfAllGoesOn(t *testing.T) {
	root, all := verifyHost(t)
	dir := t.TempDir()
	before, db := filepath.Join(dir, "before.db"), filepath.Join(dir, "again.db")
	verified(t, root, before)
	const later = 1792002000 // ten days after the reading before
	var stderr bytes.Buffer
	for kept, sent := 0, false; !sent || kept == all; {
		copyFile(t, before, db)
		cmd := emaudit(t, "--root", root, "--db", db, "verify", "--all", "--jobs", "1")
		cmd.Env = append(cmd.Env, fmt.Sprintf("EMAUDIT_TEST_NOW=%d", later), endless)
		stderr.Reset()
		cmd.Stderr = &stderr
		kept, sent = signalAt(t, cmd, os.Interrupt, db, fmt.Sprintf("SELECT count(*) FROM instance WHERE verified_at = %d", later), 1)
	}
	_, command, _ := strings.Cut(stderr.String(), "are done and kept; ")
	command, _, _ = strings.Cut(command, " goes on")
	if command != "verify --max-age 5d" {
		t.Fatalf("it goes on with %q: %s", command, stderr.Bytes())
	}
	t.Setenv("EMAUDIT_TEST_NOW", fmt.Sprint(later+3600))
	if read, skipped := verified(t, root, db, strings.Fields(command)[1:]...); read == 0 || skipped == 0 || read+skipped != all {
		t.Errorf("%s read %d files and knew %d, of %d", command, read, skipped, all)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
