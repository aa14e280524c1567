package packages_test

import (
	"context"
	"crypto/sha512"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/blake2b"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/ingest/packages"
	"emaudit/ingest/sources"
	"emaudit/internal/hostgen"
	"emaudit/settings"
	"emaudit/store"
)

// benchRoot is a root with generated binary packages and their index, and nothing
// else.
type benchRoot func() (string, error)

// manyPackages are 2,400 packages of 10 to 30 kB, made once for the process in the
// folder that EMAUDIT_BENCH_ROOT names or in one of the benchmark's own.
var manyPackages = benchRoot(sync.OnceValues(func() (string, error) {
	o := hostgen.HostOptions{Installed: 1500, Binpkgs: 2400}
	if testing.Short() {
		o.Installed, o.Binpkgs = 150, 240
	}
	return makePackages(os.Getenv("EMAUDIT_BENCH_ROOT"), o)
}))

// largePackages are few, of the size that most bytes of a real PKGDIR are in.
var largePackages = benchRoot(sync.OnceValues(func() (string, error) {
	o := hostgen.HostOptions{Binpkgs: 60, FileSize: 16 << 20}
	if testing.Short() {
		o.FileSize = 1 << 20
	}
	return makePackages("", o)
}))

func makePackages(root string, o hostgen.HostOptions) (string, error) {
	if root == "" {
		var err error
		if root, err = os.MkdirTemp("", "emaudit-bench-"); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(root, pkgdir)); err == nil {
		return root, nil
	}
	if err := hostgen.Host(root, o); err != nil {
		return "", err
	}
	return root, errors.Join(os.RemoveAll(filepath.Join(root, "var/db")), os.RemoveAll(filepath.Join(root, "var/log")))
}

func (r benchRoot) open(b *testing.B) (*store.DB, ingest.Host) {
	b.Helper()
	dir, err := r()
	if err != nil {
		b.Fatal(err)
	}
	root, err := hostfs.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { root.Close() })
	db, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "emaudit.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	host := ingest.Host{Root: root}
	if host.Settings, err = settings.Resolve(root, settings.Options{}); err != nil {
		b.Fatal(err)
	}
	err = db.Update(b.Context(), func(tx *store.Tx) error {
		host.ID, err = tx.EnsureHost("bench", dir, 1)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return db, host
}

// BenchmarkFirstScan reads structure and metadata of 2,400 gpkgs, and their
// index, into a new database. Beside it: emaint --fix binhost (bench/peers.sh).
func BenchmarkFirstScan(b *testing.B) {
	var cpu processorTime
	for b.Loop() {
		b.StopTimer()
		db, host := manyPackages.open(b)
		b.StartTimer()
		cpu.of(func() { scan(b, db, host, 1) })
	}
	cpu.report(b)
}

func scan(b *testing.B, db *store.DB, host ingest.Host, now int64) {
	b.Helper()
	if _, err := sources.Ingest(b.Context(), db, host, ingest.Options{Now: now}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkSecondScan looks at them again, and nothing has changed; the budget
// is 60 ms.
func BenchmarkSecondScan(b *testing.B) {
	db, host := manyPackages.open(b)
	scan(b, db, host, 1)
	var cpu processorTime
	for b.Loop() {
		cpu.of(func() { scan(b, db, host, 2) })
	}
	cpu.report(b)
}

// BenchmarkVerifyAll compares the verification of all packages with its floor:
// SHA512 and BLAKE2B over the same bytes on all processors, and nothing else.
// The budget is 80 % of the floor's speed, for packages that were never verified
// and for those that were.
func BenchmarkVerifyAll(b *testing.B) {
	manyPackages.benchVerify(b)
}

// BenchmarkVerifyLarge is BenchmarkVerifyAll with packages of the size that most
// bytes of a real PKGDIR are in.
func BenchmarkVerifyLarge(b *testing.B) {
	largePackages.benchVerify(b)
}

func (r benchRoot) benchVerify(b *testing.B) {
	db, host := r.open(b)
	scan(b, db, host, 1)
	var files []string
	var total int64
	err := filepath.WalkDir(filepath.Join(host.Root.Name(), pkgdir), func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".tar" {
			info, infoErr := d.Info()
			files, err = append(files, path), infoErr
			total += info.Size()
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	verify := func(db *store.DB, host ingest.Host) {
		result, err := packages.Verify(context.Background(), db, host, packages.VerifyOptions{Now: 2, All: true})
		if err != nil || result.Read != len(files) {
			b.Fatal(result.Read, err)
		}
	}
	// Each turn takes the floor too: on a machine that does other work, only what
	// was measured in the same moment can be compared.
	against := func(b *testing.B, prepare func(*testing.B) func()) {
		b.SetBytes(total)
		var floor, work processorTime
		var floorWall, workWall time.Duration
		for b.Loop() {
			b.StopTimer()
			run := prepare(b)
			begin := time.Now()
			floor.of(func() { hashAll(b, files) })
			floorWall += time.Since(begin)
			b.StartTimer()
			begin = time.Now()
			work.of(run)
			workWall += time.Since(begin)
		}
		work.report(b)
		b.ReportMetric(100*float64(floor)/float64(work), "%cpu-of-floor")
		b.ReportMetric(100*float64(floorWall)/float64(workWall), "%speed-of-floor")
	}
	b.Run("first", func(b *testing.B) {
		against(b, func(b *testing.B) func() {
			db, host := r.open(b)
			scan(b, db, host, 1)
			return func() { verify(db, host) }
		})
	})
	b.Run("again", func(b *testing.B) {
		verify(db, host)
		against(b, func(*testing.B) func() { return func() { verify(db, host) } })
	})
}

// processorTime adds up what this process uses of the processors. On a machine
// that does other work, its ratios hold where those of wall time do not.
type processorTime time.Duration

func (p *processorTime) of(f func()) {
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for this process
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := used()
	f()
	*p += processorTime(used() - before)
}

func (p *processorTime) report(b *testing.B) {
	b.ReportMetric(time.Duration(*p).Seconds()*1000/float64(b.N), "cpu-ms/op")
}

// hashAll is the floor.
func hashAll(b *testing.B, files []string) {
	b.Helper()
	work := make(chan string)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			buf := make([]byte, 1<<20)
			for path := range work {
				file, err := os.Open(path)
				if err != nil {
					b.Error(err)
					continue
				}
				blake, err := blake2b.New512(nil)
				if err != nil {
					b.Error(err)
				}
				sha := sha512.New()
				for {
					n, err := file.Read(buf)
					sha.Write(buf[:n])
					blake.Write(buf[:n])
					if err == io.EOF {
						break
					}
					if err != nil {
						b.Error(err)
						break
					}
				}
				sha.Sum(nil)
				blake.Sum(nil)
				file.Close()
			}
		})
	}
	for _, path := range files {
		work <- path
	}
	close(work)
	workers.Wait()
}
