package binpkg

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestManifestLines(t *testing.T) {
	t.Parallel()
	const sum = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
	both := "SHA512 " + sum + " BLAKE2B " + sum
	for _, c := range []struct {
		name, text string
		names      []string
		problem    string
	}{
		{"as Portage writes it", "DATA gpkg-1 0 " + both + "\nDATA image.tar 10 " + both + "\n", []string{"gpkg-1", "image.tar"}, ""},
		{"no line break at the end, as gpg leaves it", "DATA gpkg-1 0 " + both, []string{"gpkg-1"}, ""},
		{"CR LF and empty lines", "\r\nDATA gpkg-1 0 " + both + "\r\n\r\n", []string{"gpkg-1"}, ""},
		{"upper-case digits", "DATA gpkg-1 0 " + strings.ToUpper(both) + "\n", []string{"gpkg-1"}, ""},
		{"an unknown hash beside", "DATA gpkg-1 0 SHA3_512 00 " + both + "\n", []string{"gpkg-1"}, ""},
		{"no hash", "DATA gpkg-1 0\n", []string{"gpkg-1"}, ""}, // told when it is compared
		{"nothing", "", nil, ""},
		{"another kind", "DIST gpkg-1 0 " + both + "\n", nil, ProblemManifestInvalid},
		{"no size", "DATA gpkg-1\n", nil, ProblemManifestInvalid},
		{"a negative size", "DATA gpkg-1 -1 " + both + "\n", nil, ProblemManifestInvalid},
		{"an underscore, which Python takes", "DATA gpkg-1 1_0 " + both + "\n", nil, ProblemManifestInvalid},
		{"a hash without a value", "DATA gpkg-1 0 SHA512\n", nil, ProblemManifestInvalid},
		{"a short hash", "DATA gpkg-1 0 SHA512 cf83\n", []string{"gpkg-1"}, ProblemManifestInvalid},
		{"a hash twice", "DATA gpkg-1 0 " + both + " " + both + "\n", []string{"gpkg-1"}, ProblemManifestInvalid},
		{"a name twice", "DATA a 0 " + both + "\nDATA a 1 " + both + "\n", []string{"a", "a"}, ProblemManifestDuplicate},
		{"a line of blanks", "DATA a 0 " + both + "\n  \n", []string{"a"}, ProblemManifestInvalid},
		{"a form feed, which ends a line for Python", "DATA a 0 " + both + "\fDATA b 0 " + both + "\n", nil, ProblemManifestInvalid},
		{"U+2028, which does so too", "DATA a 0 " + both + "\u2028DATA b 0 " + both + "\n", nil, ProblemManifestInvalid},
		{"a unit separator in the middle of a word", "DATA gpkg\x1f1 0 " + both + "\n", nil, ProblemManifestInvalid},
		{"a lone CR, which does so too", "DATA a 0 " + both + " X\rDATA\n", nil, ProblemManifestInvalid},
		{"a name that hides a hash", "DATA SHA512 0 " + both + "\n", nil, ProblemManifestInvalid},
		{"a value that hides one", "DATA a 0 X BLAKE2B " + both + "\n", nil, ProblemManifestInvalid},
		{"a name that only begins so", "DATA SHA512SUM 0 " + both + "\n", []string{"SHA512SUM"}, ""},
		{"bytes that are no text", "DATA a\xff 0 " + both + "\n", nil, ProblemManifestInvalid},
	} {
		p := new(Package)
		entries, ok := new(manifestMemory).read(p, []byte(c.text), 0)
		var names []string
		for _, e := range entries {
			names = append(names, e.name)
		}
		if !slices.Equal(names, c.names) {
			t.Errorf("%s: %q, want %q", c.name, names, c.names)
		}
		if ok != (c.problem == "") || !ok && !slices.Contains(p.Problems(), c.problem) {
			t.Errorf("%s: %t, %v", c.name, ok, p.Diagnostics)
		}
	}
}

// Law: entries are those of the lines, or there is a diagnostic; sums have
// their length.
func FuzzManifest(f *testing.F) {
	f.Add([]byte("DATA gpkg-1 0 SHA512 cf83 BLAKE2B 786a\n"))
	f.Add([]byte("DATA a 1\r\n\r\nDATA b 2 X y\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := new(Package)
		entries, ok := new(manifestMemory).read(p, text, 7)
		if ok == (len(p.Diagnostics) > 0) {
			t.Fatalf("%t, but %v", ok, p.Diagnostics)
		}
		for _, d := range p.Diagnostics {
			if d.Offset < 7 || d.Offset > 7+int64(len(text)) {
				t.Fatalf("offset %d in a text of %d", d.Offset, len(text))
			}
		}
		for _, e := range entries {
			if e.size < 0 || !strings.Contains(string(text), fmt.Sprintf("DATA %s", e.name)) && ok && !strings.Contains(string(text), e.name) {
				t.Fatalf("entry %+v is not in the text", e)
			}
			if ok && (e.sha512 != nil && len(e.sha512) != 64 || e.blake2b != nil && len(e.blake2b) != 64) {
				t.Fatalf("sums of %d and %d bytes", len(e.sha512), len(e.blake2b))
			}
		}
	})
}
