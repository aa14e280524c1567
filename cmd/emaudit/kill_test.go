package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

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

// facts returns every row of every table of a database, without the ids that
// depend on the order in which rows came.
func facts(t *testing.T, path string) []string {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var check string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&check); err != nil || check != "ok" {
		t.Fatalf("integrity_check: %s (%v)", check, err)
	}
	var tables []string
	rows, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		tables = append(tables, name)
	}
	rows.Close()
	var all []string
	for _, table := range tables {
		rows, err := db.Query("SELECT * FROM " + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			dest := make([]any, len(columns))
			for i := range values {
				dest[i] = &values[i]
			}
			if err := rows.Scan(dest...); err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			b.WriteString(table)
			for i, c := range columns {
				if c != "id" {
					fmt.Fprintf(&b, " %s=%v", c, values[i])
				}
			}
			all = append(all, b.String())
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		rows.Close()
	}
	sort.Strings(all)
	return all
}

// countsByTable is a fingerprint that does not depend on ids at all.
func countsByTable(rows []string) map[string]int {
	counts := map[string]int{}
	for _, r := range rows {
		table, _, _ := strings.Cut(r, " ")
		counts[table]++
	}
	return counts
}

// TestAKilledIngestLosesAndDoublesNothing kills an ingest with SIGKILL after
// ever longer times until one comes through; after each kill the next ingest
// must bring the database to what an undisturbed one made.
func TestAKilledIngestLosesAndDoublesNothing(t *testing.T) {
	alpha := hostarchive.Alpha(t)
	dir := t.TempDir()
	undisturbed := filepath.Join(dir, "undisturbed.db")
	mustRun(t, "--root", alpha, "--db", undisturbed, "ingest")
	want := countsByTable(facts(t, undisturbed))
	killed := 0
	for delay := 2 * time.Millisecond; ; delay += delay/2 + time.Millisecond {
		path := filepath.Join(dir, delay.String()+".db")
		cmd := emaudit(t, "--root", alpha, "--db", path, "ingest")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(delay, func() { cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		mustRun(t, "--root", alpha, "--db", path, "ingest")
		got := countsByTable(facts(t, path))
		for table, n := range want {
			if got[table] != n {
				t.Errorf("killed after %v: table %s has %d rows, undisturbed %d", delay, table, got[table], n)
			}
		}
		if err == nil {
			break
		}
		killed++
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
	want, got := countsByTable(facts(t, alone)), countsByTable(facts(t, together))
	for table, n := range want {
		if got[table] != n {
			t.Errorf("table %s has %d rows, alone %d", table, got[table], n)
		}
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
	if strings.Join(before, "\n") != strings.Join(after, "\n") {
		t.Error("the second ingest changed the database")
	}
}
