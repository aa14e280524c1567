// Package labtest runs real Portage on copies of the recorded host, if a lab is
// available.
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

// Lab runs real Portage on copies of the recorded host. The environment variable
// EMAUDIT_LAB is the command of the lab, and LAB its folder, which has a clean host
// "alpha". The lab is not part of this repository.
type Lab struct {
	T           *testing.T
	command     string
	Dir         string // its hosts are in Dir/hosts
	environment []string
}

// Open returns the lab. It skips the test if there is none.
func Open(t *testing.T) *Lab {
	t.Helper()
	command, dir := os.Getenv("EMAUDIT_LAB"), os.Getenv("LAB")
	if command == "" || dir == "" {
		t.Skip("EMAUDIT_LAB and LAB do not name a place where Portage can be run")
	}
	if _, err := os.Stat(filepath.Join(dir, "hosts", "alpha")); err != nil {
		t.Skipf("the lab has no recorded host: %v", err)
	}
	return &Lab{T: t, command: command, Dir: dir, environment: append(os.Environ(), "NOCOLOR=true", "LAB_LOCK_WAIT=3600")}
}

// Run runs a command of the lab and returns its output.
func (l *Lab) Run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Hour)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.command, args...)
	cmd.Env = l.environment
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// Must is like Run, but an error fails the test. Use it for steps that are not
// under test.
func (l *Lab) Must(args ...string) string {
	l.T.Helper()
	out, err := l.Run(args...)
	if err != nil {
		l.T.Fatalf("lab %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// CopyOfAlpha creates a host for this test.
func (l *Lab) CopyOfAlpha(name string) (root string) {
	l.T.Helper()
	return l.Copy("alpha", name)
}

// Copy creates a host for this test, as a copy of another one.
func (l *Lab) Copy(of, name string) (root string) {
	l.T.Helper()
	l.Must("copy", of, name, "--force")
	l.T.Cleanup(func() { _, _ = l.Run("remove", name) })
	return l.Root(name)
}

// Root returns the folder of a host.
func (l *Lab) Root(host string) string { return filepath.Join(l.Dir, "hosts", host) }

// Installed returns the packages that Portage has installed, as a map from cpv to
// BUILD_TIME.
func (l *Lab) Installed(host string) map[string]int64 {
	l.T.Helper()
	all := map[string]int64{}
	times, err := filepath.Glob(filepath.Join(l.Root(host), "var/db/pkg/*/*/BUILD_TIME"))
	if err != nil {
		l.T.Fatal(err)
	}
	for _, name := range times {
		text, err := os.ReadFile(name)
		if err != nil {
			l.T.Fatal(err)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			l.T.Fatalf("%s: %q", name, text)
		}
		entry := filepath.Dir(name)
		if cpv := filepath.Base(filepath.Dir(entry)) + "/" + filepath.Base(entry); !strings.Contains(cpv, "/-MERGING-") {
			all[cpv] = n
		}
	}
	return all
}

// Tail returns the last 60 lines of an output.
func Tail(out string) string {
	lines := strings.Split(out, "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}
