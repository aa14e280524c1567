package vdb_test

import (
	"testing"

	"emaudit/parse/vdb"
)

func TestNamesAreTakenForWhatPortageTakesThemFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		category vdb.NameClass
		pkg      vdb.NameClass
	}{
		{"app-misc", vdb.NameValid, vdb.NameInvalid},
		{"virtual", vdb.NameValid, vdb.NameInvalid},
		{"x11.libs+_x", vdb.NameValid, vdb.NameInvalid},
		{"gtk+-3.24.42-r1", vdb.NameValid, vdb.NameValid},
		{"c++tools_x-0.1_beta", vdb.NameValid, vdb.NameValid},
		{"Lab-Module-1.240.0", vdb.NameValid, vdb.NameValid},
		{"livething-9999", vdb.NameValid, vdb.NameValid},
		{"foo-1-2", vdb.NameValid, vdb.NameInvalid},
		{"foo-1.x", vdb.NameValid, vdb.NameInvalid},
		{"-MERGING-bigthing-1.1", vdb.NameMerging, vdb.NameMerging},
		{"-MERGING-", vdb.NameMerging, vdb.NameMerging},
		{"-foo-1", vdb.NameInvalid, vdb.NameInvalid},
		{".foo-1.portage_lockfile", vdb.NameSkipped, vdb.NameSkipped},
		{".pkg.portage_lockfile", vdb.NameSkipped, vdb.NameSkipped},
		{"CVS", vdb.NameSkipped, vdb.NameSkipped},
		{"lost+found", vdb.NameSkipped, vdb.NameSkipped},
		{"lost+found-1", vdb.NameValid, vdb.NameValid},
		{"foo-1 ", vdb.NameInvalid, vdb.NameInvalid},
		{"foo-1\n", vdb.NameInvalid, vdb.NameInvalid},
		{"foo\x1b[2J-1", vdb.NameInvalid, vdb.NameInvalid},
		{"f\xfco-1", vdb.NameInvalid, vdb.NameInvalid},
		{"é-1", vdb.NameInvalid, vdb.NameInvalid},
		{"", vdb.NameInvalid, vdb.NameInvalid},
	} {
		if got := vdb.ClassifyCategory(test.name); got != test.category {
			t.Errorf("category %q: %d, want %d", test.name, got, test.category)
		}
		if got := vdb.ClassifyPackage(test.name); got != test.pkg {
			t.Errorf("package %q: %d, want %d", test.name, got, test.pkg)
		}
	}
}

func TestOnlyNamesThatMatterAreReported(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		class vdb.NameClass
		want  string
	}{
		{vdb.NameValid, ""},
		{vdb.NameSkipped, ""},
		{vdb.NameMerging, `vdb-merge-leftover "a/b\x1b": a merge is going on, or was killed`},
		{vdb.NameInvalid, `vdb-name "a/b\x1b": the name is not that of a package: Portage does not see it`},
	} {
		got := ""
		if d, ok := test.class.Diagnostic("a", "b\x1b"); ok {
			got = d.Code + " " + d.Message
		}
		if got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
	if d, ok := vdb.NameInvalid.Diagnostic("", "a b"); !ok || d.Message != `"a b": the name is not that of a category: Portage does not see it` {
		t.Errorf("%v, %v", d, ok)
	}
}
