// Package sharedtest finds recorded material that is not part of the repository:
// the folder "shared" next to the repository, or the folder that EMAUDIT_SHARED
// names. A test that needs it is skipped with the reason if it is absent.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"

	"emaudit/internal/hostarchive"
)

// Path returns the path of a file or folder in the shared folder. It skips the test
// if it is absent.
func Path(tb testing.TB, elem ...string) string {
	tb.Helper()
	dir := os.Getenv("EMAUDIT_SHARED")
	if dir == "" {
		module, err := hostarchive.Module()
		if err != nil {
			tb.Fatal(err)
		}
		dir = filepath.Join(filepath.Dir(module), "shared")
	}
	path := filepath.Join(append([]string{dir}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("no recorded material, neither in EMAUDIT_SHARED nor in a folder \"shared\" beside the repository: %v", err)
	}
	return path
}
