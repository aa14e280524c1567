package binpkgs

import (
	"testing"

	"emaudit/audit"
	"emaudit/store/inventory"
)

// TestPackingKeepsTheFileOfAnotherBuild has files of a version, and the command that
// packs the version. What real Portage writes over was tried with quickpkg and with
// emerge --buildpkgonly.
func TestPackingKeepsTheFileOfAnotherBuild(t *testing.T) {
	t.Parallel()
	const apart = "FEATURES=binpkg-multi-instance "
	for name, test := range map[string]struct {
		files []string
		env   string
	}{
		"no file":                        {nil, ""},
		"a file without a build id":      {[]string{"app-misc/a-1.gpkg.tar"}, apart},
		"an xpak without a build id":     {[]string{"app-misc/a-1.tbz2"}, apart},
		"a file with a build id":         {[]string{"app-misc/a/a-1-2.gpkg.tar"}, ""},
		"a file with and one without it": {[]string{"app-misc/a/a-1-2.gpkg.tar", "app-misc/a-1.gpkg.tar"}, apart},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inv := &Inventory{ByCPV: map[string][]*Binpkg{"app-misc/b-1": {{Instance: &inventory.Instance{Path: "app-misc/b-1.gpkg.tar", Traits: &inventory.Traits{}}}}}}
			for _, f := range test.files {
				inv.ByCPV["app-misc/a-1"] = append(inv.ByCPV["app-misc/a-1"], &Binpkg{Instance: &inventory.Instance{Path: f, Traits: &inventory.Traits{}}})
			}
			got := inv.KeepOthers(audit.Run("quickpkg", "=app-misc/a-1"), "app-misc/a-1").String()
			if want := test.env + `quickpkg "=app-misc/a-1"`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
