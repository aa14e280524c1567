package binpkg

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"emaudit/parse/binpkg/codec"
	"emaudit/parse/binpkg/tarball"
)

// readKeys reads keys as those of a package, without a container.
func readKeys(keys ...file) *Package {
	p := &Package{Integrity: Unchecked}
	rd := NewReader()
	rd.beginMetadata(p)
	for _, k := range keys {
		rd.metadataKey(p, []byte(k.name), k.data, 0)
	}
	rd.finishMetadata(p)
	return p
}

var identity = []file{{"CATEGORY", []byte("app-misc\n")}, {"PF", []byte("foo-1\n")}, {"SLOT", []byte("0\n")}}

func TestOriginIsToldByWhatOnlyTheInstalledPackageHas(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]Origin{"USE": OriginBuild, "CONTENTS": OriginQuickpkg, "COUNTER": OriginQuickpkg} {
		if p := readKeys(append(identity[:3:3], file{key, []byte("1")})...); p.Origin != want {
			t.Errorf("%s: %s, want %s", key, p.Origin, want)
		}
	}
	if p, err := Read(strings.NewReader("no package"), 10, FormatGpkg); err != nil || p.Origin != OriginUnknown {
		t.Errorf("what cannot be read: %s, %v", p.Origin, err)
	}
}

func TestValuesThatCannotBeWhatTheyClaim(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ key, value, problem string }{
		{"BUILD_TIME", "yesterday", ProblemMetadataNumber},
		{"BUILD_TIME", "-1", ProblemMetadataNumber},
		{"BUILD_ID", "99999999999999999999", ProblemMetadataNumber},
		{"SIZE", "", ProblemMetadataNumber},
		{"RDEPEND", "|| ( a/b c/d", ProblemMetadataValue},
		{"BDEPEND", "a/b )", ProblemMetadataValue},
		{"RDEPEND", "foo? ( a/b[bar(+)] )", ""},
		{"DESCRIPTION", "a smile :) and (more", ""},
		{"CATEGORY", "../..", ProblemMetadataValue},
		{"PF", "a/b-1", ProblemMetadataValue},
		{"PF", ".hidden-1", ProblemMetadataValue},
		{"DESCRIPTION", "\xff\xfe", ProblemMetadataEncoding},
		{"DESCRIPTION", "\x1b[2J", ProblemMetadataControl},
		{"SLOT", "0\nCPV: a/b-1\n", ProblemMetadataControl},
		{"USE", strings.Repeat("x", maxKeyValue+1), ProblemMetadataTooLarge},
		{"CONTENTS", strings.Repeat("x", maxKeyValue+1), ""}, // is not kept
	} {
		keys := slices.DeleteFunc(slices.Clone(identity), func(f file) bool { return f.name == c.key })
		p := readKeys(append(keys, file{c.key, []byte(c.value)})...)
		if c.problem == "" && len(p.Problems()) > 0 || c.problem != "" && !slices.Equal(p.Problems(), []string{c.problem}) {
			t.Errorf("%s %q: %q, want %q", c.key, c.value[:min(20, len(c.value))], p.Problems(), c.problem)
		}
	}
}

// Laws: one blank between words and none around, valid UTF-8, and nothing left
// to do when it is done again. It is what Python's " ".join(v.split()) gives for
// text of one byte a character.
func FuzzCollapse(f *testing.F) {
	f.Add([]byte(" a  b\n"))
	f.Add([]byte("amd64 ~x86 \t \x7f 12345678\n\n"))
	f.Add([]byte("a\x85b\u2003c \xff"))
	f.Fuzz(func(t *testing.T, value []byte) {
		got := collapse(value)
		if !utf8.ValidString(got) || strings.Contains(got, "  ") || got != strings.TrimSpace(got) || collapse([]byte(got)) != got {
			t.Fatalf("%q of %q", got, value)
		}
		if want := strings.Join(strings.Fields(strings.ToValidUTF8(string(value), "\uFFFD")), " "); got != want {
			t.Fatalf("%q of %q, want %q", got, value, want)
		}
		// The short way says the same, and only of values with which nothing is
		// wrong.
		var k knownKey
		for range 2 {
			if text, ok := k.plain(value); ok && (text != got || !utf8.Valid(value) || indexControl(value) >= 0) {
				t.Fatalf("%q of %q, want %q", text, value, got)
			}
		}
	})
}

// Laws: no metadata.tar makes the reader fail; what it keeps is in the tar, and
// its size is bounded.
func FuzzMetadataTar(f *testing.F) {
	var u codec.Unpacker
	for _, name := range []string{"bar-daemon-4.1-1", "bar-daemon-4.1-2"} {
		tar, err := u.Unpack(nil, filesOf(f, "testdata/alpha/"+name+".gpkg.tar")[1].data, codec.Zstd, maxMetadataSize)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Clone(tar[:8192]))
	}
	rd := NewReader()
	f.Fuzz(func(t *testing.T, tar []byte) {
		p := &Package{Integrity: Unchecked}
		rd.readMetadataTar(p, tar)
		for _, name := range p.Names {
			if len(name) > maxKeyName || strings.ContainsAny(name, "/") || !bytes.Contains(tar, []byte(name)) {
				t.Fatalf("key %q", name)
			}
		}
		if len(p.Names) > len(tar)/tarball.BlockSize || len(p.Diagnostics) > maxDiagnostics {
			t.Fatalf("%d keys, %d diagnostics of %d bytes", len(p.Names), len(p.Diagnostics), len(tar))
		}
		if p.Integrity == Unchecked && (p.Category == "" || p.PF == "" || p.Slot == "") {
			t.Fatalf("%q %q %q, and no problem", p.Category, p.PF, p.Slot)
		}
	})
}
