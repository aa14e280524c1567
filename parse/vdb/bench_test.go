package vdb_test

import (
	"path/filepath"
	"testing"

	"emaudit/internal/hostarchive"
	"emaudit/parse/vdb"
)

// BenchmarkReadPackages reads the 50 packages of alpha from a warm disk. A host
// with 1,500 packages costs 30 times as much.
func BenchmarkReadPackages(b *testing.B) {
	root := filepath.Join(hostarchive.Alpha(b), "var/db/pkg")
	for _, bench := range []struct {
		name string
		want vdb.Want
	}{{"metadata", 0}, {"everything", everything}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				for _, category := range readDir(b, root) {
					for _, pf := range readDir(b, filepath.Join(root, category)) {
						if vdb.ClassifyPackage(pf) != vdb.NameValid {
							continue
						}
						if _, _, err := vdb.ReadPackage(category, pf, openDir(b, root, category, pf), bench.want); err != nil {
							b.Fatal(err)
						}
						n++
					}
				}
				if n != 50 {
					b.Fatal(n)
				}
			}
		})
	}
}

func BenchmarkParseContentsEntry(b *testing.B) {
	const line = "obj /usr/src/linux-6.12.8-gentoo-r1/drivers/gpu/drm/amd/include/asic_reg/nbio/nbio_7_2_0_sh_mask.h d41d8cd98f00b204e9800998ecf8427e 1789293992"
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := vdb.ParseContentsEntry(line); !ok {
			b.Fatal("not an entry")
		}
	}
}
