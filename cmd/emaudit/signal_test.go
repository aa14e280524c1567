package main

import (
	"bytes"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"emaudit/internal/hostarchive"
)

// endless is a grace that no test waits for: what ends a command within it is the
// command itself, however slow the machine is.
const endless = "EMAUDIT_TEST_GRACE=1h"

// TestASignalEndsWorkThatDoesNotLook: predict waits for the rest of a list that
// never comes. The times are those of cli/interrupt.
func TestASignalEndsWorkThatDoesNotLook(t *testing.T) {
	t.Parallel()
	db := filepath.Join(t.TempDir(), "emaudit.db")
	root := hostarchive.Alpha(t)
	mustRun(t, "--root", root, "--db", db, "ingest")
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
	// More than a pipe holds (pipe(7)): it reads.
	if _, err := stdin.Write(bytes.Repeat([]byte("\n"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted || stderr.String() != "emaudit: interrupted\n" {
		t.Errorf("exit code %d, want %d; %s", code, exitInterrupted, stderr.Bytes())
	}
}

// endBy runs a command until try, asked again and again, says that it has sent it a
// signal. It reports whether that was before the end of the command.
func endBy(t *testing.T, cmd *exec.Cmd, try func() bool) (sent bool) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	for !sent {
		select {
		case <-ended:
			return false
		case <-time.After(100 * time.Microsecond):
			sent = try()
		}
	}
	<-ended
	return true
}

// signalAt sends a command a signal once a count in its database is large enough.
// It counts while nothing can be written, so that what is counted is what the
// command has kept by then, and that cannot be all before the signal is sent.
func signalAt(t *testing.T, cmd *exec.Cmd, signal os.Signal, db, query string, atLeast int) (count int, sent bool) {
	t.Helper()
	conn, err := sql.Open("sqlite3", db+"?_txlock=immediate&_busy_timeout=60000")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent = endBy(t, cmd, func() bool {
		tx, err := conn.Begin()
		if err != nil {
			t.Error(err)
			return cmd.Process.Kill() == nil
		}
		defer func() { _ = tx.Rollback() }()
		if err := tx.QueryRow(query).Scan(&count); err != nil {
			t.Error(err)
			return cmd.Process.Kill() == nil
		}
		return count >= atLeast && cmd.Process.Signal(signal) == nil
	})
	return count, sent
}
