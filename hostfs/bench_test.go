package hostfs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// vdbFiles are small files of an installed package that a scan reads.
var vdbFiles = []string{"metadata", "SLOT", "BUILD_TIME", "COUNTER", "BINPKGMD5", "repository"}

// BenchmarkScanVDB reads six small files of each of 1,500 installed packages.
func BenchmarkScanVDB(b *testing.B) {
	top := b.TempDir()
	const categories, packages = 30, 50
	content := make([]byte, 300)
	for c := range categories {
		for p := range packages {
			dir := filepath.Join(top, fmt.Sprintf("cat-%d/pkg-%d-1.2.3", c, p))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				b.Fatal(err)
			}
			for _, name := range vdbFiles {
				if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	r, err := Open(top)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.ReportAllocs()
	for b.Loop() {
		vdb, err := r.OpenDir("/")
		if err != nil {
			b.Fatal(err)
		}
		categories, err := vdb.Names()
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range categories {
			category, err := vdb.OpenDir(name)
			if err != nil {
				b.Fatal(err)
			}
			packages, err := category.Names()
			if err != nil {
				b.Fatal(err)
			}
			for _, name := range packages {
				dir, err := category.OpenDir(name)
				if err != nil {
					b.Fatal(err)
				}
				for _, file := range vdbFiles {
					if _, err := dir.ReadFile(file, 1<<20); err != nil {
						b.Fatal(err)
					}
				}
				dir.Close()
			}
			category.Close()
		}
		vdb.Close()
	}
}

// BenchmarkScanPKGDIR describes 5,000 binary packages of 1,000 packages.
func BenchmarkScanPKGDIR(b *testing.B) {
	top := b.TempDir()
	for p := range 1000 {
		dir := filepath.Join(top, fmt.Sprintf("pkg-%d", p))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		for id := range 5 {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("pkg-%d-1.2.3-%d.gpkg.tar", p, id)), nil, 0o644); err != nil {
				b.Fatal(err)
			}
		}
	}
	r, err := Open(top)
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.ReportAllocs()
	for b.Loop() {
		pkgdir, err := r.OpenDir("/")
		if err != nil {
			b.Fatal(err)
		}
		names, err := pkgdir.Names()
		if err != nil {
			b.Fatal(err)
		}
		for _, name := range names {
			dir, err := pkgdir.OpenDir(name)
			if err != nil {
				b.Fatal(err)
			}
			if entries, err := dir.Entries(); err != nil || len(entries) != 5 {
				b.Fatal(len(entries), err)
			}
			dir.Close()
		}
		pkgdir.Close()
	}
}

// BenchmarkReadFile opens one file by its path from the root.
func BenchmarkReadFile(b *testing.B) {
	for name, force := range resolvers {
		b.Run(name, func(b *testing.B) {
			r := openTree(b, force)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.ReadFile("/var/db/pkg/x", 1<<10); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
