package emergelog_test

import (
	"context"
	"fmt"
	"strings"

	"emaudit/parse/emergelog"
)

// printer is a Sink that prints merges and runs.
type printer struct{}

func (printer) Merge(m emergelog.Merge) {
	seconds, _ := m.Duration()
	fmt.Printf("%s %s %s in %d s\n", m.Outcome, m.Kind, m.CPV, seconds)
}

func (printer) Run(r emergelog.Run)       { fmt.Printf("run %d: %s %s\n", r.ID, r.Action, r.Outcome) }
func (printer) Unmerge(emergelog.Unmerge) {}
func (printer) Sync(emergelog.Sync)       {}
func (printer) Damage(emergelog.Damage)   {}

func ExampleParser_Read() {
	const log = `1772359337: Started emerge on: Mar 01, 2026 10:02:17
1772359337:  *** emerge --oneshot --regex-search-auto=y sys-libs/glibc
1772359344:  >>> emerge (1 of 1) sys-libs/glibc-2.39-r6 to /
1772359344:  === (1 of 1) Cleaning (sys-libs/glibc-2.39-r6::/var/db/repos/lab/sys-libs/glibc/glibc-2.39-r6.ebuild)
1772359345:  === (1 of 1) Compiling/Packaging (sys-libs/glibc-2.39-r6::/var/db/repos/lab/sys-libs/glibc/glibc-2.39-r6.ebuild)
1772359386:  === (1 of 1) Merging (sys-libs/glibc-2.39-r6::/var/db/repos/lab/sys-libs/glibc/glibc-2.39-r6.ebuild)
1772359406:  >>> AUTOCLEAN: sys-libs/glibc:2.2
1772359431:  === (1 of 1) Post-Build Cleaning (sys-libs/glibc-2.39-r6::/var/db/repos/lab/sys-libs/glibc/glibc-2.39-r6.ebuild)
1772359431:  ::: completed emerge (1 of 1) sys-libs/glibc-2.39-r6 to /
1772359431:  *** Finished. Cleaning up...
1772359432:  *** exiting successfully.
1772359432:  *** terminating.
`
	parser := emergelog.NewParser(printer{})
	if _, err := parser.Read(context.Background(), strings.NewReader(log), emergelog.Position{}, true); err != nil {
		fmt.Println(err)
	}
	// Output:
	// merged source sys-libs/glibc-2.39-r6 in 87 s
	// run 1: merge ok
}
