package box

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// driven starts [drive] in a mount namespace of its own.
func driven(t *testing.T, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = append([]string{"drive"}, args...)
	cmd.SysProcAttr = &unix.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// TestKilledProgramLeavesNothing kills the program that holds a box at each point
// that it tells, also by a signal that it cannot see.
func TestKilledProgramLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"opened", "lower", "hanging"} {
		for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
			t.Run(fmt.Sprint(at, " ", signal), func(t *testing.T) {
				t.Parallel()
				root, scratch := newRoot(t), t.TempDir()
				unchanged(t, root)
				cmd, lines := driven(t, root, scratch)
				init := 0
				for lines.Scan() {
					fmt.Sscanf(lines.Text(), "opened %d", &init)
					if strings.HasPrefix(lines.Text(), at) {
						break
					}
				}
				if init == 0 {
					t.Fatalf("no box was opened: %s", lines.Text())
				}
				if err := cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
				_ = cmd.Wait()
				for deadline := time.Now().Add(10 * time.Second); !errors.Is(unix.Kill(init, 0), unix.ESRCH); time.Sleep(time.Millisecond) {
					if time.Now().After(deadline) {
						t.Fatalf("process 1 of the box, %d, lives", init)
					}
				}
				// The next box removes what is left of this one, and of no other.
				working, _ := opened(t, Options{Root: root, Scratch: scratch, Size: 64 << 20})
				if left, err := filepath.Glob(filepath.Join(scratch, "*")); err != nil || len(left) != 1 || left[0] != working.scratch.dir {
					t.Errorf("scratches %v, working in %s", left, working.scratch.dir)
				}
				again, _ := opened(t, Options{Root: root, Scratch: scratch, Size: 64 << 20})
				if left, err := filepath.Glob(filepath.Join(scratch, "*")); err != nil || len(left) != 2 {
					t.Errorf("scratches %v, working in %s and %s", left, working.scratch.dir, again.scratch.dir)
				}
			})
		}
	}
}

// output reads what drive prints until it hangs or ends.
func output(lines *bufio.Scanner) string {
	var all []string
	for lines.Scan() && lines.Text() != "hanging" {
		all = append(all, lines.Text())
	}
	return strings.Join(all, "\n")
}

func TestMountsOfTheRoot(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	unchanged(t, root)
	_, lines := driven(t, root, "", "tmpfs=var/lib", "write=var/lib/mounted", "tmpfs=home", "tmpfs=etc/old", "tmpfs=usr/lib")
	if out := output(lines); !strings.Contains(out, "etc/old not a directory") {
		t.Errorf("a folder over a file was mounted:\n%s", out)
	}
	_, lines = driven(t, root, "", "tmpfs=var/lib", "write=var/lib/mounted", "tmpfs=home", "tmpfs=usr/lib")
	out := output(lines)
	for _, want := range []string{"\nbelow", "drill: /home (tmpfs) is not in the drill", "open /usr/lib/removed: no such file", "open /home/user/secret: no such file"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

// TestAMountedSocketIsNotThere is about a socket of the host that is mounted below the
// root, as containers have those of services: a mount that is read-only lets a process
// connect.
func TestAMountedSocketIsNotThere(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	unchanged(t, root)
	_, lines := driven(t, root, "", "socket=etc/old")
	if out := output(lines); !strings.Contains(out, "connection refused") || !strings.Contains(out, "/etc/old is not in the drill") {
		t.Errorf("the socket of the host was reached:\n%s", out)
	}
}

// TestImpossible is about a root that no overlay can be made of: the kernel allows two
// in depth (fs.h, FILESYSTEM_MAX_STACK_DEPTH).
func TestImpossible(t *testing.T) {
	t.Parallel()
	root := newRoot(t)
	unchanged(t, root)
	_, lines := driven(t, root, "", "overlay="+t.TempDir(), "overlay="+t.TempDir())
	out := output(lines)
	for _, want := range []string{"no overlay of the root can be made here", "overlay over " + root + ": invalid argument", "nothing was run"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}
