// Package hostfs reads one Gentoo root as if the program were chrooted into it,
// without being root and without chroot(2).
//
// A root may be the disk of another machine, a stage or a copy. Its make.conf, logs
// and symlinks hold absolute paths that are valid inside that root only, and any of
// them may be hostile. So every path is resolved inside the root:
//
//   - absolute and relative paths begin at the root,
//   - absolute symlinks begin at the root again,
//   - ".." at the root stays there,
//   - FIFOs, sockets and devices are never opened, only described.
//
// # Links of other users
//
// A user who can write into a folder that root reads can create a link there to a
// file that only root can read. In a folder that others can write, a symlink is
// therefore followed only if its target is below that folder, or if its owner is
// root, the reader, or the owner of the target. That is the kernel's rule of
// protected_symlinks (proc_sys_fs(5)); an administrator's link to another disk
// keeps working. A regular file with several hard links in such a folder is read
// only if the users who can write there can also read it. Otherwise the error wraps
// a [*LinkError], which means neither absent nor empty. These rules do not apply to
// folders that only root, the owner of the root's top folder or the reader can
// write.
//
// # Holes
//
// Every file is opened with a size limit. A file is refused, based on fstat, if it
// is larger or consists mostly of holes: a terabyte of holes costs its owner one
// block and its reader minutes. The function admit makes all these decisions.
//
// # Implementation
//
// The kernel resolves paths without symlinks by openat2(2) with RESOLVE_IN_ROOT and
// RESOLVE_NO_SYMLINKS (Linux 5.6), so a symlink that appears between two system
// calls cannot lead outside. openat2 does not check owners, so a path with a
// symlink is walked in user space: one component at a time with O_NOFOLLOW, keeping
// the descriptors of all parents open. The owner and the target of a link are read
// from the same open link, and the owner of the target from the open file. The same
// walk is used if openat2 is missing (ENOSYS) or forbidden by an old seccomp filter
// (EPERM).
//
// The kind of a file is read (O_PATH, fstatat) before it is opened, because
// merely opening a FIFO wakes its writer and opening a device can rewind a tape
// or arm a watchdog. Should somebody with write access to the root put a device
// there between the two calls, O_NONBLOCK and O_NOCTTY keep the open from
// waiting and from taking over the terminal, and nothing is read from it.
//
// # Many small files
//
// The VDB has thousands of folders with a few small files each. [Dir] holds the
// descriptor of one folder and opens its files relative to it: one component, no
// symlinks, no path computation, and no allocation except the content.
//
// Names stay unchanged, even if they are not UTF-8 or hold control characters. Only
// the output layer escapes them. Below a mount point inside the root, the mounted
// file system is read, as with chroot.
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

// openFlags are the flags of every open for reading. O_NONBLOCK and O_NOCTTY have
// an effect only if a file changes its kind concurrently.
const openFlags = unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// Root gives read access to one Gentoo root. Its methods may be called
// concurrently, but not during or after Close.
type Root struct {
	fd   int
	name string
	// resolve opens path inside the root with flags of open(2). It is openInKernel
	// or openByWalk.
	resolve  func(path string, flags int) (int, error)
	inKernel bool // resolve is openInKernel
	owners   owners
}

// Open returns access to the Gentoo root at path. It resolves path like open(2):
// relative to the working directory and through symlinks. Two paths to the same
// root give the same Name.
func Open(path string) (*Root, error) {
	name, err := filepath.Abs(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open root", Path: path, Err: err}
	}
	fd, err := Retry(func() (int, error) {
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

// withoutSymlinks returns the path of an open folder without symlinks. The target
// text of /proc/PID/root, the root of a container, is "/", which is another folder
// on this system. Such a path stays unchanged.
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

// Close closes the root. Folders opened from it remain usable.
func (r *Root) Close() error {
	fd := r.fd
	r.fd = -1
	return unix.Close(fd)
}

// Name returns the absolute path of the root on the running system, without
// symlinks.
func (r *Root) Name() string { return r.name }

// IsSystem reports whether the root is "/", the running system. Only then do the
// environment of the process and the running Portage apply to the root.
func (r *Root) IsSystem() bool { return r.name == "/" }

// OpenFile opens the regular file at path for reading and follows symlinks inside
// the root. The error wraps a [*KindError] for any other kind of file, a
// [*LinkError] for a refused link of another user, and [ErrTooLarge] for a file
// that has more than limit bytes or consists mostly of holes. The file may grow
// beyond the limit later.
func (r *Root) OpenFile(path string, limit int64) (*os.File, error) {
	fd, _, err := r.openRegular(path, limit)
	if err != nil {
		return nil, r.pathError("open", path, err)
	}
	return newFile(fd, path), nil
}

// ReadFile returns the content of the regular file at path. Its rules and errors
// are those of [Root.OpenFile].
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

// Stat describes the file at path and follows symlinks inside the root.
func (r *Root) Stat(path string) (Entry, error) {
	return r.stat("stat", path, 0)
}

// Lstat describes the file at path. It does not follow a symlink at the end of
// path, unless path ends in a slash.
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
	return NewEntry(base(path), &st), nil
}

// OpenDir opens the folder at path and follows symlinks inside the root.
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

// Names returns the names in a folder without "." and "..", sorted by bytes.
func (r *Root) Names(path string) ([]string, error) {
	return inDir(r, path, (*Dir).Names)
}

// Entries is like [Dir.Entries] for a folder.
func (r *Root) Entries(path string) ([]Entry, error) {
	return inDir(r, path, (*Dir).Entries)
}

func inDir[T any](r *Root, path string, list func(*Dir) ([]T, error)) ([]T, error) {
	dir, err := r.OpenDir(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return list(dir)
}

// Realpath returns path, inside the root, without symlinks and dots. The file must
// exist. Use the result only to compare and print paths, because the file may be
// renamed at any time.
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

// Readlink returns the target of the symlink at path, unchanged. For any other kind
// the error wraps a [*KindError].
func (r *Root) Readlink(path string) (string, error) {
	w, err := r.walk(path, false)
	if err != nil {
		return "", r.pathError("readlink", path, err)
	}
	defer w.close()
	target, _, err := readLink(w.parent(), w.last)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		// readlinkat(2) with an empty path has ENOENT for what is no symlink.
		if e, statErr := r.Lstat(path); statErr == nil && e.Kind != Symlink {
			err = &KindError{Kind: e.Kind}
		}
	}
	if err != nil {
		return "", r.pathError("readlink", path, err)
	}
	return target, nil
}

// FreeSpace describes the file system of the file at path.
func (r *Root) FreeSpace(path string) (Space, error) {
	fd, err := r.resolve(path, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return Space{}, r.pathError("statfs", path, err)
	}
	defer unix.Close(fd)
	var st unix.Statfs_t
	if _, err := Retry(func() (int, error) { return 0, unix.Fstatfs(fd, &st) }); err != nil {
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
		// The rule for hard links needs the folder that holds the file, so it is
		// opened again from there.
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

// pathError returns a PathError with the path inside the root.
func (r *Root) pathError(op, path string, err error) error {
	return newPathError(op, r.name, path, err)
}

// base returns the last component of path, or "/" for the root itself.
func base(path string) string {
	path = strings.TrimRight(path, "/")
	if path == "" {
		return "/"
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}
