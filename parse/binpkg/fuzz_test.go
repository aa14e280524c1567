package binpkg

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// makeXpak makes an xpak file of an image and keys, in their order.
func makeXpak(image []byte, keys []file) []byte {
	var index, data []byte
	for _, k := range keys {
		index = binary.BigEndian.AppendUint32(index, uint32(len(k.name)))
		index = append(index, k.name...)
		index = binary.BigEndian.AppendUint32(index, uint32(len(data)))
		index = binary.BigEndian.AppendUint32(index, uint32(len(k.data)))
		data = append(data, k.data...)
	}
	segment := []byte("XPAKPACK")
	segment = binary.BigEndian.AppendUint32(segment, uint32(len(index)))
	segment = binary.BigEndian.AppendUint32(segment, uint32(len(data)))
	segment = append(append(append(segment, index...), data...), "XPAKSTOP"...)
	out := append(bytes.Clone(image), segment...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(segment)))
	return append(out, "STOP"...)
}

func TestAnXpakIsReadFromItsTail(t *testing.T) {
	t.Parallel()
	image, err := os.ReadFile("testdata/codec/image.tar.bz2")
	if err != nil {
		t.Fatal(err)
	}
	keys := []file{
		{"CATEGORY", []byte("app-misc\n")},
		{"PF", []byte("foo-1.2\n")},
		{"SLOT", []byte("0/2\n")},
		{"BUILD_TIME", []byte("1772362358\n")},
		{"BUILD_ID", []byte("3")},
		{"SIZE", []byte("12345\n")},
		{"RDEPEND", []byte("dev-libs/a  dev-libs/b\n\tdev-libs/c\n")},
		{"environment.bz2", []byte("BZh9 never looked at")},
		{"foo-1.2.ebuild", []byte("EAPI=8\n")},
	}
	pkg := makeXpak(image, keys)
	p, err := Read(bytes.NewReader(pkg), int64(len(pkg)), FormatXpak)
	if err != nil {
		t.Fatal(err)
	}
	want := &Package{
		Format: FormatXpak, Compressor: Bzip2, ImageSize: int64(len(image)),
		Origin: OriginBuild, Integrity: Unchecked,
		Metadata: Metadata{
			Category: "app-misc", PF: "foo-1.2", Slot: "0/2", EAPI: "0",
			RDepend:   "dev-libs/a dev-libs/b dev-libs/c",
			BuildTime: 1772362358, BuildID: 3, InstalledSize: 12345,
			Names:          []string{"CATEGORY", "PF", "SLOT", "BUILD_TIME", "BUILD_ID", "SIZE", "RDEPEND", "environment.bz2", "foo-1.2.ebuild"},
			HasEnvironment: true, HasEbuild: true,
		},
	}
	// A value over several lines is unusual enough to be told.
	p.Diagnostics = slices.DeleteFunc(p.Diagnostics, hasCode(ProblemMetadataControl))
	if len(p.Diagnostics) == 0 {
		p.Diagnostics = nil
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	v := verifyBytes(t, pkg, VerifyOptions{Expect: FormatXpak, Image: true, MD5: true, SHA1: true})
	if v.Integrity != Unchecked || v.Image.Files != 2 || v.Signature != SignatureNone {
		t.Errorf("%s, %+v, %s: %v", v.Integrity, v.Image, v.Signature, v.Diagnostics)
	}
	if v.SettleByIndex(strings.Repeat("0", 32), "") || v.Integrity != Unchecked {
		t.Errorf("another MD5: %s", v.Integrity)
	}
	if !v.SettleByIndex("", "") || v.Integrity != Unchecked {
		t.Errorf("no digests: %s", v.Integrity)
	}
	if !v.SettleByIndex(strings.ToUpper(v.MD5), v.SHA1) || v.Integrity != Whole {
		t.Errorf("the right digests: %s", v.Integrity)
	}
}

func TestHostileXpakNames(t *testing.T) {
	t.Parallel()
	base := []file{{"CATEGORY", []byte("a")}, {"PF", []byte("b-1")}, {"SLOT", []byte("0")}}
	for name, problem := range map[string]string{
		"../../../etc/passwd":    ProblemMetadataPath,
		"/etc/passwd":            ProblemMetadataPath,
		"a/../b":                 ProblemMetadataPath,
		"..":                     ProblemMetadataPath,
		"":                       ProblemMetadataPath,
		"nul\x00nul":             ProblemMetadataPath,
		strings.Repeat("k", 256): ProblemMetadataPath,
		"folder/key":             ProblemMetadataNested,
		"SLOT":                   ProblemMetadataDuplicate,
	} {
		pkg := makeXpak([]byte("BZh9"), append(base[:3:3], file{name, []byte("1")}))
		p, err := Read(bytes.NewReader(pkg), int64(len(pkg)), FormatXpak)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(p.Problems(), []string{problem}) || p.CPV() != "a/b-1" {
			t.Errorf("%q: %q, %q", name, p.Problems(), p.CPV())
		}
	}
}

// Law: an xpak that is made of keys and read again has them, in order.
func FuzzXpakRoundTrip(f *testing.F) {
	f.Add([]byte("BZh9"), "PF", []byte("foo-1\n"), "COUNTER", []byte("7"))
	f.Add([]byte("\x28\xb5\x2f\xfd"), "SLOT", []byte("0"), "USE", []byte(""))
	f.Add([]byte("LZIP"), "../x", []byte("0"), "", []byte(""))
	f.Fuzz(func(t *testing.T, image []byte, name1 string, value1 []byte, name2 string, value2 []byte) {
		pkg := makeXpak(image, []file{{name1, value1}, {name2, value2}})
		p, err := Read(bytes.NewReader(pkg), int64(len(pkg)), FormatXpak)
		if err != nil {
			t.Fatal(err)
		}
		if p.Format != FormatXpak || p.ImageSize != int64(len(image)) {
			t.Fatalf("%s, image of %d, want %d", p.Format, p.ImageSize, len(image))
		}
		var want []string
		for _, name := range []string{name1, name2} {
			if name != "" && len(name) <= maxKeyName && !strings.ContainsAny(name, "/\x00") && name != "." && name != ".." && !slices.Contains(want, name) {
				want = append(want, name)
			}
		}
		if !slices.Equal(p.Names, want) {
			t.Fatalf("keys %q, want %q", p.Names, want)
		}
		if slices.Contains(p.Problems(), ProblemXpakIndex) || slices.Contains(p.Problems(), ProblemXpakTail) {
			t.Fatalf("%v", p.Diagnostics)
		}
		if name1 == "DESCRIPTION" && name2 != name1 && p.Description != collapse(value1) {
			t.Fatalf("DESCRIPTION %q of %q", p.Description, value1)
		}
	})
}

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
			if _, known := effects[d.Code]; !known || d.Offset < 0 {
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
