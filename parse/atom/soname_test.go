package atom_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/atom"
)

func TestParseSonames(t *testing.T) {
	t.Parallel()
	got, err := atom.ParseSonames("x86_32: libc.so.6\tx86_64: libc.so.6 libssl.so.3\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []atom.Soname{
		{Category: "x86_32", Name: "libc.so.6"},
		{Category: "x86_64", Name: "libc.so.6"},
		{Category: "x86_64", Name: "libssl.so.3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got, err := atom.ParseSonames(" \n"); err != nil || len(got) != 0 {
		t.Errorf("an empty value: %v, %v", got, err)
	}
}

func TestWhatIsNoListOfSonames(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"libc.so.6":                `"libc.so.6" is in no category`,
		"libc.so.6 x86_64: a":      `"libc.so.6" is in no category`,
		"x86_64:":                  `category "x86_64" is empty`,
		"x86_32: x86_64: a":        `category "x86_32" is empty`,
		"x86_64: a x86_64: b":      `category "x86_64" occurs twice`,
		": a":                      "category without a name",
		strings.Repeat(" ", 2<<20): "longer than 1048576 bytes",
	} {
		got, err := atom.ParseSonames(text)
		if err == nil || err.Error() != "sonames: "+reason || got != nil {
			t.Errorf("ParseSonames(%.40q) = %v, %v, want %s", text, got, err, reason)
		}
	}
}

func FuzzParseSonames(f *testing.F) {
	f.Add("x86_32: libc.so.6 x86_64: libc.so.6 libssl.so.3")
	f.Add("x86_64:")
	f.Fuzz(func(t *testing.T, text string) {
		sonames, err := atom.ParseSonames(text)
		if err != nil {
			return
		}
		var b strings.Builder
		category := ""
		for _, s := range sonames {
			if s.Category != category {
				category = s.Category
				b.WriteString(category + ": ")
			}
			b.WriteString(s.Name + " ")
		}
		if got, want := strings.Fields(b.String()), strings.Fields(text); !cmp.Equal(got, want) {
			t.Fatalf("ParseSonames(%q), written again: %q", text, got)
		}
	})
}
