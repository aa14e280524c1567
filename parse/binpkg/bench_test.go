package binpkg

import (
	"os"
	"testing"
)

// BenchmarkRead is one package of a scan of PKGDIR in a warm page cache; the
// budget is 20 µs, 2,400 packages in 50 ms on one core.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"bar-daemon-4.1-1", "bar-daemon-4.1-2"} {
		b.Run(name, func(b *testing.B) {
			f, err := os.Open("testdata/alpha/" + name + ".gpkg.tar")
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				b.Fatal(err)
			}
			rd := NewReader()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rd.Read(f, info.Size(), FormatGpkg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
