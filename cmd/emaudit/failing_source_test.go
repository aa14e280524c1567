package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3"
)

// A source that cannot be stored stops no command: it answers from what is stored,
// names the source, and says by its exit code that something is amiss.
func TestACommandAnswersWhereASourceFails(t *testing.T) {
	t.Parallel()
	root, path := t.TempDir(), filepath.Join(t.TempDir(), "db")
	write := func(name, content string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(args ...string) (int, string, string) {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), process{
			args:   append([]string{"--root", root, "--host", "h", "--db", path}, args...),
			stdout: &stdout, stderr: &stderr, now: func() time.Time { return time.Unix(testNow, 0) }, local: time.UTC,
		})
		return code, stdout.String(), stderr.String()
	}
	write("etc/portage/make.conf", "FEATURES=\"buildpkg\"\n")
	write("var/log/emerge.log", "1790000000: Started emerge on: Sep 21, 2026 14:13:20\n1790000000:  *** emerge app-misc/first\n1790000009:  *** terminating.\n")
	if code, out, message := ask("runs"); code != exitClean || !strings.Contains(out, "app-misc/first") {
		t.Fatalf("exit code %d\n%s\n%s", code, out, message)
	}
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE TRIGGER refuse BEFORE INSERT ON config_line BEGIN SELECT RAISE(ABORT, 'refused by the test'); END"); err != nil {
		t.Fatal(err)
	}
	write("etc/portage/make.conf", "FEATURES=\"-buildpkg\"\n")
	write("var/log/emerge.log", "1790000000: Started emerge on: Sep 21, 2026 14:13:20\n1790000000:  *** emerge app-misc/first\n1790000009:  *** terminating.\n"+
		"1790001000: Started emerge on: Sep 21, 2026 14:30:00\n1790001000:  *** emerge app-misc/second\n1790001009:  *** terminating.\n")
	for range 2 {
		code, out, message := ask("runs")
		if code != exitDamaged || !strings.Contains(out, "app-misc/first") || !strings.Contains(out, "app-misc/second") {
			t.Errorf("exit code %d, want %d\n%s", code, exitDamaged, out)
		}
		if !strings.Contains(message, "settings /etc/portage/make.conf was not brought up to date: ") || !strings.Contains(message, "answering from what is stored of it") {
			t.Errorf("not said:\n%s", message)
		}
	}
	if code, out, message := ask("ingest"); code != exitDamaged || !strings.Contains(out, "unreadable") || !strings.Contains(message, "refused by the test") {
		t.Errorf("ingest: exit code %d, want %d\n%s\n%s", code, exitDamaged, out, message)
	}
}
