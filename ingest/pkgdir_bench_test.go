package ingest_test

import (
	"context"
	"crypto/sha512"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/crypto/blake2b"

	"emaudit/hostfs"
	"emaudit/ingest"
	"emaudit/internal/hostgen"
	"emaudit/settings"
	"emaudit/store"
)

// benchPkgDir is a root with 2,400 generated binary packages and their index, and
// nothing else, made once for the process in the folder that EMAUDIT_BENCH_ROOT
// names or in one of the benchmark's own.
var benchPkgDir = sync.OnceValues(func() (string, error) {
	root := os.Getenv("EMAUDIT_BENCH_ROOT")
	if root == "" {
		var err error
		if root, err = os.MkdirTemp("", "emaudit-bench-"); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(root, pkgdir)); err == nil {
		return root, nil
	}
	installed, n := 1500, 2400
	if testing.Short() {
		installed, n = 150, 240
	}
	if _, err := hostgen.Host(root, hostgen.HostOptions{Installed: installed, Binpkgs: n, Seed: 1}); err != nil {
		return "", err
	}
	return root, errors.Join(os.RemoveAll(filepath.Join(root, "var/db")), os.RemoveAll(filepath.Join(root, "var/log")))
})

func benchPackages(b *testing.B, dbPath string) (*store.DB, ingest.Host) {
	b.Helper()
	dir, err := benchPkgDir()
	if err != nil {
		b.Fatal(err)
	}
	root, err := hostfs.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { root.Close() })
	db, err := store.Open(b.Context(), dbPath, store.Options{})
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
	for b.Loop() {
		b.StopTimer()
		db, host := benchPackages(b, filepath.Join(b.TempDir(), "emaudit.db"))
		b.StartTimer()
		if _, err := ingest.Run(b.Context(), db, host, ingest.Options{Now: 1}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSecondScan looks at them again, and nothing has changed; the budget
// is 60 ms.
func BenchmarkSecondScan(b *testing.B) {
	db, host := benchPackages(b, filepath.Join(b.TempDir(), "emaudit.db"))
	if _, err := ingest.Run(b.Context(), db, host, ingest.Options{Now: 1}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ingest.Run(b.Context(), db, host, ingest.Options{Now: 2}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyAll compares the verification of all packages with its floor:
// SHA512 and BLAKE2B over the same bytes on all processors, and nothing else.
// The budget is 80 % of the floor's speed.
func BenchmarkVerifyAll(b *testing.B) {
	db, host := benchPackages(b, filepath.Join(b.TempDir(), "emaudit.db"))
	if _, err := ingest.Run(b.Context(), db, host, ingest.Options{Now: 1}); err != nil {
		b.Fatal(err)
	}
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
	b.Run("floor", func(b *testing.B) {
		b.SetBytes(total)
		for b.Loop() {
			hashAll(b, files)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.SetBytes(total)
		for b.Loop() {
			result, err := ingest.Verify(context.Background(), db, host, ingest.VerifyOptions{Now: 2, All: true})
			if err != nil || result.Read != len(files) {
				b.Fatal(result.Read, err)
			}
		}
	})
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
