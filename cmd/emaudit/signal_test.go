package main

import (
	"bytes"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"emaudit/internal/hostarchive"
)

// TestASignalEndsWorkThatDoesNotLook: predict waits for a list that never comes.
func TestASignalEndsWorkThatDoesNotLook(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "emaudit.db")
	root := hostarchive.Alpha(t)
	mustRun(t, "--root", root, "--db", db, "ingest")
	for _, c := range []struct {
		name    string
		signals int
		atMost  time.Duration
	}{
		{"one, after the time that the work has to end", 1, 5 * time.Second},
		{"two, at once", 2, 700 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cmd := emaudit(t, "--root", root, "--db", db, "--no-ingest", "predict", "--from", "stdin")
			stdin, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer stdin.Close()
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Time to come as far as reading.
			time.Sleep(time.Second)
			begin := time.Now()
			for range c.signals {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			_ = cmd.Wait()
			if took := time.Since(begin); took > c.atMost {
				t.Errorf("it took %v", took)
			}
			if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || stderr.String() != "emaudit: interrupted\n" {
				t.Errorf("exit code %d, want %d; %s", code, exitInterrupted, stderr.Bytes())
			}
		})
	}
}
