package cleanup

import "testing"

func TestExcludesAreThoseOfEcleanAndAtoms(t *testing.T) {
	t.Parallel()
	var x Excludes
	for _, line := range []string{"# a comment", "", "  sys-libs  ", "dev-lang/*", "!sys-libs/zlib", "app-misc/hello", "=app-misc/foo-1*", "<dev-libs/bar-2", "x11-libs/gtk+:2", "media-*/*"} {
		if err := x.Add(line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	for _, line := range []string{"foo.*\\.tar\\.gz$", "!=app-misc/hello-1", "app-misc/", "a b", "!"} {
		if err := x.Add(line); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	for cpv, want := range map[string]bool{
		"sys-libs/glibc-2.40":  true,
		"sys-libs/zlib-1":      false,
		"dev-lang/python-3.12": true,
		"app-misc/hello-9":     true,
		"app-misc/hellos-9":    false,
		"app-misc/foo-1.9":     true,
		"app-misc/foo-2":       false,
		"dev-libs/bar-1.9-r3":  true,
		"dev-libs/bar-2":       false,
		"media-gfx/gimp-3":     true,
		"not a cpv":            false,
	} {
		if got := x.excludes(cpv, "0", "0", "gentoo", ""); got != want {
			t.Errorf("%s: %t, want %t", cpv, got, want)
		}
	}
	if !x.excludes("x11-libs/gtk+-2.24", "2", "2", "gentoo", "") || x.excludes("x11-libs/gtk+-3.24", "3", "3", "gentoo", "") {
		t.Error("the slot of an atom does not count")
	}
	// What could not be read goes by its path.
	for file, want := range map[string]bool{
		"sys-libs/glibc/glibc-2-1.gpkg.tar": true,
		"sys-libs/zlib/zlib-1-1.gpkg.tar":   false,
		"app-misc/hello/hello-1-1.gpkg.tar": true,
		"app-misc/other/other-1-1.gpkg.tar": false,
	} {
		if got := x.path(file); got != want {
			t.Errorf("%s: %t, want %t", file, got, want)
		}
	}
}
