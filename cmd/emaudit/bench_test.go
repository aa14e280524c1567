package main

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"emaudit/internal/hostgen"
)

// benchHost is a generated host of a size, made once for a process.
var benchHosts sync.Map

func benchHost(b *testing.B, installed, binpkgs int) string {
	b.Helper()
	if testing.Short() {
		installed, binpkgs = installed/10, binpkgs/10
	}
	key := [2]int{installed, binpkgs}
	if dir, ok := benchHosts.Load(key); ok {
		return dir.(string)
	}
	dir := filepath.Join(benchDir, "host")
	if err := hostgen.Host(dir, hostgen.HostOptions{Installed: installed, Binpkgs: binpkgs}); err != nil {
		b.Fatal(err)
	}
	benchHosts.Store(key, dir)
	return dir
}

// bench runs emaudit in this process.
func bench(b *testing.B, args ...string) {
	b.Helper()
	var stderr bytes.Buffer
	code := run(context.Background(), process{
		args: args, stdin: bytes.NewReader(nil), stdout: io.Discard, stderr: &stderr,
		now: time.Now, local: time.UTC,
	})
	if code != exitClean && code != exitFindings {
		b.Fatalf("emaudit %v: exit code %d: %s", args, code, stderr.Bytes())
	}
}

// BenchmarkColdIngest reads a host for the first time into a new database.
func BenchmarkColdIngest(b *testing.B) {
	host := benchHost(b, 1500, 2400)
	for b.Loop() {
		bench(b, "--root", host, "--db", filepath.Join(b.TempDir(), "emaudit.db"), "ingest")
	}
}

// BenchmarkWarmAudit is what cron pays: the incremental ingest of a host on
// which nothing changed, and the audit of coverage.
func BenchmarkWarmAudit(b *testing.B) {
	host := benchHost(b, 1500, 2400)
	db := filepath.Join(b.TempDir(), "emaudit.db")
	bench(b, "--root", host, "--db", db, "ingest")
	for b.Loop() {
		bench(b, "--root", host, "--db", db, "audit", "coverage")
	}
}

// BenchmarkWarmSummary is the one screen on the same host.
func BenchmarkWarmSummary(b *testing.B) {
	host := benchHost(b, 1500, 2400)
	db := filepath.Join(b.TempDir(), "emaudit.db")
	bench(b, "--root", host, "--db", db, "ingest")
	for b.Loop() {
		bench(b, "--root", host, "--db", db)
	}
}
