package atom_test

import (
	"fmt"

	"emaudit/parse/atom"
)

func ExampleParseCPV() {
	cpv, err := atom.ParseCPV("media-fonts/font-adobe-100dpi-1.0.4-r1")
	fmt.Println(cpv.Category, cpv.PN, cpv.Version, err)

	_, err = atom.ParseCPV("media-fonts/font-adobe-100dpi")
	fmt.Println(err)
	// Output:
	// media-fonts font-adobe-100dpi 1.0.4-r1 <nil>
	// cpv "media-fonts/font-adobe-100dpi": "font-adobe-100dpi" is not a package name, a hyphen and a version
}

func ExampleCompareVersions() {
	for _, pair := range [][2]string{{"1.2", "1.10"}, {"1.0", "1.0.0"}, {"1.0_rc1", "1.0"}, {"1.0", "1.0-r0"}} {
		c, ok := atom.CompareVersions(pair[0], pair[1])
		fmt.Println(pair[0], pair[1], c, ok)
	}
	// Output:
	// 1.2 1.10 -1 true
	// 1.0 1.0.0 -1 true
	// 1.0_rc1 1.0 -1 true
	// 1.0 1.0-r0 0 true
}

func ExampleAtom_Match() {
	openssl := atom.Package{
		CPV:  atom.CPV{Category: "dev-libs", PN: "openssl", Version: "3.0.13-r2"},
		Slot: "0", SubSlot: "3", Repo: "gentoo",
		IUSE: atom.ParseFlags("+asm fips static-libs"),
		USE:  atom.ParseFlags("asm"),
	}
	for _, text := range []string{">=dev-libs/openssl-1.1:0/3=", "dev-libs/openssl[fips]", "=dev-libs/openssl-3.1*"} {
		a, err := atom.ParseAtom(text)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(text, a.Match(openssl), a.MatchIgnoringUSE(openssl))
	}
	// Output:
	// >=dev-libs/openssl-1.1:0/3= true true
	// dev-libs/openssl[fips] false true
	// =dev-libs/openssl-3.1* false false
}

func ExampleDep_Reduce() {
	dep, err := atom.ParseDep("ssl? ( || ( dev-libs/openssl dev-libs/libressl ) ) !ssl? ( net-libs/gnutls )", atom.DepAtoms, "8")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(dep.Reduce(atom.ParseFlags("ssl")))
	fmt.Println(dep.Reduce(nil))
	// Output:
	// || ( dev-libs/openssl dev-libs/libressl )
	// net-libs/gnutls
}

func ExampleDep_Satisfied() {
	installed := map[string]bool{"dev-libs/openssl": true, "sys-libs/zlib": true}
	has := func(a atom.Atom) bool { return installed[a.CP] }

	dep, err := atom.ParseDep("sys-libs/zlib || ( dev-libs/gmp dev-libs/mpir ) !dev-libs/openssl", atom.DepAtoms, "8")
	if err != nil {
		fmt.Println(err)
		return
	}
	ok, unsatisfied := dep.Reduce(nil).Satisfied(has)
	fmt.Println(ok)
	for _, part := range unsatisfied {
		fmt.Println(part)
	}
	// Output:
	// false
	// || ( dev-libs/gmp dev-libs/mpir )
	// !dev-libs/openssl
}

func ExampleParseSonames() {
	sonames, err := atom.ParseSonames("x86_64: libc.so.6 libssl.so.3")
	fmt.Println(sonames, err)

	_, err = atom.ParseSonames("libc.so.6")
	fmt.Println(err)
	// Output:
	// [x86_64: libc.so.6 x86_64: libssl.so.3] <nil>
	// sonames: "libc.so.6" is in no category
}
