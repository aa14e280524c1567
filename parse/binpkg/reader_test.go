package binpkg

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// Laws: no input makes Read or Verify fail or panic; everything that they point
// at is inside the file; what Read calls damaged Verify never calls whole; and
// only a package whose every member has its hashes is whole.
func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/alpha/*.gpkg.tar", "testdata/signed/*.gpkg.tar"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, byte(0))
			f.Add(data[:len(data)*2/3], byte(1))
		}
	}
	f.Add(makeXpak([]byte("BZh9"), []file{{"PF", []byte("a-1")}, {"CATEGORY", []byte("a")}, {"SLOT", []byte("0")}}), byte(2))
	rd := NewReader()
	f.Fuzz(func(t *testing.T, data []byte, kind byte) {
		expect := []Format{FormatUnknown, FormatGpkg, FormatXpak}[kind%3]
		size := int64(len(data))
		p, err := rd.Read(bytes.NewReader(data), size, expect)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append(p.Members, Member{"image", p.ImageOffset, p.ImageSize}) {
			if m.Offset < 0 || m.Size < 0 || m.Offset+m.Size > size {
				t.Fatalf("member %q at %d, %d bytes, of %d", m.Name, m.Offset, m.Size, size)
			}
		}
		for _, d := range p.Diagnostics {
			if d.Code == "" || d.Offset < 0 {
				t.Fatalf("diagnostic %+v", d)
			}
		}
		if p.Integrity == Whole || p.Integrity == "" {
			t.Fatalf("Read says %q", p.Integrity)
		}
		v, err := rd.Verify(context.Background(), bytes.NewReader(data), size, VerifyOptions{Expect: expect, Image: true})
		if err != nil {
			t.Fatal(err)
		}
		if v.Integrity != worst(p.Integrity, v.Integrity) && !(p.Integrity == Unchecked && v.Integrity == Whole) {
			t.Fatalf("Read says %s, Verify %s", p.Integrity, v.Integrity)
		}
		if v.Integrity == Whole && (v.Format != FormatGpkg || len(v.Members) < 4) {
			t.Fatalf("whole, but %s of %d members", v.Format, len(v.Members))
		}
	})
}
