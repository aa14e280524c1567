package prune

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"emaudit/audit/cleanup"
	"emaudit/hostfs"
)

func TestNoNameLeadsOutOfAFolder(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	outside := filepath.Join(d.root, "outside")
	d.check(os.WriteFile(outside, []byte("x"), 0o644))
	d.check(os.Symlink("../../../outside", filepath.Join(d.top, "link")))
	root, err := hostfs.Open(d.root)
	d.check(err)
	defer root.Close()
	w, err := walk(root, d.path)
	d.check(err)
	defer w.close()
	dir := w.last()
	for _, name := range []string{"", ".", "..", "../binpkgs", "/etc", "app-misc/hello", "app-misc/", "a\x00b"} {
		for what, err := range map[string]error{
			"open":   second(dir.open(name)),
			"read":   third(dir.read(name, 10)),
			"mkdir":  dir.mkdir(name, 0o755),
			"create": second(dir.create(name, 0o644)),
			"rename": dir.rename("Packages", dir, name, true),
			"from":   dir.rename(name, dir, "x", true),
			"unlink": dir.unlink(name),
			"rmdir":  dir.rmdir(name),
			"lock":   second(dir.lock(name, attributes{})),
		} {
			if !errors.Is(err, errNotName) {
				t.Errorf("%s %q: %v, want %v", what, name, err, errNotName)
			}
		}
	}
	if _, _, err := dir.read("link", 10); !errors.Is(err, unix.ELOOP) {
		t.Errorf("read through a symlink: %v", err)
	}
	if _, err := dir.open("link"); err == nil {
		t.Error("opened a folder through a symlink")
	}
	if _, err := dir.lock("link", attributes{}); err == nil {
		t.Error("locked through a symlink")
	}
	if e, err := dir.stat("link"); err != nil || e.Kind != hostfs.Symlink {
		t.Errorf("stat: %v, %v", e.Kind, err)
	}
}

func second[T any](_ T, err error) error { return err }

func third[T, U any](_ T, _ U, err error) error { return err }

func TestAFileIsNotReplacedUnlessSaid(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	root, err := hostfs.Open(d.root)
	d.check(err)
	defer root.Close()
	w, err := walk(root, d.path)
	d.check(err)
	defer w.close()
	dir := w.last()
	if err := dir.rename("Packages.gz", dir, "Packages", false); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want %v", err, fs.ErrExist)
	}
	if err := dir.rename("Packages.gz", dir, "Packages", true); err != nil {
		t.Error(err)
	}
	if _, err := dir.create("Packages", 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want %v", err, fs.ErrExist)
	}
}

// A folder below PKGDIR that is a mount point of its own is on another file
// system: its files stay, with a reason, and the others go.
func TestAFolderOnAnotherFileSystemIsLeftAlone(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	candidates := d.candidates(someGone...)
	mounted := filepath.Join(d.top, "dev-libs/libfoo")
	if err := unix.Mount("tmpfs", mounted, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("may not mount here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(mounted, unix.MNT_DETACH) })
	d.write(somePaths[3], "content", 1780000003e9)
	fresh := d.candidates(somePaths[3])
	result, err := d.open(nil).Apply(background, append(candidates[:1], fresh...), ApplyOptions{})
	if err != nil || result.Files != 1 {
		t.Fatalf("%+v, %v", result, err)
	}
	want := []cleanup.PruneSkip{{PkgDir: d.path, Path: somePaths[3], Reason: "its folder is on another file system than PKGDIR"}}
	if diff := cmp.Diff(want, result.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

// A folder that is bound over itself is on the same file system by its number,
// and yet nothing can be renamed across.
func TestAMountPointOnTheSameFileSystemIsLeftAlone(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	mounted := filepath.Join(d.top, "dev-libs/libfoo")
	if err := unix.Mount(mounted, mounted, "", unix.MS_BIND, ""); err != nil {
		t.Skip("may not mount here: ", err)
	}
	t.Cleanup(func() { unix.Unmount(mounted, unix.MNT_DETACH) })
	result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
	if err != nil || result.Files != 1 || len(result.Skipped) != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	for _, skip := range result.Skipped {
		if skip.Reason != "its folder is a mount point of its own" {
			t.Errorf("%s: %s", skip.Path, skip.Reason)
		}
	}
}

func TestAReadOnlyPartIsLeftAlone(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	folder := filepath.Join(d.top, "dev-libs/libfoo")
	d.check(os.Chmod(folder, 0o555))
	t.Cleanup(func() { os.Chmod(folder, 0o755) })
	if os.Geteuid() == 0 {
		// Root may write where the mode forbids it, but not where the mount does.
		if err := unix.Mount(folder, folder, "", unix.MS_BIND, ""); err != nil {
			t.Skip("may not mount here, and root may write everywhere else: ", err)
		}
		t.Cleanup(func() { unix.Unmount(folder, unix.MNT_DETACH) })
		if err := unix.Mount("", folder, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
			t.Skip("may not mount here: ", err)
		}
	}
	result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
	if err != nil || result.Files != 1 || len(result.Skipped) != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	for _, skip := range result.Skipped {
		if !strings.HasPrefix(skip.Reason, "its folder cannot be written: ") {
			t.Errorf("%s: %s", skip.Path, skip.Reason)
		}
	}
	if diff := cmp.Diff(somePaths[1:4], d.index()); diff != "" {
		t.Errorf("index (-want +got):\n%s", diff)
	}
}

// chattr sets the flags of chattr(1) on a file or folder until the test ends.
func (d *testDir) chattr(t *testing.T, name string, flags int) {
	t.Helper()
	f, err := os.Open(name)
	d.check(err)
	defer f.Close()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags); err != nil {
		t.Skip("may not chattr here: ", err)
	}
	t.Cleanup(func() {
		if f, err := os.Open(name); err == nil {
			_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0)
			f.Close()
		}
	})
}

// The flags of ioctl_iflags(2).
const (
	immutable  = 0x10
	appendOnly = 0x20
)

// What the administrator has made immutable stays, and everything else goes and
// comes as ever.
func TestWhatIsImmutableStays(t *testing.T) {
	t.Parallel()
	for _, flags := range []int{immutable, appendOnly} {
		for _, what := range []string{"dev-libs/libfoo", somePaths[3]} {
			d := newTestDir(t, somePaths...)
			before := d.snapshot()
			d.chattr(t, filepath.Join(d.top, what), flags)
			result, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{})
			if err != nil || len(result.Skipped) == 0 || !strings.Contains(result.Skipped[0].Reason, "not permitted") && !strings.Contains(result.Skipped[0].Reason, "chattr") {
				t.Fatalf("%s %#x: %+v, %v", what, flags, result, err)
			}
			if !slices.Contains(d.index(), somePaths[3]) || slices.Contains(d.index(), somePaths[0]) {
				t.Errorf("%s %#x: index %q", what, flags, d.index())
			}
			if _, err := d.open(nil).Undo(background, ""); err != nil {
				t.Error(err)
			}
			d.same(before)
		}
	}
}

// A folder that became immutable while its files are away keeps them away; what
// else is away comes back, and the rest when the folder allows it.
func TestAFolderThatBecameImmutable(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(d.top, "dev-libs/libfoo")
	d.chattr(t, folder, immutable)
	restored, err := d.open(nil).Undo(background, "")
	if err != nil || restored.Files != 1 || len(restored.Stuck) != 2 {
		t.Errorf("%+v, %v", restored, err)
	}
	if got := d.index(); !slices.Equal(got, somePaths[:3]) {
		t.Errorf("index %q", got)
	}
	if _, err := d.open(nil).Apply(background, d.candidates(somePaths[1]), ApplyOptions{}); err != nil {
		t.Errorf("another apply: %v", err)
	}
	d.noneLost(somePaths, "stuck")
	f, err := os.Open(folder)
	d.check(err)
	d.check(unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, 0))
	f.Close()
	for range 2 {
		if restored, err = d.open(nil).Undo(background, ""); err != nil || !restored.whole() {
			t.Errorf("%+v, %v", restored, err)
		}
	}
	if got := d.index(); !slices.Equal(got, somePaths[:4]) {
		t.Errorf("index %q", got)
	}
}

// Whatever changes nothing leaves PKGDIR's own time as it was.
func TestWhatChangesNothingLeavesTheTime(t *testing.T) {
	t.Parallel()
	d := newTestDir(t, somePaths...)
	before := d.snapshot()
	if _, err := d.open(nil).Recover(background); err != nil {
		t.Error(err)
	}
	if _, err := d.open(nil).Undo(background, ""); !errors.Is(err, ErrNoJournal) {
		t.Error(err)
	}
	if _, err := d.open(nil).Empty(background, testNow); err != nil {
		t.Error(err)
	}
	d.same(before)
	// An undo that another process has looked before is still one to the last bit.
	if _, err := d.open(nil).Apply(background, d.candidates(someGone...), ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.open(nil).Recover(background); err != nil {
		t.Error(err)
	}
	if _, err := d.open(nil).Undo(background, "20200101T000000Z"); !errors.Is(err, ErrNoJournal) {
		t.Error(err)
	}
	if _, err := d.open(nil).Undo(background, ""); err != nil {
		t.Error(err)
	}
	d.same(before)
}
