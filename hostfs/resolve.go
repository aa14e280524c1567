package hostfs

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxRestarts is how often openat2 is asked again when it says EAGAIN: it does
// so whenever anything is renamed or mounted on the whole system while it
// resolves "..", and a busy host does both. The walk, which never restarts, is
// the way out after that.
const maxRestarts = 64

// openat2 is replaced by tests, which play kernels without it.
var openat2 = unix.Openat2

// openInKernel opens path inside the root by openat2, and by the walk where a
// symlink is on the way, whose owner matters.
func (r *Root) openInKernel(path string, flags int) (int, error) {
	if path == "" {
		return -1, unix.ENOENT
	}
	how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS}
	for range maxRestarts {
		fd, err := retry(func() (int, error) { return openat2(r.fd, path, &how) })
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

// maxSymlinks is how many symlinks one path may go through: the kernel's own
// number (include/linux/namei.h, MAXSYMLINKS).
const maxSymlinks = 40

// maxDepth is how many folders deep the walk goes. It holds a descriptor of each,
// and a hostile symlink must not use up all that the process may have.
const maxDepth = 256

// walked is where a walk through a path has arrived: the chain of open folders
// from the root to the parent, and the last component in it.
type walked struct {
	dirs  []int    // descriptors, dirs[0] is the root's own and never closed here
	names []string // names[i] is the name of dirs[i+1]
	last  string   // component in the last of dirs; "." for that folder itself
	// foreign are the symlinks of others on the way whose target has not been
	// reached.
	foreign []foreignLink
}

// foreignLink is a symlink that is followed only if what it leads to lies below
// its folder or belongs to its owner.
type foreignLink struct {
	owner  uint32
	folder unix.Stat_t
	// left is how much of the path is left where its target is reached.
	left int
}

// walk goes through path one component at a time. Each step is relative to an
// open folder and follows nothing, so a rename meanwhile can make it fail but
// cannot lead it out: ".." goes back along the chain, never up the real tree.
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
		// What was the last component so far is a parent after all.
		if err := w.descend(); err != nil {
			return nil, err
		}
		if err := w.arrive(w.parent(), len(rest)); err != nil {
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
		// A slash after a name makes it a folder, so a symlink is followed
		// even where the caller wants the last one left alone.
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
			if !r.owners.trust(owner) {
				link := foreignLink{owner: owner, left: len(strings.TrimLeft(rest, "/"))}
				if err := unix.Fstat(w.parent(), &link.folder); err != nil {
					return nil, err
				}
				if r.owners.share(&link.folder) {
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
	fd, err := retry(func() (int, error) {
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

// ascend goes back one folder; at the root it stays.
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

// open opens what the walk arrived at. A symlink put there since then is not
// followed: ELOOP, or the link itself under O_PATH.
func (w *walked) open(flags int) (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(w.parent(), w.last, flags|unix.O_NOFOLLOW, 0)
	})
	if err != nil {
		return -1, err
	}
	if err := w.arrive(fd, 0); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// arrive holds the rule for the foreign links that lead to the open file fd: those
// behind which no more than left of the path is left.
func (w *walked) arrive(fd, left int) error {
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

// isBelow tells whether the walk arrived in a folder or below it.
func (w *walked) isBelow(folder *unix.Stat_t) bool {
	return slices.ContainsFunc(w.dirs, func(fd int) bool {
		var st unix.Stat_t
		return unix.Fstat(fd, &st) == nil && st.Dev == folder.Dev && st.Ino == folder.Ino
	})
}

// path returns the place as an absolute path inside the root.
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

// readLink returns the target of the symlink name in the folder dir, and whose the
// link is. Both are of one link, whatever is renamed meanwhile.
func readLink(dir int, name string) (target string, owner uint32, err error) {
	fd, err := retry(func() (int, error) {
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
	n, err := retry(func() (int, error) { return unix.Readlinkat(fd, "", buf) })
	if err != nil {
		return "", 0, err
	}
	if n == 0 {
		return "", 0, unix.ENOENT
	}
	return string(buf[:n]), st.Uid, nil
}

// retry repeats a system call that a signal interrupted, which slow and network
// file systems allow at any open or read (go.dev/issue/11180).
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
