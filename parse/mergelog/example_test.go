package mergelog_test

import (
	"fmt"
	"strings"

	"emaudit/parse/mergelog"
)

func ExampleReadBuildLog() {
	const log = ` * Package:    app-misc/hello-2.12.1:0
 * Repository: gentoo
 * USE:        amd64 elibc_glibc kernel_linux nls
 * FEATURES:   network-sandbox preserve-libs sandbox userpriv usersandbox
>>> Unpacking source...
>>> Compiling source in /var/tmp/portage/app-misc/hello-2.12.1/work/hello-2.12.1 ...
make -j2
src/hello.c:33:10: fatal error: missing.h: No such file or directory
compilation terminated.
make: *** [Makefile:2001: src/hello.o] Error 1
 * ERROR: app-misc/hello-2.12.1::gentoo failed (compile phase):
 *   emake failed
`
	record, err := mergelog.ReadBuildLog(strings.NewReader(log))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Println(record.CPV, record.Outcome)
	fmt.Println(record.Failure.Phase, "phase:", record.Failure.Message)
	fmt.Println(record.Failure.Cause.Class+":", record.Failure.Cause.Line)
	// Output:
	// app-misc/hello-2.12.1 failed
	// compile phase: emake failed
	// missing-file: src/hello.c:33:10: fatal error: missing.h: No such file or directory
}
