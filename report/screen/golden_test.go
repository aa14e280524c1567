package screen

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// golden compares got with a file in testdata, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); -update writes it anew:\n%s", path, diff)
	}
}

// screenOf returns what write writes to a screen of such a terminal.
func screenOf(t *testing.T, term Terminal, write func(*Screen)) string {
	t.Helper()
	var out bytes.Buffer
	screen := NewScreen(&out, term)
	write(screen)
	if err := screen.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// block returns a literal block without the line feed that it begins with and
// without the tabs by which the source indents it.
func block(s string) string {
	return strings.ReplaceAll(strings.TrimPrefix(s, "\n"), "\t", "")
}

// evening is the moment at which the tests take place: 2026-11-23 21:30 in
// Berlin.
var evening = time.Date(2026, 11, 23, 20, 30, 0, 0, time.UTC)

// berlin is a time zone with summer time.
func berlin(t *testing.T) *time.Location {
	t.Helper()
	location, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("no time zones on this machine: %v", err)
	}
	return location
}

// escapeForTest takes the ESC from colour sequences, so that a literal block can
// hold them.
func escapeForTest(s string) string {
	return strings.ReplaceAll(s, "\x1b", "")
}
