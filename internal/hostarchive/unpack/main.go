// Command unpack writes the contents of a recorded host below a directory:
//
//	go run ./internal/hostarchive/unpack testdata/hosts/alpha.tar.zst DIR
//
// It stands in for "tar --zstd -xf", which many machines cannot run.
package main

import (
	"fmt"
	"os"

	"emaudit/internal/hostarchive"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: unpack ARCHIVE DIR")
		os.Exit(2)
	}
	if err := hostarchive.Unpack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "unpack:", err)
		os.Exit(1)
	}
}
