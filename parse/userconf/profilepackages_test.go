package userconf_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/userconf"
)

func TestLinesOfAProfileThatAreAboutSystem(t *testing.T) {
	t.Parallel()
	got := userconf.ParseProfilePackages([]byte("# comment\n*sys-apps/baselayout # of all\n\n>=sys-apps/portage-3\n-*app-editors/nano\n*\n-app-misc/x\n*>=dev-lang/python-3.11"))
	want := []userconf.ProfilePackage{{Text: "sys-apps/baselayout"}, {Text: "app-editors/nano", Remove: true}, {Text: ">=dev-lang/python-3.11"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestFlagsThatAProfileNames(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]string{"selinux", "python_targets_python3_14"}, userconf.ParseFlagNames([]byte("# masked\nselinux\n-python_targets_python3_14\n-\n"), false)); diff != "" {
		t.Errorf("use.mask: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"nls", "acl"}, userconf.ParseFlagNames([]byte("sys-apps/coreutils nls -acl # why\nsys-apps/sed\n"), true)); diff != "" {
		t.Errorf("package.use.mask: -want +got\n%s", diff)
	}
}

func FuzzParseProfilePackages(f *testing.F) {
	f.Add([]byte("*sys-apps/baselayout\n-*app-editors/nano\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, p := range userconf.ParseProfilePackages(b) {
			if p.Text == "" {
				t.Error("a line without an atom")
			}
		}
		for _, perPackage := range []bool{false, true} {
			for _, name := range userconf.ParseFlagNames(b, perPackage) {
				if name == "" {
					t.Error("a flag without a name")
				}
			}
		}
	})
}
