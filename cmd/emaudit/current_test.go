package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// onWrite calls a function after every answer that was written.
type onWrite struct {
	bytes.Buffer
	then func(answers int)
	n    int
}

func (w *onWrite) Write(b []byte) (int, error) {
	n, err := w.Buffer.Write(b)
	w.n++
	w.then(w.n)
	return n, err
}

// TestFollowEnds follows a merge that ends between two answers, and one that does
// not until the user has seen enough.
func TestFollowEnds(t *testing.T) {
	t.Parallel()
	const log = "1791137600: Started emerge on: x\n1791137600:  *** emerge dev-libs/aa\n1791137600:  >>> emerge (1 of 1) dev-libs/aa-1.1 to /\n"
	const end = "1791137700:  ::: completed emerge (1 of 1) dev-libs/aa-1.1 to /\n1791137700:  *** Finished. Cleaning up...\n" +
		"1791137700:  *** exiting successfully.\n1791137700:  *** terminating.\n"
	for _, test := range []struct {
		name string
		then func(t *testing.T, log string, interrupt func(), answers int)
		code int
		last string
	}{
		{"the merge ends", func(t *testing.T, log string, _ func(), answers int) {
			if answers != 2 {
				return
			}
			f, err := os.OpenFile(log, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.WriteString(end); err != nil {
				t.Fatal(err)
			}
		}, exitClean, "no emerge is running\n"},
		{"interrupted", func(_ *testing.T, _ string, interrupt func(), answers int) {
			if answers == 3 {
				interrupt()
			}
		}, exitInterrupted, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			file := filepath.Join(root, "var/log/emerge.log")
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(log), 0o644); err != nil {
				t.Fatal(err)
			}
			ctx, interrupt := context.WithCancel(context.Background())
			defer interrupt()
			stdout := &onWrite{then: func(n int) { test.then(t, file, interrupt, n) }}
			var stderr bytes.Buffer
			code := run(ctx, process{
				args:   []string{"--root", root, "--host", "h", "--db", filepath.Join(t.TempDir(), "db"), "current", "--follow", "--interval", "1ms"},
				stdout: stdout, stderr: &stderr, now: func() time.Time { return time.Unix(testNow, 0) }, local: time.UTC,
			})
			if code != test.code || stderr.Len() > 0 {
				t.Errorf("exit code %d, want %d; %s", code, test.code, stderr.String())
			}
			if stdout.n != 3 || strings.Count(stdout.String(), "dev-libs/aa-1.1") < 2 || !strings.HasSuffix(stdout.String(), test.last) {
				t.Errorf("%d answers:\n%s", stdout.n, stdout.String())
			}
		})
	}
}
