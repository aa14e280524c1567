package makeconf_test

import (
	"fmt"
	"io/fs"
	"syscall"

	"emaudit/parse/makeconf"
)

// oneFile is a root with a single file.
type oneFile struct{ name, content string }

func (f oneFile) ReadFile(path string, _ int64) ([]byte, error) {
	if path != f.name {
		return nil, fs.ErrNotExist
	}
	return []byte(f.content), nil
}

func (oneFile) ReadDir(string) ([]string, error) { return nil, syscall.ENOTDIR }

func ExampleParser_MakeConf() {
	const name = "/etc/portage/make.conf"
	parser := makeconf.NewParser(oneFile{name, `COMMON_FLAGS="-O2 -pipe"
CFLAGS="${COMMON_FLAGS}"
FEATURES="buildpkg binpkg-multi-instance"
`}, nil)
	set, err := parser.MakeConf(name)
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(set["CFLAGS"].Value, "from", set["CFLAGS"].Origin)
	fmt.Println(makeconf.Stack("buildpkg sandbox", set["FEATURES"].Value, "-sandbox"))
	// Output:
	// -O2 -pipe from /etc/portage/make.conf:2
	// [binpkg-multi-instance buildpkg]
}
