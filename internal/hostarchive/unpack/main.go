// Command unpack writes the contents of a recorded host below a directory:
//
//	go run ./internal/hostarchive/unpack testdata/hosts/alpha.tar.zst DIR
//
// It replaces "tar --zstd -xf", which is missing on many machines.
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
