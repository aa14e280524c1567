// Package hostarchive unpacks the recorded Gentoo hosts that the repository
// ships as .tar.zst files in testdata/hosts, without GNU tar and the zstd
// program, which a machine that builds emaudit may lack.
//
// What matters in a recorded host is more than its bytes. Portage compares the
// modification time of a directory of /var/db/pkg with the #dir_mtime line of
// the "metadata" file in it to the nanosecond (lib/portage/dbapi/vartree.py),
// and that of a binary package with MTIME in the Packages index to the second.
// So the times of files, directories and symbolic links are restored exactly,
// those of directories after everything in them was written. Modes and hard
// links are kept; owners are not, because tests run as any user.
//
// An archive is a pax or GNU tar file in one zstd stream. It may hold regular
// files, directories, symbolic links and hard links; anything else is an
// error. Nothing is ever written outside the target directory, whatever the
// archive says.
package hostarchive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// Unpack writes the contents of the .tar.zst file at archive below dir, which
// is created where it is missing. A file that is there already is an error: two
// hosts in one directory would be neither.
func Unpack(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := unpack(f, dir); err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	return nil
}

func unpack(r io.Reader, dir string) error {
	zr, err := zstd.NewReader(r)
	if err != nil {
		return err
	}
	defer zr.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()

	x := extraction{root: root, parent: root, dir: "."}
	defer func() { x.leave() }()
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := x.member(h, tr); err != nil {
			return fmt.Errorf("%s: %w", h.Name, err)
		}
	}
	return x.finish()
}

// An extraction is one archive on its way to the disk. All paths go through
// root, so that neither ".." nor a symbolic link of the archive leads out.
type extraction struct {
	root *os.Root
	dirs []*tar.Header // modes and times are set last: see finish
	// parent is the directory dir, in which the last member lay. An archive has
	// them one after the other, and root would open all that leads there for each.
	parent *os.Root
	dir    string
}

// enter makes dir the parent, and makes it where it is missing.
func (x *extraction) enter(dir string) error {
	if dir == x.dir {
		return nil
	}
	if err := x.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	parent, err := x.root.OpenRoot(dir)
	if err != nil {
		return err
	}
	x.leave()
	x.parent, x.dir = parent, dir
	return nil
}

// leave closes the parent.
func (x *extraction) leave() {
	if x.parent != x.root {
		x.parent.Close()
	}
	x.parent, x.dir = x.root, "."
}

func (x *extraction) member(h *tar.Header, content io.Reader) error {
	name := path.Clean(h.Name)
	if h.Typeflag == tar.TypeDir {
		x.dirs = append(x.dirs, h)
		return x.root.MkdirAll(name, 0o755)
	}
	if err := x.enter(path.Dir(name)); err != nil {
		return err
	}
	base := path.Base(name)
	switch h.Typeflag {
	case tar.TypeReg:
		return x.file(base, h, content)
	case tar.TypeSymlink:
		if err := x.parent.Symlink(h.Linkname, base); err != nil {
			return err
		}
		return x.symlinkTime(base, h.ModTime)
	case tar.TypeLink:
		return x.root.Link(path.Clean(h.Linkname), name)
	default:
		return fmt.Errorf("unexpected type %q", h.Typeflag)
	}
}

func (x *extraction) file(name string, h *tar.Header, content io.Reader) error {
	f, err := x.parent.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err := errors.Join(err, f.Chmod(mode(h)), f.Close()); err != nil {
		return err
	}
	return x.parent.Chtimes(name, time.Time{}, h.ModTime)
}

// symlinkTime sets the time of the link itself, for which os has no call.
func (x *extraction) symlinkTime(name string, mtime time.Time) error {
	parent, err := x.parent.Open(".")
	if err != nil {
		return err
	}
	defer parent.Close()
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(mtime.UnixNano())}
	return unix.UtimesNanoAt(int(parent.Fd()), name, times, unix.AT_SYMLINK_NOFOLLOW)
}

// finish gives directories their modes and times. Writing into a directory
// changes its time, and a directory may lack the permission to be written into,
// so this is done when all members are in place.
func (x *extraction) finish() error {
	for i := len(x.dirs) - 1; i >= 0; i-- {
		h := x.dirs[i]
		name := path.Clean(h.Name)
		if err := x.root.Chtimes(name, time.Time{}, h.ModTime); err != nil {
			return err
		}
		if err := x.root.Chmod(name, mode(h)); err != nil {
			return err
		}
	}
	return nil
}

// mode returns the permissions of a member as os knows them, setuid, setgid and
// sticky bits included.
func mode(h *tar.Header) fs.FileMode {
	const permissions = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	return h.FileInfo().Mode() & permissions
}
