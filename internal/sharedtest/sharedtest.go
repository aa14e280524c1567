// Package sharedtest finds recorded material that is not part of the repository:
// the folder "shared" next to the repository, or the folder that EMAUDIT_SHARED
// names. A test that needs it is skipped with the reason if it is absent.
package sharedtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Dir returns the shared folder. It skips the test if there is none.
func Dir(tb testing.TB) string {
	tb.Helper()
	if dir := os.Getenv("EMAUDIT_SHARED"); dir != "" {
		return dir
	}
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("the test does not run inside a module")
		}
		dir = parent
	}
	shared := filepath.Join(filepath.Dir(dir), "shared")
	if _, err := os.Stat(filepath.Join(shared, "hosts")); err != nil {
		tb.Skip("no recorded material: neither EMAUDIT_SHARED nor a folder \"shared\" beside the repository")
	}
	return shared
}

// Path returns the path of a file or folder in the shared folder. It skips the test
// if it is absent.
func Path(tb testing.TB, elem ...string) string {
	tb.Helper()
	path := filepath.Join(append([]string{Dir(tb)}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("no recorded material: %v", err)
	}
	return path
}
