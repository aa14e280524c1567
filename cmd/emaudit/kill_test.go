package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/mattn/go-sqlite3"

	"emaudit/internal/hostarchive"
)

// emaudit returns this test binary as the command emaudit.
func emaudit(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Args[0] = "emaudit"
	cmd.Env = append(os.Environ(), "EMAUDIT_HOST=alpha")
	return cmd
}

// mustRun runs emaudit to its end and returns its standard output.
func mustRun(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := emaudit(t, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("emaudit %s: %v\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out
}

// facts returns every row of every table of a database, sorted. Ids depend on
// the order in which rows came, so a row has none, and stands in the rows that
// refer to it as a fingerprint of its own content.
func facts(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if check := query(t, db, "PRAGMA integrity_check"); len(check) != 1 || check[0]["integrity_check"] != "ok" {
		t.Fatalf("integrity_check: %v", check)
	}
	tables := map[string]map[int64]map[string]any{}
	references := map[string]map[string]string{} // table -> column -> table
	for _, r := range query(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'table_mark'") {
		table := r["name"].(string)
		rows := map[int64]map[string]any{}
		for i, row := range query(t, db, "SELECT * FROM "+table) {
			id, ok := row["id"].(int64)
			if !ok {
				id = int64(i)
			}
			delete(row, "id")
			delete(row, "identity") // random, of the first ingest
			rows[id] = row
		}
		tables[table], references[table] = rows, map[string]string{}
		for _, key := range query(t, db, "PRAGMA foreign_key_list("+table+")") {
			references[table][key["from"].(string)] = key["table"].(string)
		}
	}
	type place struct {
		table string
		id    int64
	}
	known := map[place]string{}
	var content func(table string, id int64) string
	content = func(table string, id int64) string {
		if s, ok := known[place{table, id}]; ok {
			return s
		}
		var b strings.Builder
		b.WriteString(table)
		row := tables[table][id]
		for _, c := range slices.Sorted(maps.Keys(row)) {
			value := row[c]
			if to, ok := references[table][c]; ok {
				if ref, ok := value.(int64); ok {
					value = fmt.Sprintf("%s:%.8x", to, sha256.Sum256([]byte(content(to, ref))))
				}
			}
			fmt.Fprintf(&b, " %s=%v", c, value)
		}
		known[place{table, id}] = b.String()
		return b.String()
	}
	var all []string
	for table, rows := range tables {
		for id := range rows {
			all = append(all, content(table, id))
		}
	}
	sort.Strings(all)
	return all
}

// query returns the rows of an answer, each by the names of its columns.
func query(t *testing.T, db *sql.DB, statement string) []map[string]any {
	t.Helper()
	rows, err := db.Query(statement)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for rows.Next() {
		values, dest := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		row := map[string]any{}
		for i, c := range columns {
			row[c] = values[i]
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestAKilledIngestLosesAndDoublesNothing kills an ingest with SIGKILL when its
// database has ever more bytes; after each kill the next ingest must bring the
// database to what an undisturbed one made.
func TestAKilledIngestLosesAndDoublesNothing(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	dir := t.TempDir()
	undisturbed := filepath.Join(dir, "undisturbed.db")
	mustRun(t, "--root", alpha, "--db", undisturbed, "ingest")
	want := facts(t, undisturbed)
	size := func(path string) (bytes int64) {
		for _, name := range []string{path, path + "-wal"} {
			if info, err := os.Stat(name); err == nil {
				bytes += info.Size()
			}
		}
		return bytes
	}
	killed := 0
	for atLeast := int64(1); atLeast <= size(undisturbed); atLeast += atLeast/2 + 1<<12 {
		path := filepath.Join(dir, fmt.Sprint(atLeast)+".db")
		cmd := emaudit(t, "--root", alpha, "--db", path, "ingest")
		if endBy(t, cmd, func() bool { return size(path) >= atLeast && cmd.Process.Kill() == nil }) && !cmd.ProcessState.Exited() {
			killed++
		}
		mustRun(t, "--root", alpha, "--db", path, "ingest")
		if diff := cmp.Diff(want, facts(t, path)); diff != "" {
			t.Errorf("killed at %d bytes (-undisturbed +killed):\n%s", atLeast, diff)
		}
	}
	if killed == 0 {
		t.Error("no ingest was killed: the test proved nothing")
	}
	t.Logf("%d ingests killed", killed)
}

// TestTwoIngestsAtOnceAgree runs several on one new database.
func TestTwoIngestsAtOnceAgree(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	dir := t.TempDir()
	alone := filepath.Join(dir, "alone.db")
	mustRun(t, "--root", alpha, "--db", alone, "ingest")
	together := filepath.Join(dir, "together.db")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			cmd := emaudit(t, "--root", alpha, "--db", together, "ingest")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(facts(t, alone), facts(t, together)); diff != "" {
		t.Errorf("-alone +together:\n%s", diff)
	}
}

// TestASecondIngestChangesNothing is the law that makes cron safe.
func TestASecondIngestChangesNothing(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	path := filepath.Join(t.TempDir(), "emaudit.db")
	mustRun(t, "--root", alpha, "--db", path, "ingest")
	before := facts(t, path)
	out := mustRun(t, "--root", alpha, "--db", path, "ingest")
	if strings.Contains(string(out), "updated") {
		t.Errorf("the second ingest found something new:\n%s", out)
	}
	after := facts(t, path)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the second ingest changed the database:\n%s", diff)
	}
}

// countdown is a context that is canceled by being asked: whoever looks often
// enough whether it was interrupted, finds that it was.
type countdown struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func (c *countdown) Err() error {
	if c.left.Add(-1) < 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// TestAnInterruptedIngestExits130AndGoesOn interrupts an ingest where it looks
// for it the 1st time, the 2nd, the 4th and so on, as SIGINT does. What was
// stored is whole: the next ingest makes of it what an undisturbed one made.
func TestAnInterruptedIngestExits130AndGoesOn(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	dir := t.TempDir()
	undisturbed := filepath.Join(dir, "undisturbed.db")
	mustRun(t, "--root", alpha, "--db", undisturbed, "ingest")
	want := facts(t, undisturbed)
	for looks := int64(1); ; looks *= 2 {
		path := filepath.Join(dir, fmt.Sprint(looks)+".db")
		inner, cancel := context.WithCancel(t.Context())
		ctx := &countdown{Context: inner, cancel: cancel}
		ctx.left.Store(looks)
		var stderr bytes.Buffer
		code := run(ctx, process{
			args:   []string{"--root", alpha, "--db", path, "--host", "alpha", "ingest"},
			stdin:  strings.NewReader(""),
			stdout: io.Discard, stderr: &stderr,
			now:   func() time.Time { return time.Unix(testNow, 0) },
			local: time.UTC,
		})
		interrupted := inner.Err() != nil
		cancel()
		if !interrupted {
			if looks == 1 {
				t.Error("no ingest was interrupted: the test proved nothing")
			}
			break
		}
		if code != exitInterrupted {
			t.Errorf("interrupted at look %d: exit code: want %d, got %d\n%s", looks, exitInterrupted, code, &stderr)
		}
		mustRun(t, "--root", alpha, "--db", path, "ingest")
		if diff := cmp.Diff(want, facts(t, path)); diff != "" {
			t.Errorf("interrupted at look %d (-undisturbed +interrupted):\n%s", looks, diff)
		}
	}
}
