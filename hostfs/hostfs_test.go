package hostfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// resolvers are the two ways to resolve a path; everything must hold for both.
var resolvers = map[string]func(*Root){
	"openat2": func(*Root) {},
	"walk":    func(r *Root) { r.resolve, r.inKernel = r.openByWalk, false },
}

// tree is a root with links of every kind, and a secret beside it that nothing
// may ever reach:
//
//	outside/secret
//	root/...
var tree = struct {
	files, links map[string]string
}{
	files: map[string]string{
		"outside/secret":          "must not be read",
		"root/etc/conf":           "conf of the root",
		"root/srv/var/db/pkg/x":   "installed",
		"root/deep/a/b/c/file":    "deep",
		"root/outside/inner":      "a folder inside with the name of the one outside",
		"root/caf\xe9\n\x1b[31m":  "a hostile name",
		"root/etc/empty":          "",
		"root/usr/lib/portage/ok": "ok",
	},
	links: map[string]string{
		"root/var":               "/srv/var",
		"root/lib":               "usr/lib",
		"root/abs-file":          "/etc/conf",
		"root/rel-file":          "etc/conf",
		"root/chain":             "chain2",
		"root/chain2":            "/abs-file",
		"root/up":                "../../../../outside",
		"root/up-file":           "../outside/secret",
		"root/deep/a/b/c/up":     "../../../../../../outside/inner",
		"root/deep/top":          "/..",
		"root/loop":              "loop2",
		"root/loop2":             "loop",
		"root/self":              "self",
		"root/self-below":        "self-below/x",
		"root/dangling":          "/no/such/file",
		"root/to-dir":            "/etc/",
		"root/to-root":           "/",
		"root/to-dot":            ".",
		"root/file-as-dir":       "etc/conf/",
		"root/etc/outside-by-fd": "/proc/self/root/etc/hostname",
	},
}

// newTree makes the tree and returns its top.
func newTree(tb testing.TB) string {
	tb.Helper()
	top := tb.TempDir()
	for name, content := range tree.files {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	for name, target := range tree.links {
		// An absolute link that works on the host too: it must still be
		// taken inside.
		if err := os.Symlink(target, filepath.Join(top, name)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(top, "outside/secret"), filepath.Join(top, "root/host-path")); err != nil {
		tb.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(top, "root/fifo"), 0o644); err != nil {
		tb.Fatal(err)
	}
	if err := os.Symlink("/fifo", filepath.Join(top, "root/to-fifo")); err != nil {
		tb.Fatal(err)
	}
	return top
}

// openTree opens the root of a new tree with one of the resolvers.
func openTree(tb testing.TB, force func(*Root)) *Root {
	tb.Helper()
	r, err := Open(filepath.Join(newTree(tb), "root"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { r.Close() })
	force(r)
	return r
}

func TestPathsAreTakenInsideTheRoot(t *testing.T) {
	t.Parallel()
	cases := []struct {
		path, want string
		err        error
	}{
		{"/etc/conf", "conf of the root", nil},
		{"etc/conf", "conf of the root", nil},
		{"//etc/./conf", "conf of the root", nil},
		{"/../../etc/conf", "conf of the root", nil},
		{"/etc/../../../etc/conf", "conf of the root", nil},
		{"/abs-file", "conf of the root", nil},
		{"/rel-file", "conf of the root", nil},
		{"/chain", "conf of the root", nil},
		{"/to-dir/conf", "conf of the root", nil},
		{"/to-root/to-dot/to-root/etc/conf", "conf of the root", nil},
		{"/var/db/pkg/x", "installed", nil},
		{"/var/../etc/conf", "", fs.ErrNotExist}, // of /srv/var, as the kernel has it
		{"/lib/portage/ok", "ok", nil},
		{"/up/inner", "a folder inside with the name of the one outside", nil},
		{"/deep/a/b/c/up", "a folder inside with the name of the one outside", nil},
		{"/deep/top/deep/top/etc/conf", "conf of the root", nil},
		{"/up-file", "", fs.ErrNotExist},
		{"/../outside/secret", "", fs.ErrNotExist},
		{"/host-path", "", fs.ErrNotExist},
		{"/dangling", "", fs.ErrNotExist},
		{"/etc/outside-by-fd", "", fs.ErrNotExist},
		{"/loop", "", unix.ELOOP},
		{"/self", "", unix.ELOOP},
		{"/self-below", "", unix.ELOOP},
		{"/loop/conf", "", unix.ELOOP},
		{"/etc/conf/", "", unix.ENOTDIR},
		{"/etc/conf/x", "", unix.ENOTDIR},
		{"/etc/conf/..", "", unix.ENOTDIR},
		{"/file-as-dir", "", unix.ENOTDIR},
		{"/no/such", "", fs.ErrNotExist},
		{"", "", fs.ErrNotExist},
		{"/etc/empty", "", nil},
		{"/caf\xe9\n\x1b[31m", "a hostile name", nil},
	}
	for name, force := range resolvers {
		r := openTree(t, force)
		for _, c := range cases {
			t.Run(name+" "+c.path, func(t *testing.T) {
				got, err := r.ReadFile(c.path, 1<<10)
				if !errors.Is(err, c.err) {
					t.Errorf("error %v, want %v", err, c.err)
				}
				if string(got) != c.want {
					t.Errorf("got %q, want %q", got, c.want)
				}
			})
		}
	}
}

func TestOnlyRegularFilesAreOpened(t *testing.T) {
	t.Parallel()
	for name, force := range resolvers {
		r := openTree(t, force)
		listener, err := net.Listen("unix", filepath.Join(r.Name(), "s"))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		dir, err := r.OpenDir("/")
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()

		for _, c := range []struct {
			path string
			kind Kind
		}{
			{"/fifo", FIFO}, {"/to-fifo", FIFO}, {"/s", Socket}, {"/etc", Directory}, {"/", Directory},
		} {
			t.Run(name+" "+c.path, func(t *testing.T) {
				var kind *KindError
				if _, err := r.OpenFile(c.path, 1<<20); !errors.As(err, &kind) || kind.Kind != c.kind {
					t.Errorf("open: %v, want a refusal of a %s", err, c.kind)
				}
				if _, err := r.ReadFile(c.path, 1); !errors.As(err, &kind) || kind.Kind != c.kind {
					t.Errorf("read: %v, want a refusal of a %s", err, c.kind)
				}
				if _, err := r.OpenDir(c.path); (err == nil) != (c.kind == Directory) {
					t.Errorf("open as a folder: %v", err)
				}
			})
		}
		for _, c := range []struct {
			name string
			kind Kind
		}{
			{"fifo", FIFO}, {"to-fifo", Symlink}, {"rel-file", Symlink}, {"s", Socket}, {"etc", Directory},
		} {
			var kind *KindError
			if _, err := dir.ReadFile(c.name, 1); !errors.As(err, &kind) || kind.Kind != c.kind {
				t.Errorf("%s: read in its folder: %v, want a refusal of a %s", c.name, err, c.kind)
			}
		}
	}
}

func TestAFolderIsNotLeft(t *testing.T) {
	t.Parallel()
	r := openTree(t, func(*Root) {})
	dir, err := r.OpenDir("/deep")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, name := range []string{"", ".", "..", "../etc", "/etc", "a/b", "a/", "top"} {
		if sub, err := dir.OpenDir(name); err == nil {
			t.Errorf("opened folder %q: %s", name, sub.Path())
		}
		if _, err := dir.ReadFile(name, 1<<10); err == nil {
			t.Errorf("read %q", name)
		}
		if _, err := dir.Lstat(name); err == nil && name != "top" {
			t.Errorf("described %q", name)
		}
	}
	sub, err := dir.OpenDir("a")
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	if sub.Path() != "/deep/a" {
		t.Errorf("path %q, want /deep/a", sub.Path())
	}
}

func TestStatFollowsAndLstatDoesNot(t *testing.T) {
	t.Parallel()
	for name, force := range resolvers {
		r := openTree(t, force)
		for _, c := range []struct {
			path        string
			stat, lstat Kind // "": an error
		}{
			{"/etc/conf", Regular, Regular},
			{"/rel-file", Regular, Symlink},
			{"/var", Directory, Symlink},
			{"/var/", Directory, Directory},
			{"/var/db", Directory, Directory},
			{"/dangling", "", Symlink},
			{"/dangling/", "", ""},
			{"/self", "", Symlink},
			{"/to-fifo", FIFO, Symlink},
			{"/", Directory, Directory},
			{"/..", Directory, Directory},
		} {
			stat, errStat := r.Stat(c.path)
			lstat, errLstat := r.Lstat(c.path)
			if stat.Kind != c.stat || (errStat != nil) != (c.stat == "") {
				t.Errorf("%s: stat %s: %s, %v; want %s", name, c.path, stat.Kind, errStat, c.stat)
			}
			if lstat.Kind != c.lstat || (errLstat != nil) != (c.lstat == "") {
				t.Errorf("%s: lstat %s: %s, %v; want %s", name, c.path, lstat.Kind, errLstat, c.lstat)
			}
		}
	}
}

func TestRealpath(t *testing.T) {
	t.Parallel()
	r := openTree(t, func(*Root) {})
	for path, want := range map[string]string{
		"/":                      "/",
		"/to-root/to-dot/..":     "/",
		"/var/db/":               "/srv/var/db",
		"/chain":                 "/etc/conf",
		"/up":                    "/outside",
		"/deep/a/../../lib/../x": "",
		"/lib/../lib/portage/ok": "/usr/lib/portage/ok",
		"/lib/portage/ok":        "/usr/lib/portage/ok",
		"/loop":                  "",
	} {
		got, err := r.Realpath(path)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%s: got %q, %v; want %q", path, got, err, want)
		}
	}
}

func TestReadlinkGivesTheTargetAsItIs(t *testing.T) {
	for how, force := range resolvers {
		r := openTree(t, force)
		for path, want := range map[string]string{"/var": "/srv/var", "/lib": "usr/lib", "/self": "self", "/dangling": "/no/such/file", "/to-root/chain": "chain2"} {
			if got, err := r.Readlink(path); got != want || err != nil {
				t.Errorf("%s: Readlink(%s) = %q, %v; want %q", how, path, got, err, want)
			}
		}
		var kind *KindError
		for _, path := range []string{"/etc", "/etc/conf", "/"} {
			if _, err := r.Readlink(path); !errors.As(err, &kind) {
				t.Errorf("%s: Readlink(%s): %v; want that it is no symlink", how, path, err)
			}
		}
		if _, err := r.Readlink("/nothing"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: Readlink(/nothing): %v", how, err)
		}
	}
}

func TestEntriesDescribeEverythingAsFound(t *testing.T) {
	t.Parallel()
	r := openTree(t, func(*Root) {})
	dir, err := r.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	want, err := os.ReadDir(r.Name())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second listing is as whole as the first
		entries, err := dir.Entries()
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != len(want) {
			t.Fatalf("%d entries, want %d", len(entries), len(want))
		}
		for i, e := range entries {
			var st unix.Stat_t
			if err := unix.Lstat(filepath.Join(r.Name(), want[i].Name()), &st); err != nil {
				t.Fatal(err)
			}
			expected := Entry{
				Name: want[i].Name(), Kind: kindOf(st.Mode), Dev: uint64(st.Dev), Inode: st.Ino, Size: st.Size,
				MTimeNS: st.Mtim.Nano(), Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid, Nlink: uint64(st.Nlink),
			}
			if diff := cmp.Diff(expected, e); diff != "" {
				t.Errorf("%q (-want +got):\n%s", want[i].Name(), diff)
			}
		}
	}
	names, err := dir.Names()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if name != want[i].Name() {
			t.Errorf("name %d is %q, want %q", i, name, want[i].Name())
		}
	}
}

func TestEveryFileOfALongFolderIsListed(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	const files = 3000 // more than one buffer of getdents holds
	for i := range files {
		name := filepath.Join(top, fmt.Sprintf("%d-%s", i, strings.Repeat("n", i%200)))
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(top)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	dir, err := r.OpenDir("/")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if names, err := dir.Names(); err != nil || len(names) != files {
		t.Errorf("%d names, %v; want %d", len(names), err, files)
	}
}

func TestReadFileHoldsItsLimit(t *testing.T) {
	t.Parallel()
	r := openTree(t, func(*Root) {})
	size := int64(len("conf of the root"))
	for limit, tooLarge := range map[int64]bool{0: true, 1: true, size - 1: true, size: false, size + 1: false} {
		_, err := r.ReadFile("/etc/conf", limit)
		if errors.Is(err, ErrTooLarge) != tooLarge {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	if got, err := r.ReadFile("/etc/empty", 0); err != nil || len(got) != 0 {
		t.Errorf("empty file: %q, %v", got, err)
	}
}

// Files of procfs say that they have 0 bytes.
func TestReadFileOfAFileWithoutSize(t *testing.T) {
	t.Parallel()
	system, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	want, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		t.Skip("no procfs here: ", err)
	}
	got, err := system.ReadFile("/proc/filesystems", 1<<20)
	if err != nil || string(got) != string(want) {
		t.Errorf("got %d bytes, %v; want %d", len(got), err, len(want))
	}
	if _, err := system.ReadFile("/proc/filesystems", 10); !errors.Is(err, ErrTooLarge) {
		t.Errorf("10 bytes of it: %v, want %v", err, ErrTooLarge)
	}
}

func TestOpenFileReadsLikeAnyFile(t *testing.T) {
	t.Parallel()
	for name, force := range resolvers {
		r := openTree(t, force)
		f, err := r.OpenFile("/rel-file", 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got, err := io.ReadAll(f); err != nil || string(got) != "conf of the root" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		buf := make([]byte, 4)
		if _, err := f.ReadAt(buf, 8); err != nil || string(buf) != "the " {
			t.Errorf("%s: at 8 got %q, %v", name, buf, err)
		}
		if f.Name() != "/rel-file" {
			t.Errorf("%s: name %q", name, f.Name())
		}
	}
}

func TestRootIsNamedAbsolutelyHoweverItIsOpened(t *testing.T) {
	top := newTree(t)
	t.Chdir(top)
	for _, given := range []string{"root", "root/", "./root//", filepath.Join(top, "root"), "root/to-dot/../"} {
		r, err := Open(given)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if want := filepath.Join(top, "root"); r.Name() != want {
			t.Errorf("%s: name %q, want %q", given, r.Name(), want)
		}
		if r.IsSystem() {
			t.Errorf("%s: taken for the running system", given)
		}
		if _, err := r.Stat("/etc/conf"); err != nil {
			t.Errorf("%s: %v", given, err)
		}
	}
	for _, given := range []string{"root/etc/conf", "nope", "root/fifo"} {
		if _, err := Open(given); err == nil {
			t.Errorf("%s: opened as a root", given)
		}
	}
}

func TestTheSystemItselfIsARoot(t *testing.T) {
	t.Parallel()
	top := newTree(t)
	for name, force := range resolvers {
		r, err := Open("/")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		force(r)
		if !r.IsSystem() {
			t.Errorf("%s: %s is not taken for the running system", name, r.Name())
		}
		if got, err := r.ReadFile(filepath.Join(top, "root/etc/conf"), 99); err != nil || string(got) != "conf of the root" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		// Here the secret is inside.
		if got, err := r.ReadFile(filepath.Join(top, "root/host-path"), 99); err != nil || string(got) != "must not be read" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestErrorsNameThePathInsideAndTheRoot(t *testing.T) {
	t.Parallel()
	r := openTree(t, func(*Root) {})
	_, err := r.ReadFile("/no/such", 1)
	if want := "read /no/such in root " + r.Name() + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	dir, err := r.OpenDir("/deep")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	_, err = dir.ReadFile("nope", 1)
	if want := "read /deep/nope in root " + r.Name() + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	system, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer system.Close()
	_, err = system.Stat("/no/such")
	if want := "stat /no/such: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestUnreadableFilesAreErrors(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	r := openTree(t, func(*Root) {})
	if err := os.Chmod(filepath.Join(r.Name(), "etc/conf"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.ReadFile("/etc/conf", 99); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v, want %v", err, fs.ErrPermission)
	}
	if e, err := r.Stat("/etc/conf"); err != nil || e.Kind != Regular {
		t.Errorf("stat: %v, %v; what may not be read may be described", e.Kind, err)
	}
}

func TestFreeSpaceIsPlausible(t *testing.T) {
	t.Parallel()
	r := openTree(t, func(*Root) {})
	space, err := r.FreeSpace("/var/db")
	if err != nil {
		t.Fatal(err)
	}
	if space.Total <= 0 || space.Available < 0 || space.Available > space.Total {
		t.Errorf("%+v", space)
	}
	if _, err := r.FreeSpace("/no/such"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}
