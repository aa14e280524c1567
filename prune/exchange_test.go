package prune

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
)

// A symlink on the way to PKGDIR is followed if root, the effective user or the
// owner of what it leads to made it.
func TestWhoMayRedirectPKGDIR(t *testing.T) {
	t.Parallel()
	asRoot(t)
	for _, test := range []struct {
		name         string
		link, folder int
		refused      bool
	}{
		{"root's link", 0, somebody, false},
		{"somebody's link to his own folder", somebody, somebody, false},
		{"somebody's link to root's folder", somebody, 0, true},
		{"somebody's link to another's folder", somebody, somebody - 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newTestDir(t, somePaths...)
			d.check(os.Rename(d.top, filepath.Join(d.root, "big")))
			d.check(os.Lchown(filepath.Join(d.root, "big"), test.folder, -1))
			d.check(os.Symlink("/via/big", d.top)) // absolute: inside the root
			d.check(os.Symlink("..", filepath.Join(d.root, "via-real")))
			d.check(os.Symlink("/usr/../", filepath.Join(d.root, "via")))
			d.check(os.Mkdir(filepath.Join(d.root, "usr"), 0o755))
			d.check(os.Lchown(d.top, test.link, -1))
			root, err := hostfs.Open(d.root)
			d.check(err)
			defer root.Close()
			p, err := Open(root, d.path, Options{Now: testNow})
			if errors.Is(err, ErrUntrusted) != test.refused || !test.refused && err != nil {
				t.Errorf("got %v", err)
			}
			if err == nil {
				p.Close()
			}
		})
	}
}

func TestASymlinkThatLeadsInACircle(t *testing.T) {
	t.Parallel()
	d := newTestDir(t)
	d.check(os.RemoveAll(d.top))
	d.check(os.Symlink("binpkgs", d.top))
	root, err := hostfs.Open(d.root)
	d.check(err)
	defer root.Close()
	if _, err := Open(root, d.path, Options{}); !errors.Is(err, unix.ELOOP) {
		t.Errorf("got %v", err)
	}
}

// Somebody who can write to PKGDIR exchanges folders, the index and the quarantine
// for symlinks, hard links and set-id files, and back, while files go and come:
// nothing outside is ever touched or copied.
func TestWhatIsExchangedMeanwhileLeadsNowhere(t *testing.T) {
	t.Parallel()
	d := newTestDirOf(t, 0o2775, somePaths...)
	outside := filepath.Join(d.root, "outside/hello")
	d.check(os.MkdirAll(outside, 0o755))
	for _, p := range somePaths[:2] {
		d.check(os.Link(filepath.Join(d.top, p), filepath.Join(outside, filepath.Base(p))))
	}
	secret := filepath.Join(d.root, "outside/secret")
	d.check(os.WriteFile(secret, []byte("root alone may read this"), 0o600))
	want := d.snapshotOf(filepath.Dir(outside))
	// exchange puts something in the place of a name for a moment.
	exchange := func(name string, put func(name string) error) {
		real, away := filepath.Join(d.top, name), filepath.Join(d.top, "away")
		if os.Rename(real, away) == nil {
			_ = put(real)
			_ = os.Remove(real)
			_ = os.Rename(away, real)
		}
	}
	symlink := func(name string) error { return os.Symlink("../../../outside", name) }
	exchanges := []func(){
		func() { exchange("app-misc", symlink) },
		func() { exchange("dev-libs/libfoo", symlink) },
		func() { exchange("Packages", func(name string) error { return os.Symlink(secret, name) }) },
		func() { exchange("Packages", func(name string) error { return os.Link(secret, name) }) },
		func() { exchange(Quarantine, symlink) },
		func() { _ = unix.Chmod(filepath.Join(d.top, "Packages.gz"), 0o6775) },
	}
	var over sync.WaitGroup
	end := make(chan struct{})
	over.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-end:
				return
			default:
				exchanges[i%len(exchanges)]()
			}
		}
	})
	candidates := d.candidates(someGone...)
	applied := 0
	for range 300 {
		if result, _ := d.open(nil).Apply(background, candidates, ApplyOptions{}); result.Files > 0 {
			applied++
		}
		_, _ = d.open(nil).Undo(background, "")
	}
	close(end)
	over.Wait()
	for name, is := range d.snapshotOf(filepath.Dir(outside)) {
		if is != want[name] {
			t.Errorf("outside/%s was %q and is %q", name, want[name], is)
		}
	}
	for name, is := range d.snapshotOf(filepath.Join(d.root, "var")) {
		if strings.Contains(is, "root alone") {
			t.Errorf("%s holds the secret: %q", name, is)
		}
	}
	if applied < 10 {
		t.Errorf("only %d of 300 were applied: the test proves little", applied)
	}
	if _, err := d.open(nil).Recover(background); err != nil {
		t.Error(err)
	}
	d.noneLost(somePaths, "in the end")
}
