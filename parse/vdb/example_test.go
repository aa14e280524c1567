package vdb_test

import (
	"fmt"
	"strings"

	"emaudit/parse/vdb"
)

func ExampleReadContents() {
	contents := "dir /usr/bin\n" +
		"obj /usr/bin/a file d41d8cd98f00b204e9800998ecf8427e 1789294000\n" +
		"sym /usr/bin/l -> x -> target 1789293999\n"
	_, err := vdb.ReadContents(strings.NewReader(contents), func(e vdb.ContentsEntry) error {
		fmt.Printf("%s %q %q\n", e.Kind, e.Path, e.Target)
		return nil
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// dir "/usr/bin" ""
	// obj "/usr/bin/a file" ""
	// sym "/usr/bin/l -> x" "target"
}
