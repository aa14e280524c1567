package prune

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// somebody is a user who is neither root nor the one that runs the tests.
const somebody = 65534

// asRoot skips a test that gives files to another user.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to another user")
	}
}

// forge puts a journal into a quarantine that would, if it were obeyed, make the
// index a set-id program of root.
func (d *testDir) forge(quarantine string) {
	d.tb.Helper()
	program := "the bytes of a program"
	now, err := os.ReadFile(filepath.Join(d.top, "Packages"))
	d.check(err)
	forged := record{Version: journalVersion, CreatedAt: 1, Index: []indexWas{
		{Name: "Packages", attributes: attributes{Mode: 0o6755, MTimeNS: 1}, Old: digest([]byte(program)), New: digest(now)},
	}}
	text, err := json.Marshal(forged)
	d.check(err)
	folder := filepath.Join(quarantine, "20260101T000000Z")
	d.check(os.MkdirAll(folder, 0o755))
	d.check(os.WriteFile(filepath.Join(folder, "Packages"), []byte(program), 0o644))
	d.check(os.WriteFile(filepath.Join(folder, "journal"), text, 0o644))
}

// giveAway gives a tree to somebody.
func (d *testDir) giveAway(top string) {
	d.tb.Helper()
	d.check(filepath.Walk(top, func(p string, _ os.FileInfo, err error) error {
		if err == nil {
			err = os.Lchown(p, somebody, somebody)
		}
		return err
	}))
}

// What somebody else made, or can write, is not obeyed by any change of PKGDIR:
// an error says so, and nothing is touched, neither in PKGDIR nor above it.
func TestWhatOthersCanWriteIsNotObeyed(t *testing.T) {
	t.Parallel()
	inside, above := "binpkgs/"+Quarantine, Quarantine+".binpkgs"
	tests := []struct {
		name  string
		root  bool
		setUp func(d *testDir, quarantine string)
	}{
		{"another user's quarantine", true, func(d *testDir, q string) { d.giveAway(q) }},
		{"a quarantine that is a symlink", false, func(d *testDir, q string) {
			d.check(os.Rename(q, q+".real"))
			d.check(os.Symlink(filepath.Base(q)+".real", q))
		}},
		{"a quarantine that is a file", false, func(d *testDir, q string) {
			d.check(os.RemoveAll(q))
			d.check(os.WriteFile(q, nil, 0o600))
		}},
		{"a quarantine that the group can write", false, func(d *testDir, q string) { d.check(unix.Chmod(q, 0o2770)) }},
		{"a quarantine that all can write", false, func(d *testDir, q string) { d.check(unix.Chmod(q, 0o1777)) }},
		{"another user's journal", true, func(d *testDir, q string) { d.giveAway(filepath.Join(q, "20260101T000000Z")) }},
		{"a journal that the group can write", false, func(d *testDir, q string) {
			d.check(unix.Chmod(filepath.Join(q, "20260101T000000Z"), 0o770))
		}},
		{"another user's file in a journal", true, func(d *testDir, q string) {
			d.check(os.Lchown(filepath.Join(q, "20260101T000000Z/journal"), somebody, -1))
		}},
		{"a file in a journal that the group can write", false, func(d *testDir, q string) {
			d.check(unix.Chmod(filepath.Join(q, "20260101T000000Z/journal"), 0o664))
		}},
	}
	changes := map[string]func(d *testDir, p *PkgDir) error{
		"apply": func(d *testDir, p *PkgDir) error {
			return second(p.Apply(background, d.candidates(someGone...), ApplyOptions{}))
		},
		"delete": func(d *testDir, p *PkgDir) error {
			return second(p.Apply(background, d.candidates(someGone...), ApplyOptions{Delete: true}))
		},
		"undo":       func(_ *testDir, p *PkgDir) error { return second(p.Undo(background, "")) },
		"undo by id": func(_ *testDir, p *PkgDir) error { return second(p.Undo(background, "20260101T000000Z")) },
		"empty":      func(_ *testDir, p *PkgDir) error { return second(p.Empty(background, testNow)) },
		"recover":    func(_ *testDir, p *PkgDir) error { return second(p.Recover(background)) },
	}
	for _, test := range tests {
		for _, where := range []string{inside, above} {
			for name, change := range changes {
				t.Run(fmt.Sprintf("%s, %s, %s", test.name, where, name), func(t *testing.T) {
					t.Parallel()
					if test.root {
						asRoot(t)
					}
					d := newTestDirOf(t, 0o2775, somePaths...)
					quarantine := filepath.Join(d.top, "..", where)
					d.forge(quarantine)
					test.setUp(d, quarantine)
					before := d.snapshotOf(filepath.Dir(d.top))
					p := d.open(nil)
					err := change(d, p)
					var refused *QuarantineError
					if !errors.Is(err, ErrUntrusted) || !errors.As(err, &refused) || refused.Path != filepath.Join("/var/cache", where) {
						t.Errorf("got %v, want %v with the path", err, ErrUntrusted)
					}
					after := d.snapshotOf(filepath.Dir(d.top))
					if len(before) != len(after) {
						t.Errorf("%d files became %d", len(before), len(after))
					}
					for name, was := range before {
						if after[name] != was {
							t.Errorf("%s was %q and is %q", name, was, after[name])
						}
					}
				})
			}
		}
	}
}

// Where others can rename what lies in PKGDIR, the quarantine lies in the nearest
// folder above it in which they cannot; without one, in PKGDIR.
func TestWhereTheQuarantineLies(t *testing.T) {
	t.Parallel()
	const (
		inside = "/var/cache/binpkgs/" + Quarantine
		above  = "/var/cache/" + Quarantine + ".binpkgs"
		higher = "/var/" + Quarantine + ".cache%2Fbinpkgs"
	)
	for _, test := range []struct {
		name                 string
		owner                int
		pkgdir, cache, upper uint32
		want                 string
	}{
		{"closed", -1, 0o755, 0o755, 0o755, inside},
		{"group portage and setgid", -1, 0o2775, 0o755, 0o755, above},
		{"sticky", -1, 0o3775, 0o755, 0o755, inside},
		{"open to all", -1, 0o777, 0o755, 0o755, above},
		{"the user portage's", somebody, 0o755, 0o755, 0o755, above},
		{"the user portage's and sticky", somebody, 0o1755, 0o755, 0o755, above},
		{"the folder above is open, too", -1, 0o2775, 0o2775, 0o755, higher},
		{"all folders above are open", -1, 0o2775, 0o2775, 0o2775, "/" + Quarantine + ".var%2Fcache%2Fbinpkgs"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.owner >= 0 {
				asRoot(t)
			}
			d := newTestDirOf(t, test.pkgdir, somePaths...)
			d.check(unix.Chmod(filepath.Join(d.root, "var/cache"), test.cache))
			d.check(unix.Chmod(filepath.Join(d.root, "var"), test.upper))
			if test.owner >= 0 {
				d.check(os.Lchown(d.top, test.owner, -1))
				d.check(unix.Chmod(d.top, test.pkgdir))
			}
			before := d.snapshot()
			p := d.open(nil)
			if got, why := p.choose(); got.path != test.want || why == "" {
				t.Errorf("chose %s (%s), want %s", got.path, why, test.want)
			}
			if _, err := p.Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
				t.Fatal(err)
			}
			info, err := os.Lstat(filepath.Join(d.root, test.want))
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("the quarantine: %v, %v", info, err)
			}
			// Whoever changes the mode of PKGDIR later loses no way back.
			d.check(unix.Chmod(d.top, 0o755))
			d.check(unix.Chmod(filepath.Join(d.root, "var/cache"), 0o755))
			if restored, err := d.open(nil).Undo(background, ""); err != nil || restored.Files != 3 {
				t.Errorf("%+v, %v", restored, err)
			}
			d.check(unix.Chmod(d.top, test.pkgdir))
			d.same(before)
			if _, err := os.Lstat(filepath.Join(d.root, test.want)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the quarantine stays: %v", err)
			}
		})
	}
}

// same fails the test where PKGDIR is not as in an earlier snapshot.
func (d *testDir) same(before map[string]string) {
	d.tb.Helper()
	after := d.snapshot()
	for name := range after {
		if _, ok := before[name]; !ok {
			d.tb.Errorf("%s is new", name)
		}
	}
	for name, was := range before {
		if after[name] != was {
			d.tb.Errorf("%s was %q and is %q", name, was, after[name])
		}
	}
}

// A PKGDIR that is a mount point has nothing above it to which its files can be
// renamed.
func TestAMountPointHasItsQuarantineInside(t *testing.T) {
	t.Parallel()
	d := newTestDirOf(t, 0o2775, somePaths...)
	if err := unix.Mount(d.top, d.top, "", unix.MS_BIND, ""); err != nil {
		t.Skip("may not mount here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(d.top, unix.MNT_DETACH) })
	p := d.open(nil)
	if got, _ := p.choose(); got.path != "/var/cache/binpkgs/"+Quarantine {
		t.Errorf("chose %s", got.path)
	}
	if _, err := p.Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Error(err)
	}
	if restored, err := p.Undo(background, ""); err != nil || restored.Files != 3 {
		t.Errorf("%+v, %v", restored, err)
	}
}

// A folder above may be of another project quota or encryption, which only the
// first rename tells.
func TestWhereNothingCanBeMovedAboveTheQuarantineLiesInside(t *testing.T) {
	t.Parallel()
	d := newTestDirOf(t, 0o2775, somePaths...)
	before := d.snapshot()
	p := d.open(nil)
	p.places[1].in = elsewhere{p.places[1].in.(faulty)}
	result, err := p.Apply(background, d.candidates(someGone...), ApplyOptions{})
	if err != nil || result.Quarantine != "/var/cache/binpkgs/"+Quarantine || result.Files != 3 || result.Entries != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	if restored, err := d.open(nil).Undo(background, ""); err != nil || restored.Files != 3 {
		t.Fatalf("%+v, %v", restored, err)
	}
	d.same(before)
	if left, _ := filepath.Glob(filepath.Join(d.root, "var/cache", Quarantine+"*")); len(left) > 0 {
		t.Errorf("left above PKGDIR: %q", left)
	}
}

// elsewhere is a folder from whose folders nothing can be renamed out of them.
type elsewhere struct{ faulty }

func (d elsewhere) open(name string) (folder, error) {
	sub, err := d.faulty.open(name)
	if err != nil {
		return nil, err
	}
	return elsewhere{sub.(faulty)}, nil
}

func (d elsewhere) rename(name string, to folder, newName string, replace bool) error {
	if here, ok := to.(elsewhere); ok {
		return d.faulty.rename(name, here.faulty, newName, replace)
	}
	return unix.EXDEV
}

func TestAQuarantineThatIsAMountPointIsSaidToBeOne(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	quarantine := filepath.Join(d.top, Quarantine)
	d.check(os.Mkdir(quarantine, 0o700))
	if err := unix.Mount("tmpfs", quarantine, "tmpfs", 0, "size=1m,mode=700"); err != nil {
		t.Skip("may not mount here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(quarantine, unix.MNT_DETACH) })
	_, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
	if err == nil || !strings.Contains(err.Error(), "is a mount point of its own") {
		t.Errorf("got %v", err)
	}
	if got := d.binpkgs(); len(got) != 4 {
		t.Errorf("%d binary packages are left, want 4", len(got))
	}
}

// The folder that is made as the quarantine can be exchanged before it is opened.
func TestAnExchangedQuarantineIsNotUsed(t *testing.T) {
	t.Parallel()
	for _, exchange := range []struct {
		name string
		with func(d *testDir, made string) error
	}{
		{"with a folder of packages", func(d *testDir, made string) error {
			return errors.Join(os.Rename(made, made+".away"), os.Rename(filepath.Join(d.top, "app-misc"), made))
		}},
		{"with a symlink to one", func(_ *testDir, made string) error {
			return errors.Join(os.Rename(made, made+".away"), os.Symlink("app-misc", made))
		}},
		{"with one that others can write", func(_ *testDir, made string) error {
			return errors.Join(os.Rename(made, made+".away"), os.Mkdir(made, 0o700), unix.Chmod(made, 0o777))
		}},
	} {
		t.Run(exchange.name, func(t *testing.T) {
			t.Parallel()
			d := newTestDir(t, somePaths...)
			p := d.open(nil)
			p.places[0].in = exchanging{p.places[0].in.(faulty), func(made string) {
				d.check(exchange.with(d, filepath.Join(d.top, made)))
			}}
			_, err := p.Apply(background, d.candidates(someGone[1:]...), ApplyOptions{})
			if !errors.Is(err, ErrUntrusted) {
				t.Errorf("got %v, want %v", err, ErrUntrusted)
			}
			d.noneLost(somePaths, "refused")
		})
	}
}

// exchanging is a folder in which somebody exchanges what was just made.
type exchanging struct {
	faulty
	exchange func(made string)
}

func (d exchanging) mkdir(name string, mode uint32) error {
	err := d.faulty.mkdir(name, mode)
	d.exchange(name)
	return err
}

// No file that comes into being in PKGDIR has a set-id bit, and none gets the
// owner or mode that a journal tells: only those of what is there now.
func TestOwnerAndModeAreThoseOfNow(t *testing.T) {
	t.Parallel()
	d := newTestDirOf(t, 0o2775, somePaths...)
	packages := filepath.Join(d.top, "Packages")
	mode := func() os.FileMode {
		info, err := os.Lstat(packages)
		d.check(err)
		return info.Mode()
	}
	d.check(unix.Chmod(packages, 0o6775))
	d.check(os.Chtimes(packages, time.Unix(0, 0), time.Unix(0, 0)))
	if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if mode() != 0o775 {
		t.Errorf("applied: %v", mode())
	}
	d.check(unix.Chmod(packages, 0o640))
	d.check(os.RemoveAll(filepath.Join(d.top, "dev-libs")))
	if _, err := d.open(nil).Undo(background, ""); err != nil {
		t.Fatal(err)
	}
	if mode() != 0o640 {
		t.Errorf("undone: %v", mode())
	}
	for _, made := range []string{"dev-libs", "dev-libs/libfoo"} {
		info, err := os.Lstat(filepath.Join(d.top, made))
		if err != nil || info.Mode() != os.ModeDir|os.ModeSetgid|0o775 {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
}

// A hard link may be what an attacker cannot read himself: an index with another
// name is not copied where others can write, and is elsewhere, as a backup by
// hard links has it.
func TestAnIndexWithASecondName(t *testing.T) {
	t.Parallel()
	for mode, refused := range map[uint32]bool{0o755: false, 0o2775: true} {
		d := newTestDirOf(t, mode, somePaths...)
		d.check(os.Link(filepath.Join(d.top, "Packages"), filepath.Join(d.root, "secret")))
		_, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
		if errors.Is(err, ErrUntrusted) != refused {
			t.Errorf("%04o: %v", mode, err)
		}
		if left := len(d.binpkgs()); refused && left != 4 {
			t.Errorf("%04o: %d binary packages are left", mode, left)
		}
	}
}
