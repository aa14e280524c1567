package atom_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/atom"
)

func TestParseCPV(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]atom.CPV{
		"dev-libs/openssl-3.0.1_p2-r1":           {Category: "dev-libs", PN: "openssl", Version: "3.0.1_p2-r1"},
		"media-fonts/font-adobe-100dpi-1.0.4-r1": {Category: "media-fonts", PN: "font-adobe-100dpi", Version: "1.0.4-r1"},
		"x11-libs/gtk+-3.24.38":                  {Category: "x11-libs", PN: "gtk+", Version: "3.24.38"},
		"app-arch/p7zip-9999":                    {Category: "app-arch", PN: "p7zip", Version: "9999"},
		"virtual/perl-CPAN-Meta-2.150.10-r6":     {Category: "virtual", PN: "perl-CPAN-Meta", Version: "2.150.10-r6"},
		"a/b-r1-2":                               {Category: "a", PN: "b-r1", Version: "2"},
		"a/b--1":                                 {Category: "a", PN: "b-", Version: "1"},
		"_c.+-/_-1a":                             {Category: "_c.+-", PN: "_", Version: "1a"},
	} {
		got, err := atom.ParseCPV(text)
		if err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ParseCPV(%q):\n%s", text, diff)
		}
		if got.String() != text {
			t.Errorf("ParseCPV(%q).String() = %q", text, got.String())
		}
	}
}

func TestWhatIsNoCPV(t *testing.T) {
	t.Parallel()
	for text, reason := range map[string]string{
		"":                       `cpv "": no category`,
		"hello-1.0":              `cpv "hello-1.0": no category`,
		"/hello-1.0":             `cpv "/hello-1.0": invalid category ""`,
		"-cat/hello-1.0":         `cpv "-cat/hello-1.0": invalid category "-cat"`,
		"app-misc/hello":         `cpv "app-misc/hello": "hello" is not a package name, a hyphen and a version`,
		"app-misc/-1.0":          `cpv "app-misc/-1.0": "-1.0" is not a package name, a hyphen and a version`,
		"app-misc/hello-":        `cpv "app-misc/hello-": "hello-" is not a package name, a hyphen and a version`,
		"app-misc/hello-r1":      `cpv "app-misc/hello-r1": "hello-r1" is not a package name, a hyphen and a version`,
		"app-misc/hello-1-2":     `cpv "app-misc/hello-1-2": "hello-1-2" is not a package name, a hyphen and a version`,
		"app-misc/a/b-1":         `cpv "app-misc/a/b-1": "a/b-1" is not a package name, a hyphen and a version`,
		"../hello-1.0":           `cpv "../hello-1.0": invalid category ".."`,
		"app-misc/hel\x1blo-1":   `cpv "app-misc/hel\x1blo-1": "hel\x1blo-1" is not a package name, a hyphen and a version`,
		"app-misc/héllo-1":       `cpv "app-misc/héllo-1": "héllo-1" is not a package name, a hyphen and a version`,
		strings.Repeat("a", 600): "cpv \"" + strings.Repeat("a", 80) + "\"...: longer than 512 bytes",
	} {
		got, err := atom.ParseCPV(text)
		if err == nil || err.Error() != reason {
			t.Errorf("ParseCPV(%q): error %v, want %s", text, err, reason)
		}
		if got != (atom.CPV{}) {
			t.Errorf("ParseCPV(%q) = %+v beside an error", text, got)
		}
	}
}

func TestParseCPVBuildID(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text    string
		version string
		id      int
	}{
		{"app-misc/hello-1.0-3", "1.0", 3},
		{"app-misc/hello-1.0-r2-12", "1.0-r2", 12},
		{"app-misc/hello-1-2", "1", 2},
	} {
		cpv, id, err := atom.ParseCPVBuildID(c.text)
		if err != nil || cpv.CP() != "app-misc/hello" || cpv.Version != c.version || id != c.id {
			t.Errorf("ParseCPVBuildID(%q) = %v, %d, %v", c.text, cpv, id, err)
		}
	}
	for _, text := range []string{
		"app-misc/hello-1.0", "app-misc/hello-3", "app-misc/hello-1.0-0", "app-misc/hello-1.0-03",
		"app-misc/hello-1.0-r3", "app-misc/hello-1.0-1234567890", "app-misc/hello-1.0-", "hello",
	} {
		if cpv, id, err := atom.ParseCPVBuildID(text); err == nil {
			t.Errorf("ParseCPVBuildID(%q) = %v, %d", text, cpv, id)
		}
	}
}

func TestPartsOfACPV(t *testing.T) {
	t.Parallel()
	cpv := atom.CPV{Category: "app-misc", PN: "hello", Version: "1.0_p2-r1"}
	got := []string{cpv.String(), cpv.CP(), cpv.PF(), cpv.PV()}
	want := []string{"app-misc/hello-1.0_p2-r1", "app-misc/hello", "hello-1.0_p2-r1", "1.0_p2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCompareOrdersByCategoryThenNameThenVersion(t *testing.T) {
	t.Parallel()
	want := []atom.CPV{
		{},
		{Category: "a", PN: "a", Version: ""},
		{Category: "a", PN: "a", Version: "no"},
		{Category: "a", PN: "a", Version: "9"},
		{Category: "a", PN: "a", Version: "10"},
		{Category: "a", PN: "a-b", Version: "1"},
		{Category: "b", PN: "a", Version: "1_rc"},
		{Category: "b", PN: "a", Version: "1"},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, atom.Compare)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParsingACPVDoesNotAllocate(t *testing.T) {
	const text = "media-fonts/font-adobe-100dpi-1.0.4-r1"
	if n := testing.AllocsPerRun(100, func() { _, _ = atom.ParseCPV(text) }); n != 0 {
		t.Errorf("ParseCPV allocates %v times", n)
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = atom.CompareVersions("1.02.3_p1-r1", "1.02.3_p2") }); n != 0 {
		t.Errorf("CompareVersions allocates %v times", n)
	}
}

func FuzzParseCPV(f *testing.F) {
	f.Add("media-fonts/font-adobe-100dpi-1.0.4-r1")
	f.Add("app-misc/hello-1-2")
	f.Add("a/b-r1-2a_rc-r0")
	f.Add("dev-libs/a--1")
	f.Fuzz(func(t *testing.T, text string) {
		cpv, err := atom.ParseCPV(text)
		if err != nil {
			return
		}
		if cpv.String() != text {
			t.Fatalf("ParseCPV(%q).String() = %q", text, cpv.String())
		}
		if !atom.ValidCategory(cpv.Category) || !atom.ValidPN(cpv.PN) || !atom.ValidVersion(cpv.Version) {
			t.Fatalf("ParseCPV(%q) = %+v: a part is not valid", text, cpv)
		}
		if atom.Compare(cpv, cpv) != 0 {
			t.Fatalf("%q is not equal to itself", text)
		}
		if withID, id, err := atom.ParseCPVBuildID(text + "-7"); len(text)+2 <= atom.MaxName && (err != nil || withID != cpv || id != 7) {
			t.Fatalf("ParseCPVBuildID(%q) = %+v, %d, %v", text+"-7", withID, id, err)
		}
		if _, err := atom.ParseCPV(text + "-7"); err == nil {
			t.Fatalf("ParseCPV(%q) accepts a build id", text+"-7")
		}
		for _, operator := range []string{"=", "~", "<=", ">="} {
			a, err := atom.ParseAtom(operator + text)
			if err == nil && !a.Match(atom.Package{CPV: cpv}) {
				t.Fatalf("%s is not true of %s", a, cpv)
			}
		}
	})
}
