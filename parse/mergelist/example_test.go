package mergelist_test

import (
	"fmt"
	"strings"

	"emaudit/parse/mergelist"
)

func ExampleReadPretend() {
	const output = `
These are the packages that would be merged, in order:

Calculating dependencies... done!
[ebuild     U  ] dev-libs/openssl-3.0.14::gentoo [3.0.13::gentoo] USE="asm -test" 0 KiB
[binary   R    ] app-misc/hello-2.12.1-1:0::gentoo USE="nls" 0 KiB
`
	list, err := mergelist.ReadPretend(strings.NewReader(output))
	if err != nil {
		fmt.Println(err)
	}
	for _, item := range list.Items {
		fmt.Println(item.CPV, "binary:", item.Binary)
	}
	// Output:
	// dev-libs/openssl-3.0.14 binary: false
	// app-misc/hello-2.12.1 binary: true
}
