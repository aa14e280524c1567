package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"emaudit/internal/hostarchive"
)

// asHost runs emaudit as the user of a host whose database is at the usual place,
// below state, and returns its standard output.
func asHost(t *testing.T, state string, args ...string) (stdout string, code int, stderr string) {
	t.Helper()
	var out, messages bytes.Buffer
	code = run(context.Background(), process{
		args: args, stdin: strings.NewReader(""), stdout: &out, stderr: &messages, env: []string{"XDG_STATE_HOME=" + state}, euid: 1000,
		now: func() time.Time { return time.Unix(testNow, 0) }, local: time.UTC,
	})
	return out.String(), code, messages.String()
}

// TestAFleetIsOnlyRead: what needs the files of a host, or writes, takes no address of
// a fleet.
func TestAFleetIsOnlyRead(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"ingest", "verify", "pin", "prune", "predict", "current"} {
		_, code, stderr := asHost(t, t.TempDir(), "--db", "postgres://alpha:s3cret@127.0.0.1:1/fleet", command)
		if code != exitUsage || !strings.Contains(stderr, "needs the database of a host") || strings.Contains(stderr, "s3cret") {
			t.Errorf("%s: exit code %d: %s", command, code, stderr)
		}
	}
}

// TestNoPasswordIsShown: neither in errors nor in the settings of doctor.
func TestNoPasswordIsShown(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--db", "postgres://alpha:s3cret@127.0.0.1:1/fleet", "runs"},
		{"--db", "postgres://alpha:s3cret@127.0.0.1:port/fleet", "runs"},
		{"--db", "postgres://127.0.0.1:1/fleet?user=alpha&password=s3cret", "hosts"},
		{"push", "postgres://alpha:s3cret@127.0.0.1:1/fleet"},
		{"push", "postgres://alpha:s3cret@127.0.0.1:1/fleet?sslmode=none"},
	} {
		stdout, code, stderr := asHost(t, t.TempDir(), append([]string{"--root", hostarchive.Alpha(t)}, args...)...)
		if code != exitError && code != exitUsage || strings.Contains(stdout+stderr, "s3cret") {
			t.Errorf("emaudit %s: exit code %d: %s%s", strings.Join(args, " "), code, stdout, stderr)
		}
	}
}
