// Package hostfs reads one Gentoo root as if the program were chrooted into it,
// without being root and without chroot(2).
//
// A root may be another machine's disk, a stage or a copy: its make.conf, its
// logs and its symlinks hold absolute paths, all of which mean something inside
// that root, and any of which may be hostile. So every path is taken inside:
//
//   - absolute and relative paths begin at the root,
//   - absolute symlinks begin at the root again,
//   - ".." at the root stays there,
//   - FIFOs, sockets and devices are never opened, only described.
//
// # Links that others make
//
// Whoever can write into a folder that root reads can put a link there to a file
// that only root can read. In a folder that others can write, a symlink is
// followed only where it stays below that folder, or where its owner is root, the
// reader, or the owner of what it leads to: the kernel's rule of protected_symlinks
// (proc_sys_fs(5)), so that an administrator's link to another disk goes on
// working. A regular file with several hard links is read there only if those who
// can write there can read it, too. What is refused is a [*LinkError], which is
// neither absent nor empty. A folder that only root, the owner of the root's top
// folder or the reader can write has no such rules.
//
// # Holes
//
// A file is opened with a limit, and one that is larger, or that is little but
// holes, is refused by what fstat says of it: a terabyte of nothing costs its owner
// one block and its reader minutes. The function admit decides all of it.
//
// # How it is held
//
// The kernel resolves paths without symlinks: openat2(2) with RESOLVE_IN_ROOT and
// RESOLVE_NO_SYMLINKS (Linux 5.6), so that a symlink swapped in between two system
// calls cannot lead outside. It knows no rule of owners, so a path through a
// symlink is walked in user space, one component at a time with O_NOFOLLOW, with
// the descriptors of all parents kept open: the owner of a link and its target are
// those of one open link, and the owner of what it leads to is that of the open
// file. The same walk serves where openat2 is missing (ENOSYS) or forbidden by an
// old seccomp filter (EPERM).
//
// The kind of a file is read (O_PATH, fstatat) before it is opened, because
// merely opening a FIFO wakes its writer and opening a device can rewind a tape
// or arm a watchdog. Should somebody with write access to the root put a device
// there between the two calls, O_NONBLOCK and O_NOCTTY keep the open from
// waiting and from taking over the terminal, and nothing is read from it.
//
// # Many small files
//
// An installed-package database has thousands of folders with a few small files
// each. [Dir] holds the descriptor of one folder and opens its files relative to
// it: one component, no symlinks, no path arithmetic, no allocation but the
// content.
//
// Names are passed through as found, UTF-8 or not, control characters included;
// only the output edge cleans them. Inside a mount point of the root the
// mounted file system is read, as chroot would.
package hostfs

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// openFlags are the flags of every open for reading. O_NONBLOCK and O_NOCTTY
// matter only when a file changes its kind under our hands.
const openFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// Root is read access to one Gentoo root. Its methods may be called from several
// goroutines at once, but not during or after Close.
type Root struct {
	fd   int
	name string
	// resolve opens path inside the root with open(2) flags: openat2 or the
	// walk in user space.
	resolve  func(path string, flags int) (int, error)
	inKernel bool // it is openat2
	owners   owners
}

// Open returns access to the Gentoo root at path, which is resolved by the usual
// rules: relative to the working directory, symlinks followed. Its name is the
// path without symlinks, so that a root is one host by whatever path it is named.
func Open(path string) (*Root, error) {
	name, err := filepath.Abs(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open root", Path: path, Err: err}
	}
	fd, err := retry(func() (int, error) {
		return unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open root", Path: name, Err: err}
	}
	var top unix.Stat_t
	if err := unix.Fstat(fd, &top); err != nil {
		unix.Close(fd)
		return nil, &fs.PathError{Op: "open root", Path: name, Err: err}
	}
	r := &Root{fd: fd, name: withoutSymlinks(name, fd), inKernel: true, owners: owners{reader: uint32(os.Geteuid()), top: top.Uid}}
	r.resolve = r.openInKernel
	probe, err := r.openInKernel("/", unix.O_PATH|unix.O_CLOEXEC)
	switch {
	case err == nil:
		unix.Close(probe)
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		r.resolve, r.inKernel = r.openByWalk, false
	default:
		unix.Close(fd)
		return nil, &fs.PathError{Op: "open root", Path: name, Err: err}
	}
	return r, nil
}

// withoutSymlinks returns the path of an open folder without symlinks. Of
// /proc/PID/root, the link to the root of a container, the text is "/", which is
// another folder here: such a path stays as it is.
func withoutSymlinks(name string, fd int) string {
	resolved, err := filepath.EvalSymlinks(name)
	if err != nil {
		return name
	}
	var opened, found unix.Stat_t
	if unix.Fstat(fd, &opened) != nil || unix.Stat(resolved, &found) != nil || opened.Dev != found.Dev || opened.Ino != found.Ino {
		return name
	}
	return resolved
}

// Close releases the root's descriptor. Folders opened from it stay usable.
func (r *Root) Close() error {
	fd := r.fd
	r.fd = -1
	return unix.Close(fd)
}

// Name returns the absolute path of the root on the running system.
func (r *Root) Name() string { return r.name }

// IsSystem reports whether the root is "/", the running system itself: only then
// do the process environment and the running Portage say anything about it.
func (r *Root) IsSystem() bool { return r.name == "/" }

// OpenFile opens the regular file at path for reading, symlinks followed inside
// the root. Any other kind is a [*KindError], a link that others made a
// [*LinkError], and a file of more than limit bytes, or of little but holes, an
// error that wraps [ErrTooLarge]. The file may grow beyond the limit afterwards.
func (r *Root) OpenFile(path string, limit int64) (*os.File, error) {
	fd, _, err := r.openRegular(path, limit)
	if err != nil {
		return nil, r.pathError("open", path, err)
	}
	return newFile(fd, path), nil
}

// ReadFile returns the content of the regular file at path, which is opened as
// [Root.OpenFile] does.
func (r *Root) ReadFile(path string, limit int64) ([]byte, error) {
	fd, size, err := r.openRegular(path, limit)
	if err != nil {
		return nil, r.pathError("read", path, err)
	}
	defer unix.Close(fd)
	data, err := readAll(fd, size, limit)
	if err != nil {
		return nil, r.pathError("read", path, err)
	}
	return data, nil
}

// Stat describes what path leads to, symlinks followed inside the root.
func (r *Root) Stat(path string) (Entry, error) {
	return r.stat("stat", path, 0)
}

// Lstat describes path itself: a symlink at its end is described, not followed,
// unless the path ends in a slash.
func (r *Root) Lstat(path string) (Entry, error) {
	return r.stat("lstat", path, unix.O_NOFOLLOW)
}

func (r *Root) stat(op, path string, flags int) (Entry, error) {
	fd, err := r.resolve(path, unix.O_PATH|unix.O_CLOEXEC|flags)
	if err != nil {
		return Entry{}, r.pathError(op, path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Entry{}, r.pathError(op, path, err)
	}
	return newEntry(base(path), &st), nil
}

// OpenDir opens the folder at path, symlinks followed inside the root.
func (r *Root) OpenDir(path string) (*Dir, error) {
	fd, err := r.resolve(path, openFlags|unix.O_DIRECTORY)
	if err != nil {
		return nil, r.pathError("open", path, err)
	}
	d, err := newDir(fd, &Dir{root: r.name, name: path, inKernel: r.inKernel, owners: r.owners})
	if err != nil {
		return nil, r.pathError("open", path, err)
	}
	return d, nil
}

// Realpath returns the path inside the root, without symlinks and dots, that
// path leads to. The file must exist. It may be renamed a moment later: the
// answer is for comparing and printing, every later access resolves again.
func (r *Root) Realpath(path string) (string, error) {
	w, err := r.walk(path, true)
	if err != nil {
		return "", r.pathError("resolve", path, err)
	}
	defer w.close()
	fd, err := w.open(unix.O_PATH | unix.O_CLOEXEC)
	if err != nil {
		return "", r.pathError("resolve", path, err)
	}
	unix.Close(fd)
	return w.path(), nil
}

// FreeSpace describes the file system that path leads to.
func (r *Root) FreeSpace(path string) (Space, error) {
	fd, err := r.resolve(path, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return Space{}, r.pathError("statfs", path, err)
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if _, err := retry(func() (int, error) { return 0, unix.Fstatfs(fd, &st) }); err != nil {
		return Space{}, r.pathError("statfs", path, err)
	}
	return newSpace(&st), nil
}

// openRegular opens the regular file at path and returns its size.
func (r *Root) openRegular(path string, limit int64) (fd int, size int64, err error) {
	probe, err := r.resolve(path, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return -1, 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(probe, &st)
	unix.Close(probe)
	if err != nil {
		return -1, 0, err
	}
	if kind := kindOf(st.Mode); kind != Regular {
		return -1, 0, &KindError{Kind: kind}
	}
	fd, err = r.resolve(path, openFlags)
	if err != nil {
		return -1, 0, err
	}
	var folder unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Nlink > 1 {
		// Who can write into its folder is asked of the folder from which it is
		// opened.
		unix.Close(fd)
		var w *walked
		if w, err = r.walk(path, true); err != nil {
			return -1, 0, err
		}
		defer w.close()
		if fd, err = w.open(openFlags); err != nil {
			return -1, 0, err
		}
		err = cmp.Or(unix.Fstat(fd, &st), unix.Fstat(w.parent(), &folder))
	}
	if err == nil {
		err = r.owners.admit(fd, &st, &folder, limit)
	}
	if err != nil {
		unix.Close(fd)
		return -1, 0, err
	}
	return fd, st.Size, nil
}

// pathError says what failed, with the path as inside the root and the root.
func (r *Root) pathError(op, path string, err error) error {
	return newPathError(op, r.name, path, err)
}

// base returns the last component of path, "/" for the root itself.
func base(path string) string {
	path = strings.TrimRight(path, "/")
	if path == "" {
		return "/"
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}
