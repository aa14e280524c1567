package live

import (
	"testing"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
)

func TestKernelRelease(t *testing.T) {
	t.Parallel()
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/": unix.ByteSliceToString(uts.Release[:]), t.TempDir(): ""} {
		root, err := hostfs.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if got := KernelRelease(root); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
