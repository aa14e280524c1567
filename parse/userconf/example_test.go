package userconf_test

import (
	"fmt"

	"emaudit/parse/atom"
	"emaudit/parse/userconf"
)

func ExampleParseAtoms() {
	masks := userconf.ParseAtoms([]byte("->=dev-libs/openssl-3.1\n>=dev-libs/openssl-3.2  # not yet\ndev-libs/openssl-4\n"))
	cpv, _ := atom.ParseCPV("dev-libs/openssl-3.2.1")
	for _, mask := range masks {
		if !mask.Remove && mask.Atom.Match(atom.Package{CPV: cpv, Slot: "0", SubSlot: "3"}) {
			fmt.Println(cpv, "is masked by", mask.Text)
		}
	}
	// Output:
	// dev-libs/openssl-3.2.1 is masked by >=dev-libs/openssl-3.2
}
