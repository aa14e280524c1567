// Package labtest runs real Portage on copies of the recorded host, where a lab for
// that is at hand.
package labtest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Lab runs real Portage on copies of the recorded host. EMAUDIT_LAB is the
// command that does it, LAB its folder with the host "alpha" restored and kept
// clean. Nothing of it is part of this repository.
type Lab struct {
	T           *testing.T
	command     string
	Dir         string // its hosts lie in Dir/hosts
	environment []string
}

// Open returns the lab, or skips the test where there is none.
func Open(t *testing.T) *Lab {
	t.Helper()
	command, dir := os.Getenv("EMAUDIT_LAB"), os.Getenv("LAB")
	if command == "" || dir == "" {
		t.Skip("EMAUDIT_LAB and LAB do not name a place where Portage can be run")
	}
	if _, err := os.Stat(filepath.Join(dir, "hosts", "alpha")); err != nil {
		t.Skipf("the lab has no recorded host: %v", err)
	}
	return &Lab{T: t, command: command, Dir: dir, environment: append(os.Environ(), "NOCOLOR=true", "LAB_LOCK_WAIT=120")}
}

// Run runs a command of the lab and returns what it wrote.
func (l *Lab) Run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.command, args...)
	cmd.Env = l.environment
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// Must is run for what has nothing to do with the proof.
func (l *Lab) Must(args ...string) string {
	l.T.Helper()
	out, err := l.Run(args...)
	if err != nil {
		l.T.Fatalf("lab %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// CopyOfAlpha makes a host of the test's own.
func (l *Lab) CopyOfAlpha(name string) (root string) {
	l.T.Helper()
	_, _ = l.Run("remove", name)
	l.Must("copy", "alpha", name)
	l.T.Cleanup(func() { _, _ = l.Run("remove", name) })
	return filepath.Join(l.Dir, "hosts", name)
}

// Installed returns what Portage has installed: cpv -> BUILD_TIME.
func (l *Lab) Installed(host string) map[string]int64 {
	l.T.Helper()
	all := map[string]int64{}
	for line := range strings.Lines(l.Must("vdb", host)) {
		fields := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(fields) < 4 {
			continue
		}
		n, err := strconv.ParseInt(fields[3], 10, 64)
		if err != nil {
			l.T.Fatalf("lab vdb: %q", line)
		}
		all[fields[0]] = n
	}
	return all
}

// Tail returns the last 60 lines of an output.
func Tail(out string) string {
	lines := strings.Split(out, "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}
