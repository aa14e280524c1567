package rollback_test

import (
	"path/filepath"
	"testing"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostgen"
	"emaudit/internal/hosttest"
)

// BenchmarkRollback is the verdict about the last run of a host with 2,000
// installed packages and 5,000 binary packages, from the stored facts: the
// budget is 0.3 s, the incremental ingest included.
func BenchmarkRollback(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "host")
	installed, binpkgs := 2000, 5000
	if testing.Short() {
		installed, binpkgs = 200, 500
	}
	if _, err := hostgen.Host(dir, hostgen.HostOptions{Installed: installed, Binpkgs: binpkgs, ImageSize: 256, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	host := hosttest.New(b, dir)
	host.Ingest(hosttest.Now)
	b.ReportAllocs()
	for b.Loop() {
		audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
			_, err := rollback.AuditRollback(db, state.Moment{Previous: true}, rollback.RollbackOptions{})
			return err
		})
	}
}
