package pkgindex_test

import (
	"fmt"

	"emaudit/parse/pkgindex"
)

func ExampleParse() {
	index, diags := pkgindex.Parse([]byte(`VERSION: 0
REPO: gentoo

CPV: app-misc/hello-2.1
BUILD_ID: 2
PATH: app-misc/hello/hello-2.1-2.gpkg.tar


CPV: app-misc/lost-1
PATH: ../lost-1.gpkg.tar

`))
	for _, e := range index.Entries {
		fmt.Printf("%s::%s in %q: %q\n", e.CPV, e.Repo, e.Path, e.Hidden)
	}
	for _, d := range diags {
		fmt.Printf("at %d: %s\n", d.Offset, d.Code)
	}
	// Output:
	// app-misc/hello-2.1::gentoo in "app-misc/hello/hello-2.1-2.gpkg.tar": ""
	// app-misc/lost-1::gentoo in "": "Portage stops reading before it"
	// at 104: index-early-end
	// at 105: index-path
}
