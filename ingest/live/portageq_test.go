package live

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersOfPortageqAreReadAsPythonQuotesThem(t *testing.T) {
	t.Parallel()
	got, err := parseEnvvar("PKGDIR=/var/cache/binpkgs\nFEATURES='buildpkg sandbox'\nCFLAGS='-DA='\"'\"'b'\"'\"' -O2'\nROOT=''\nTWO='a\nb'\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"PKGDIR": "/var/cache/binpkgs", "FEATURES": "buildpkg sandbox", "CFLAGS": "-DA='b' -O2", "ROOT": "", "TWO": "a\nb"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"PKGDIR", "PKGDIR='a", "a b=c\n"} {
		if _, err := parseEnvvar(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
