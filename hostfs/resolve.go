package hostfs

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxRestarts is the number of retries after openat2 returns EAGAIN. It does so if
// anything on the system is renamed or mounted while it resolves "..", which is
// frequent on a busy host. After that, the walk in user space is used, which never
// restarts.
const maxRestarts = 64

// openat2 is a variable so that tests can simulate kernels without it.
var openat2 = unix.Openat2

// openInKernel opens path inside the root by openat2. If path has a symlink, it
// uses the walk, which checks the owners of symlinks.
func (r *Root) openInKernel(path string, flags int) (int, error) {
	if path == "" {
		return -1, unix.ENOENT
	}
	how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS}
	for range maxRestarts {
		fd, err := Retry(func() (int, error) { return openat2(r.fd, path, &how) })
		switch err {
		case unix.EAGAIN:
			continue
		case unix.ELOOP:
			return r.openByWalk(path, flags)
		}
		return fd, err
	}
	return r.openByWalk(path, flags)
}

// openByWalk opens path inside the root without openat2.
func (r *Root) openByWalk(path string, flags int) (int, error) {
	w, err := r.walk(path, flags&unix.O_NOFOLLOW == 0)
	if err != nil {
		return -1, err
	}
	defer w.close()
	return w.open(flags)
}

// maxSymlinks is the largest number of symlinks in one path. The kernel has the
// same limit (include/linux/namei.h, MAXSYMLINKS).
const maxSymlinks = 40

// maxDepth is the largest depth of the walk. It keeps one descriptor for each
// folder, and a hostile symlink must not exhaust the descriptors of the process.
const maxDepth = 256

// walked is the state of a walk: the open folders from the root to the parent, and
// the last component of the path.
type walked struct {
	dirs  []int    // descriptors; dirs[0] belongs to the Root and is not closed here
	names []string // names[i] is the name of dirs[i+1]
	last  string   // component in the last of dirs; "." means that folder itself
	// foreign are the symlinks of other users in the path whose targets have not
	// been reached.
	foreign []foreignLink
}

// foreignLink is a symlink that may be followed only if its target is below its
// folder or belongs to its owner.
type foreignLink struct {
	owner  uint32
	folder unix.Stat_t
	// left is the length of the rest of the path at the target of the link.
	left int
}

// walk resolves path one component at a time. Each step is relative to an open
// folder and does not follow symlinks. A concurrent rename can make the walk fail,
// but cannot lead it out of the root: ".." goes back in the list of open folders
// and never uses the real parent.
func (r *Root) walk(path string, followLast bool) (_ *walked, err error) {
	if path == "" {
		return nil, unix.ENOENT
	}
	w := &walked{dirs: []int{r.fd}, last: "."}
	defer func() {
		if err != nil {
			w.close()
		}
	}()

	rest := path
	symlinks := 0
	for {
		rest = strings.TrimLeft(rest, "/")
		if rest == "" {
			return w, nil
		}
		// The component before this one is a parent folder.
		if err := w.descend(); err != nil {
			return nil, err
		}
		if err := w.checkForeignLinks(w.parent(), len(rest)); err != nil {
			return nil, err
		}
		component, after, slash := strings.Cut(rest, "/")
		rest = after
		switch component {
		case ".":
			continue
		case "..":
			w.ascend()
			continue
		}

		var st unix.Stat_t
		if err := fstatat(w.parent(), component, &st); err != nil {
			return nil, err
		}
		// A slash after a name requires a folder, so a final symlink is followed
		// even if the caller does not want that.
		isLast := strings.Trim(rest, "/") == "" && !slash
		switch {
		case st.Mode&unix.S_IFMT == unix.S_IFLNK && (!isLast || followLast):
			if symlinks++; symlinks > maxSymlinks {
				return nil, unix.ELOOP
			}
			target, owner, err := readLink(w.parent(), component)
			if err != nil {
				return nil, err
			}
			if !r.owners.includes(owner) {
				link := foreignLink{owner: owner, left: len(strings.TrimLeft(rest, "/"))}
				if err := unix.Fstat(w.parent(), &link.folder); err != nil {
					return nil, err
				}
				if r.owners.othersCanWrite(&link.folder) {
					w.foreign = append(w.foreign, link)
				}
			}
			if strings.HasPrefix(target, "/") {
				w.ascendToRoot()
			}
			if slash {
				target += "/" + rest
			}
			rest = target
		case st.Mode&unix.S_IFMT != unix.S_IFDIR && !isLast:
			return nil, unix.ENOTDIR
		default:
			w.last = component
		}
	}
}

func (w *walked) parent() int { return w.dirs[len(w.dirs)-1] }

// descend opens the last component as a folder and makes it the parent.
func (w *walked) descend() error {
	if w.last == "." {
		return nil
	}
	if len(w.dirs) > maxDepth {
		return unix.ENAMETOOLONG
	}
	fd, err := Retry(func() (int, error) {
		return unix.Openat(w.parent(), w.last, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	w.dirs = append(w.dirs, fd)
	w.names = append(w.names, w.last)
	w.last = "."
	return nil
}

// ascend returns to the parent folder. At the root it does nothing.
func (w *walked) ascend() {
	if n := len(w.dirs) - 1; n > 0 {
		unix.Close(w.dirs[n])
		w.dirs = w.dirs[:n]
		w.names = w.names[:n-1]
	}
}

func (w *walked) ascendToRoot() {
	for len(w.dirs) > 1 {
		w.ascend()
	}
}

func (w *walked) close() { w.ascendToRoot() }

// open opens the file that the walk has reached. If a symlink has replaced it
// since, open does not follow it: it returns ELOOP, or the link itself with O_PATH.
func (w *walked) open(flags int) (int, error) {
	fd, err := Retry(func() (int, error) {
		return unix.Openat(w.parent(), w.last, flags|unix.O_NOFOLLOW, 0)
	})
	if err != nil {
		return -1, err
	}
	if err := w.checkForeignLinks(fd, 0); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// checkForeignLinks applies the rule for foreign links to the open file fd. It
// checks the links whose targets have been reached, given that left bytes of the
// path remain.
func (w *walked) checkForeignLinks(fd, left int) error {
	for len(w.foreign) > 0 {
		link := &w.foreign[len(w.foreign)-1]
		if link.left < left {
			return nil
		}
		var target unix.Stat_t
		if err := unix.Fstat(fd, &target); err != nil {
			return err
		}
		if target.Uid != link.owner && !w.isBelow(&link.folder) {
			return &LinkError{Kind: Symlink, Owner: link.owner, Target: target.Uid}
		}
		w.foreign = w.foreign[:len(w.foreign)-1]
	}
	return nil
}

// isBelow reports whether the walk has reached a folder or a file below it.
func (w *walked) isBelow(folder *unix.Stat_t) bool {
	return slices.ContainsFunc(w.dirs, func(fd int) bool {
		var st unix.Stat_t
		return unix.Fstat(fd, &st) == nil && st.Dev == folder.Dev && st.Ino == folder.Ino
	})
}

// path returns the absolute path inside the root that the walk has reached.
func (w *walked) path() string {
	path := "/" + strings.Join(w.names, "/")
	switch {
	case w.last == ".":
		return path
	case path == "/":
		return path + w.last
	default:
		return path + "/" + w.last
	}
}

// readLink returns the target and the owner of the symlink name in the folder dir.
// Both belong to the same link, even if names change concurrently.
func readLink(dir int, name string) (target string, owner uint32, err error) {
	fd, err := Retry(func() (int, error) {
		return unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return "", 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", 0, err
	}
	buf := make([]byte, unix.PathMax)
	n, err := Retry(func() (int, error) { return unix.Readlinkat(fd, "", buf) })
	if err != nil {
		return "", 0, err
	}
	if n == 0 {
		return "", 0, unix.ENOENT
	}
	return string(buf[:n]), st.Uid, nil
}

// Retry repeats a system call that a signal has interrupted. On slow and network
// file systems this can happen at any open or read (go.dev/issue/11180).
func Retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
