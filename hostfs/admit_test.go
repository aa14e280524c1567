package hostfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The users of these tests. Only root can make what belongs to others.
const (
	someUser  = 65534
	otherUser = 65533
	portage   = 250
)

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of other users")
	}
}

// place makes a folder (mode with os.ModeDir), a symlink (content is its target)
// or a file of a user.
func place(t *testing.T, path string, uid, gid int, mode os.FileMode, content string) {
	t.Helper()
	var err error
	switch {
	case mode.IsDir():
		err = os.MkdirAll(path, 0o755)
	case mode&os.ModeSymlink != 0:
		err = os.Symlink(content, path)
	default:
		err = os.WriteFile(path, []byte(content), 0o600)
	}
	if err == nil {
		err = os.Lchown(path, uid, gid)
	}
	if err == nil && mode&os.ModeSymlink == 0 {
		err = os.Chmod(path, mode.Perm())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A symlink in a folder that others can write is followed where it stays below
// that folder, or its owner is root, the reader, or the owner of its target.
func TestASymlinkIsFollowedByItsOwner(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	const dir, link = os.ModeDir, os.ModeSymlink
	for name, force := range resolvers {
		top := t.TempDir()
		for _, f := range []struct {
			path     string
			uid, gid int
			mode     os.FileMode
			content  string
		}{
			{"etc", 0, 0, dir | 0o755, ""},
			{"etc/shadow", 0, 0, 0o600, "secret"},
			{"home", someUser, someUser, dir | 0o755, ""},
			{"home/own", someUser, someUser, 0o600, "own"},
			{"home/shadow", someUser, someUser, link, "/etc/shadow"},
			{"disk", 0, 0, dir | 0o755, ""},
			{"disk/Packages", 0, portage, 0o640, "index"},
			{"safe", 0, 0, dir | 0o755, ""},
			{"safe/to-etc", someUser, someUser, link, "/etc"},

			{"pkg", 0, portage, dir | 0o775, ""},
			{"pkg/All", 0, portage, dir | 0o775, ""},
			{"pkg/All/x", 0, portage, 0o644, "below"},
			{"pkg/below", someUser, portage, link, "All/x"},
			{"pkg/below-dir", someUser, portage, link, "All"},
			{"pkg/out-and-in", someUser, portage, link, "../pkg/All/x"},
			{"pkg/twice-below", someUser, portage, link, "below-dir/x"},
			{"pkg/admins", 0, 0, link, "/disk/Packages"},
			{"pkg/own", someUser, portage, link, "/home/own"},
			{"pkg/others", otherUser, portage, link, "/home/own"},
			{"pkg/shadow", someUser, portage, link, "/etc/shadow"},
			{"pkg/shadow-rel", someUser, portage, link, "../etc/shadow"},
			{"pkg/etc", someUser, portage, link, "/etc"},
			{"pkg/etc-slash", someUser, portage, link, "/etc/"},
			{"pkg/to-safe", someUser, portage, link, "/safe/to-etc"},
			{"pkg/to-link", someUser, portage, link, "admin-shadow"},
			{"pkg/admin-shadow", 0, 0, link, "/etc/shadow"},
			{"pkg/through-home", someUser, portage, link, "/home/shadow"},
			{"pkg/home", someUser, portage, link, "/home"},
			{"pkg/up", someUser, portage, link, ".."},
			{"pkg/here", someUser, portage, link, "."},
			{"pkg/dangling", someUser, portage, link, "/no/such"},
			{"to-pkg", 0, 0, link, "/pkg"},
			{"open", 0, 0, dir | 0o777, ""},
			{"open/shadow", someUser, someUser, link, "/etc/shadow"},
			{"of-user", someUser, someUser, dir | 0o755, ""},
			{"of-user/shadow", someUser, someUser, link, "/etc/shadow"},
		} {
			place(t, filepath.Join(top, f.path), f.uid, f.gid, f.mode, f.content)
		}
		r, err := Open(top)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		force(r)
		for path, want := range map[string]string{ // "" where it is refused
			"/pkg/below":               "below",
			"/pkg/below-dir/x":         "below",
			"/pkg/out-and-in":          "below",
			"/pkg/twice-below":         "below",
			"/pkg/here/All/x":          "below",
			"/pkg/here/here/below":     "below",
			"/to-pkg/below":            "below",
			"/pkg/admins":              "index",
			"/pkg/own":                 "own",
			"/pkg/home/own":            "own",
			"/pkg/admin-shadow":        "secret",
			"/safe/to-etc/shadow":      "secret", // nobody else can put a link there
			"/pkg/others":              "",
			"/pkg/shadow":              "",
			"/to-pkg/shadow":           "",
			"/pkg/here/shadow":         "",
			"/pkg/shadow-rel":          "",
			"/pkg/etc/shadow":          "",
			"/pkg/etc/../etc/shadow":   "",
			"/pkg/etc-slash/shadow":    "",
			"/pkg/to-safe/shadow":      "",
			"/pkg/to-link":             "",
			"/pkg/through-home":        "",
			"/pkg/home/shadow":         "",
			"/pkg/up/etc/shadow":       "",
			"/open/shadow":             "",
			"/of-user/shadow":          "",
			"/pkg/All/../etc/./shadow": "",
		} {
			got, err := r.ReadFile(path, 99)
			var link *LinkError
			switch {
			case want == "" && (!errors.As(err, &link) || link.Kind != Symlink):
				t.Errorf("%s: %s: read %q, %v; want a refusal of the link", name, path, got, err)
			case want != "" && (err != nil || string(got) != want):
				t.Errorf("%s: %s: read %q, %v; want %q", name, path, got, err, want)
			}
			// What must not be read must not be described, listed or named either.
			_, statErr := r.Stat(path)
			_, realErr := r.Realpath(path)
			if refused := want == ""; refused != errors.As(statErr, &link) || refused != errors.As(realErr, &link) {
				t.Errorf("%s: %s: stat: %v, realpath: %v; refused: %v", name, path, statErr, realErr, refused)
			}
		}
		var refused *LinkError
		if _, err := r.OpenDir("/pkg/etc"); !errors.As(err, &refused) {
			t.Errorf("%s: folder: %v, want a refusal of the link", name, err)
		}
		if _, err := r.ReadFile("/pkg/shadow", 99); errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v: a refusal is neither absence nor lack of permission", name, err)
		}
		if _, err := r.ReadFile("/pkg/dangling", 99); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: dangling: %v, want %v", name, err, fs.ErrNotExist)
		}
		if e, err := r.Lstat("/pkg/shadow"); err != nil || e.Kind != Symlink {
			t.Errorf("%s: the link itself: %+v, %v", name, e, err)
		}
	}
}

// In a root whose top folder belongs to another user, that user is its root: a
// container with shifted ids.
func TestTheOwnerOfTheTopFolderIsItsRoot(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	top := t.TempDir()
	place(t, top, someUser, someUser, os.ModeDir|0o755, "")
	place(t, filepath.Join(top, "log"), someUser, someUser, os.ModeDir|0o775, "")
	place(t, filepath.Join(top, "there"), otherUser, otherUser, 0o600, "there")
	place(t, filepath.Join(top, "log/x"), someUser, someUser, os.ModeSymlink, "/there")
	r, err := Open(top)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := r.ReadFile("/log/x", 99); err != nil || string(got) != "there" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A file with several hard links, in a folder that others can write, is read where
// those can read it by themselves.
func TestAHardLinkIsReadByWhoCouldReadItAnyway(t *testing.T) {
	t.Parallel()
	needsRoot(t)
	type user struct {
		uid, gid int
		mode     os.FileMode
	}
	for _, c := range []struct {
		what         string
		folder, file user
		alone        bool // the file has one link only
		read         bool
	}{
		{"root's secret in a folder of a group", user{0, portage, 0o775}, user{0, 0, 0o600}, false, false},
		{"root's secret in a folder of a user", user{someUser, portage, 0o755}, user{0, 0, 0o600}, false, false},
		{"root's secret in a folder of everybody", user{0, 0, 0o777}, user{0, 0, 0o640}, false, false},
		{"another user's secret", user{someUser, portage, 0o775}, user{otherUser, otherUser, 0o640}, false, false},
		{"a group's secret in a folder of another group", user{0, portage, 0o775}, user{0, someUser, 0o640}, false, false},
		{"a group's file in a folder of everybody", user{0, portage, 0o777}, user{0, portage, 0o640}, false, false},
		{"a backup of binary packages", user{0, portage, 0o775}, user{0, 0, 0o644}, false, true},
		{"a backup of build logs", user{portage, portage, 0o770}, user{portage, portage, 0o600}, false, true},
		{"a file of the group", user{0, portage, 0o770}, user{0, portage, 0o640}, false, true},
		{"root's secret where only root writes", user{0, 0, 0o755}, user{0, 0, 0o600}, false, true},
		{"root's file that is nowhere else", user{0, portage, 0o775}, user{0, 0, 0o600}, true, true},
	} {
		top := t.TempDir()
		folder := filepath.Join(top, "sub/folder")
		place(t, folder, c.folder.uid, c.folder.gid, os.ModeDir|c.folder.mode, "")
		place(t, filepath.Join(folder, "f"), c.file.uid, c.file.gid, c.file.mode, "content")
		if !c.alone {
			if err := os.Link(filepath.Join(folder, "f"), filepath.Join(top, "elsewhere")); err != nil {
				t.Fatal(err)
			}
		}
		for name, force := range resolvers {
			r, err := Open(top)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			force(r)
			sub, err := r.OpenDir("/sub")
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Close()
			dir, err := sub.OpenDir("folder")
			if err != nil {
				t.Fatal(err)
			}
			defer dir.Close()
			_, byPath := r.ReadFile("/sub/folder/f", 99)
			_, byName := dir.ReadFile("f", 99)
			below, byBelow := sub.OpenBelow("folder/f", 99)
			if byBelow == nil {
				below.Close()
			}
			for way, err := range map[string]error{"path": byPath, "name": byName, "below": byBelow} {
				var link *LinkError
				if c.read && err != nil || !c.read && (!errors.As(err, &link) || link.Kind != Regular) {
					t.Errorf("%s, %s, by %s: %v; read: %v", c.what, name, way, err, c.read)
				}
			}
		}
	}
}

// sparse makes a file of size bytes, the first of which are data.
func sparse(t *testing.T, path string, data, size int64) {
	t.Helper()
	err := os.WriteFile(path, []byte(strings.Repeat("x", int(data))), 0o644)
	if err == nil {
		err = os.Truncate(path, size)
	}
	if err != nil {
		t.Skip("no files of holes here: ", err)
	}
}

func TestAFileOfHolesIsNotRead(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	for _, c := range []struct {
		name       string
		data, size int64
		limit      int64
		refused    bool
	}{
		{"terabyte", 0, 1 << 40, 1 << 50, true},
		{"larger-than-the-limit", 0, 1 << 40, 1 << 30, true},
		{"log-with-a-hole", 1 << 12, 200 << 20, 1 << 40, true},
		{"mostly-data", 1 << 20, 8 << 20, 1 << 40, false},
		{"small", 0, 1 << 16, 1 << 40, false},
		{"dense", 2 << 20, 2 << 20, 1 << 40, false},
	} {
		sparse(t, filepath.Join(top, c.name), c.data, c.size)
		for name, force := range resolvers {
			r, err := Open(top)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			force(r)
			f, err := r.OpenFile("/"+c.name, c.limit)
			if errors.Is(err, ErrTooLarge) != c.refused || !c.refused && err != nil {
				t.Errorf("%s, %s: %v; refused: %v", c.name, name, err, c.refused)
			}
			if err != nil {
				continue
			}
			if at, err := f.Seek(0, 1); at != 0 || err != nil {
				t.Errorf("%s, %s: opened at byte %d, %v", c.name, name, at, err)
			}
			f.Close()
		}
	}
}

// The kernel itself says EIO to whoever reads the first byte of a process.
func TestADiskThatFailsIsNeitherAbsentNorEmpty(t *testing.T) {
	t.Parallel()
	r, err := Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := os.Stat("/proc/self/mem"); err != nil {
		t.Skip("no procfs here: ", err)
	}
	data, err := r.ReadFile("/proc/self/mem", 1<<20)
	if data != nil || !errors.Is(err, unix.EIO) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %d bytes, %v; want %v", len(data), err, unix.EIO)
	}
}
