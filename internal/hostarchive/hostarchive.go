// Package hostarchive unpacks the recorded Gentoo hosts in testdata/hosts, which
// are .tar.zst files. It does not need GNU tar and zstd, which a build machine may
// lack.
//
// Timestamps of a recorded host matter as much as its bytes. Portage compares the
// mtime of a directory in /var/db/pkg with the #dir_mtime line of its "metadata"
// file, to the nanosecond (lib/portage/dbapi/vartree.py). It compares the mtime of
// a binary package with MTIME in the Packages index, to the second. So Unpack
// restores the times of files, directories and symbolic links exactly. It sets the
// time of a directory after writing everything in it. It keeps modes and hard
// links, but not owners, because tests run as any user.
//
// An archive is a pax or GNU tar file in one zstd stream. It may hold regular
// files, directories, symbolic links and hard links; anything else is an error.
// Unpack never writes outside the target directory, whatever the archive holds.
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

// Unpack writes the contents of the .tar.zst file at archive below dir. It creates
// dir if necessary. A file that exists already is an error, because two hosts must
// not mix.
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

// An extraction is one archive during unpacking. All paths go through root, so
// neither ".." nor a symbolic link of the archive leads out of it.
type extraction struct {
	root *os.Root
	dirs []*tar.Header // directories whose modes and times finish sets
	// parent is the directory dir, which holds the last member. Consecutive members
	// are mostly in the same directory, and without parent, root would resolve the
	// whole path for each.
	parent *os.Root
	dir    string
}

// enter makes dir the parent. It creates dir if necessary.
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

// symlinkTime sets the time of the link itself. Package os has no function for
// that.
func (x *extraction) symlinkTime(name string, mtime time.Time) error {
	parent, err := x.parent.Open(".")
	if err != nil {
		return err
	}
	defer parent.Close()
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(mtime.UnixNano())}
	return unix.UtimesNanoAt(int(parent.Fd()), name, times, unix.AT_SYMLINK_NOFOLLOW)
}

// finish sets the modes and times of directories. It runs after all members are
// written, because writing into a directory changes its time, and its mode may
// forbid writing.
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

// mode returns the permissions of a member, including setuid, setgid and sticky
// bits, as an fs.FileMode.
func mode(h *tar.Header) fs.FileMode {
	const permissions = fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky
	return h.FileInfo().Mode() & permissions
}
