package rollback_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
	"emaudit/internal/labtest"
	"emaudit/parse/vdb"
)

// TestCollisionsStopPortage gives a package that stays a file of the one that
// the last run's way back merges. emaudit must not call that ready, and Portage
// must stop at it, with the plan that was ready before.
func TestCollisionsStopPortage(t *testing.T) {
	t.Parallel()
	l := labtest.Open(t)
	const name = "collision"
	root := l.CopyOfAlpha(name)
	verdict := judged(t, root, 83)
	if verdict.Verdict != rollback.Ready || len(verdict.Changes) != 1 {
		t.Fatalf("without a collision: %s, %d changes", verdict.Verdict, len(verdict.Changes))
	}
	// What the installed version owns as well is no collision: one file is taken
	// away from it, and given to another package.
	var files []string
	contentsOf(root)(*verdict.Changes[0].From, func(e vdb.ContentsEntry) {
		if e.Kind != vdb.Directory {
			files = append(files, e.Path)
		}
	})
	if len(files) == 0 {
		t.Fatalf("%s owns nothing", *verdict.Changes[0].From)
	}
	file := slices.Min(files)
	dropFromContents(t, filepath.Join(root, "var/db/pkg", *verdict.Changes[0].From, "CONTENTS"), file)
	if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, file), []byte("of hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	contents, err := os.OpenFile(filepath.Join(root, "var/db/pkg/app-misc/hello-2.1/CONTENTS"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintf(contents, "obj %s d41d8cd98f00b204e9800998ecf8427e 1791134000\n", file); err != nil {
		t.Fatal(err)
	}
	if err := contents.Close(); err != nil {
		t.Fatal(err)
	}
	after := judged(t, root, 83)
	if after.Verdict != rollback.NotReady || !slices.ContainsFunc(after.Unsatisfied, func(u rollback.Unsatisfied) bool {
		return u.Kind == "file-collision" && strings.Contains(u.Dependency, file)
	}) {
		t.Errorf("%s is owned by app-misc/hello-2.1: %s, %v", file, after.Verdict, after.Unsatisfied)
	}
	output, err := l.Run("run", name, "bash", "-c", "set -eu\n"+strings.Join(audit.Lines(verdict.Plan), "\n"))
	if err == nil || !strings.Contains(output, "Detected file collision") {
		t.Errorf("Portage does not mind that %s is owned by app-misc/hello-2.1: %v\n%s", file, err, labtest.Tail(output))
	}
}

// dropFromContents takes a file away from an installed package.
func dropFromContents(t *testing.T, contents, file string) {
	t.Helper()
	text, err := os.ReadFile(contents)
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, " "+file+" ") {
			kept.WriteString(line)
		}
	}
	if err := os.WriteFile(contents, []byte(kept.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// judged judges the way back before a run, after every package was read whole.
func judged(t *testing.T, root string, run int64) *rollback.Rollback {
	t.Helper()
	host := hosttest.New(t, root)
	host.Ingest(hosttest.Now)
	host.Verify(hosttest.Now)
	var verdict *rollback.Rollback
	audittest.Ask(host, hosttest.Now, func(db audit.Database) (err error) {
		verdict, err = rollback.AuditRollback(db, state.Moment{Run: run}, rollback.Options{Contents: contentsOf(root)})
		return err
	})
	return verdict
}

// contentsOf reads what the installed packages of a root own.
func contentsOf(root string) func(cpv string, each func(vdb.ContentsEntry)) bool {
	return func(cpv string, each func(vdb.ContentsEntry)) bool {
		f, err := os.Open(filepath.Join(root, "var/db/pkg", cpv, "CONTENTS"))
		if err != nil {
			return errors.Is(err, fs.ErrNotExist)
		}
		defer f.Close()
		_, err = vdb.ReadContents(f, func(e vdb.ContentsEntry) error {
			each(e)
			return nil
		})
		return err == nil
	}
}
