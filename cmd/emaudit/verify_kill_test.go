package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

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
	if _, err := hostgen.Host(root, hostgen.HostOptions{Installed: 40, Binpkgs: 1000, ImageSize: 20_000, Seed: 3}); err != nil {
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

// TestABrokenOffVerifyGoesOn ends a verify after ever longer times, by SIGKILL
// and by SIGINT, until one comes through; after each, the next reads what is
// left, and what is then known is what an undisturbed one finds.
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
		ended, kept := 0, 0
		for delay := 4 * time.Millisecond; ; delay += delay/2 + time.Millisecond {
			db := filepath.Join(dir, signal.String()+delay.String()+".db")
			copyFile(t, ingested, db)
			cmd := emaudit(t, "--root", root, "--db", db, "verify", "--jobs", "1")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			timer := time.AfterFunc(delay, func() { _ = cmd.Process.Signal(signal) })
			err := cmd.Wait()
			timer.Stop()
			complete := cmd.ProcessState.ExitCode() == exitClean || cmd.ProcessState.ExitCode() == exitFindings
			if signal == syscall.SIGINT && !complete && cmd.ProcessState.ExitCode() != exitInterrupted && cmd.ProcessState.ExitCode() != -1 {
				t.Errorf("interrupted after %v: %v\n%s", delay, err, stderr.Bytes())
			}
			read, skipped := verified(t, root, db)
			if read+skipped != all {
				t.Errorf("%v after %v: %d read afterwards and %d before, of %d", signal, delay, read, skipped, all)
			}
			if skipped > 0 && !complete {
				kept++
				// Interrupted after the last file there is nothing to go on with.
				if signal == syscall.SIGINT && read > 0 && !strings.Contains(stderr.String(), "the same command goes on with the others") {
					t.Errorf("interrupted after %v: %s", delay, stderr.Bytes())
				}
			}
			if diff := cmp.Diff(want, facts(t, db)); diff != "" {
				t.Errorf("%v after %v (-undisturbed +ended):\n%s", signal, delay, diff)
			}
			if complete {
				break
			}
			ended++
		}
		if ended == 0 || kept == 0 {
			t.Errorf("%v: %d were ended, %d had kept something: the test proved nothing", signal, ended, kept)
		}
		t.Logf("%v: %d ended, %d of them had kept something", signal, ended, kept)
	}
}

// TestAnInterruptedVerifyOfAllGoesOn interrupts verify --all over files that were
// all read before: the command that it names reads the others, and only them.
func TestAnInterruptedVerifyOfAllGoesOn(t *testing.T) {
	root, all := verifyHost(t)
	dir := t.TempDir()
	before := filepath.Join(dir, "before.db")
	verified(t, root, before)
	for delay := 40 * time.Millisecond; ; delay += delay / 4 {
		if delay > time.Minute {
			t.Fatal("no verify was interrupted in the middle")
		}
		db := filepath.Join(dir, delay.String()+".db")
		copyFile(t, before, db)
		cmd := emaudit(t, "--root", root, "--db", db, "verify", "--all", "--jobs", "1")
		// Ten days after the reading before.
		later := "EMAUDIT_TEST_NOW=1792002000"
		cmd.Env = append(cmd.Env, later)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(delay, func() { _ = cmd.Process.Signal(os.Interrupt) })
		_ = cmd.Wait()
		timer.Stop()
		_, command, said := strings.Cut(stderr.String(), "are done and kept; ")
		if !said || strings.Contains(stderr.String(), " 0 of ") {
			continue
		}
		command, _, _ = strings.Cut(command, " goes on")
		if command != "verify --max-age 5d" {
			t.Fatalf("it goes on with %q", command)
		}
		t.Setenv("EMAUDIT_TEST_NOW", "1792005600")
		if read, skipped := verified(t, root, db, strings.Fields(command)[1:]...); read == 0 || skipped == 0 || read+skipped != all {
			t.Errorf("%s read %d files and knew %d, of %d", command, read, skipped, all)
		}
		return
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
