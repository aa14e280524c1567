package rollback_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostgen"
	"emaudit/internal/hosttest"
	"emaudit/store"
)

// BenchmarkRollback is the verdict about the last update of a host with 2,000
// installed and 5,000 binary packages, with its plan and the incremental ingest
// before. It compares them with their floor: the lstat of all files of the root and
// an opened database. The budget is 2.5 floors and 100 MB.
func BenchmarkRollback(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "host")
	installed, binpkgs := 2000, 5000
	if testing.Short() {
		installed, binpkgs = 200, 500
	}
	if err := hostgen.Host(dir, hostgen.HostOptions{Installed: installed, Binpkgs: binpkgs}); err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "emaudit.db")
	host := hosttest.Open(b, dir, path)
	host.Ingest(hosttest.Now)
	var floor, work time.Duration
	files := 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		floor += processorTime(func() { files = lstatAll(b, dir, path) })
		b.StartTimer()
		work += processorTime(func() {
			host.Ingest(hosttest.Now)
			audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
				_, err := rollback.AuditRollback(db, state.Moment{Previous: true}, rollback.Options{Contents: contentsOf(dir)})
				return err
			})
		})
	}
	b.ReportMetric(float64(work)/float64(floor), "floors")
	b.ReportMetric(float64(floor.Milliseconds())/float64(b.N), "floor-ms")
	b.ReportMetric(float64(files), "files")
}

// processorTime is what this process uses of the processors in a call. On a machine
// that does other work, its ratios hold where those of wall time do not.
func processorTime(f func()) time.Duration {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for this process
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	f()
	return used() - before
}

// lstatAll is the floor.
func lstatAll(b *testing.B, dir, path string) (files int) {
	b.Helper()
	db, err := store.Open(context.Background(), path, store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil {
			files++
			_, err = d.Info()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return files
}
