package live

import (
	"testing"

	"emaudit/hostfs"

	"golang.org/x/sys/unix"
)

func TestSystem(t *testing.T) {
	for _, test := range []struct {
		text string
		want System
	}{
		{"NAME=Gentoo\nID=gentoo\nPRETTY_NAME=\"Gentoo Linux\"\n", System{"Gentoo Linux", true}},
		{"# comment\nNAME='Calculate'\nID=calculate\nID_LIKE=\"linux gentoo\"\n", System{"Calculate", true}},
		{"PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nID=debian\n", System{"Debian GNU/Linux 13 (trixie)", false}},
		{"PRETTY_NAME=\"a \\\"b\\\" \\$c\"\n", System{`a "b" $c`, false}},
		{"no assignment\n=\n\"\n", System{}},
	} {
		if got := parseSystem(test.text); got != test.want {
			t.Errorf("%q: %+v, want %+v", test.text, got, test.want)
		}
	}
}

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
