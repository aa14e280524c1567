package binpkg

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/binpkg/codec"
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
	image, err := os.ReadFile("codec/testdata/image.tar.bz2")
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
		Format: FormatXpak, Compressor: codec.Bzip2, ImageSize: int64(len(image)),
		Origin: OriginBuild, Integrity: Unchecked,
		Metadata: Metadata{
			Category: "app-misc", PF: "foo-1.2", Slot: "0/2", EAPI: "0",
			RDepend:   "dev-libs/a dev-libs/b dev-libs/c",
			BuildTime: 1772362358, BuildID: 3, InstalledSize: 12345,
			Names:          []string{"CATEGORY", "PF", "SLOT", "BUILD_TIME", "BUILD_ID", "SIZE", "RDEPEND", "environment.bz2", "foo-1.2.ebuild"},
			HasEnvironment: true,
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
