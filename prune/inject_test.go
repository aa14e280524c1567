package prune

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
	"emaudit/parse/pkgindex"
)

// runToInject is a process that [TestPackagesThatComeByPortagesProtocolStay] starts:
// it adds packages to a PKGDIR in the order of bintree.inject (bintree.py:1910),
// which is also that of emaint --fix binhost: lock, move the file to its place, read
// the index, write it, unlock.
func runToInject() {
	err := injectPackages(os.Getenv("PRUNE_TEST_INJECT"), os.Getenv("PRUNE_TEST_NAME"))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// injected is how many packages each process adds.
const injected = 40

func injectPackages(top, name string) error {
	for i := range injected {
		rel := injectedPath(name, i)
		part := filepath.Join(top, fmt.Sprintf("%s-%d.portage_lockfile.part", name, i))
		if err := os.WriteFile(part, []byte("content of "+rel+" "), 0o644); err != nil {
			return err
		}
		unlock, err := portageLock(filepath.Join(top, lockName))
		if err != nil {
			return err
		}
		err = errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(top, rel)), 0o755), os.Rename(part, filepath.Join(top, rel)))
		if err == nil {
			err = addEntry(top, rel)
		}
		if err = errors.Join(err, unlock()); err != nil {
			return err
		}
	}
	return nil
}

func injectedPath(name string, i int) string {
	return fmt.Sprintf("app-new/%s/%s-%d-1.gpkg.tar", name, name, i)
}

// portageLock locks as lockfile of locks.py with wantnewlockfile: a lock of a file
// that was unlinked meanwhile is none.
func portageLock(name string) (unlock func() error, err error) {
	for {
		fd, err := unix.Open(name, unix.O_CREAT|unix.O_RDWR, 0o660)
		if err != nil {
			return nil, err
		}
		if err := unix.FcntlFlock(uintptr(fd), unix.F_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			unix.Close(fd)
			return nil, err
		}
		var have, there unix.Stat_t
		if err := unix.Fstat(fd, &have); err != nil {
			return nil, err
		}
		if unix.Stat(name, &there) == nil && have.Ino == there.Ino {
			return func() error { return errors.Join(os.Remove(name), unix.Close(fd)) }, nil
		}
		unix.Close(fd)
	}
}

func addEntry(top, rel string) error {
	text, err := os.ReadFile(filepath.Join(top, "Packages"))
	if err != nil {
		return err
	}
	index, _ := pkgindex.Parse(text)
	e := pkgindex.Entry{}
	e.Fields.Set("CPV", filepath.Dir(filepath.Dir(rel))+"/"+strings.TrimSuffix(filepath.Base(rel), "-1.gpkg.tar"))
	e.Fields.Set("PATH", rel)
	index.Entries = append(index.Entries, e)
	index.Header.Set("PACKAGES", strconv.Itoa(len(index.Entries)))
	for name, write := range map[string]func(*bytes.Buffer) error{
		"Packages":    func(b *bytes.Buffer) error { return pkgindex.Write(b, index) },
		"Packages.gz": func(b *bytes.Buffer) error { return pkgindex.WriteGzip(b, index) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		fresh := filepath.Join(top, name+"."+strconv.Itoa(os.Getpid()))
		if err := errors.Join(os.WriteFile(fresh, b.Bytes(), 0o644), os.Rename(fresh, filepath.Join(top, name))); err != nil {
			return err
		}
	}
	return nil
}

// Two processes add packages by Portage's protocol while others go and come back:
// in the end each is there, with its entry, and the index lists nothing else.
func TestPackagesThatComeByPortagesProtocolStay(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		t.Run(fmt.Sprintf("%04o", mode), func(t *testing.T) {
			t.Parallel()
			d := newTestDirOf(t, mode, somePaths...)
			root, err := hostfs.Open(d.root)
			d.check(err)
			defer root.Close()
			p, err := Open(root, d.path, Options{Now: testNow, LockWait: time.Minute})
			d.check(err)
			defer p.Close()
			want := slices.Clone(somePaths[:4])
			ended := make(chan error)
			for _, name := range []string{"one", "two"} {
				cmd := exec.Command(os.Args[0])
				cmd.Env = append(os.Environ(), "PRUNE_TEST_INJECT="+d.top, "PRUNE_TEST_NAME="+name)
				go func() {
					out, err := cmd.CombinedOutput()
					if err != nil {
						err = fmt.Errorf("%w: %s", err, out)
					}
					ended <- err
				}()
				for i := range injected {
					want = append(want, injectedPath(name, i))
				}
			}
			rounds := 0
			for running := 2; running > 0; rounds++ {
				if _, err := p.Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
					t.Fatal(err)
				}
				if _, err := p.Undo(background, ""); err != nil {
					t.Fatal(err)
				}
				select {
				case err := <-ended:
					d.check(err)
					running--
				default:
				}
			}
			slices.Sort(want)
			if got := d.index(); !slices.Equal(got, want) {
				t.Errorf("after %d rounds the index lists %q, want %q", rounds, got, want)
			}
			if got := d.binpkgs(); !slices.Equal(got, want) {
				t.Errorf("after %d rounds there are %q, want %q", rounds, got, want)
			}
		})
	}
}
