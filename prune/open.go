package prune

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
)

// maxLinks is how many symlinks may lead to PKGDIR, as many as the kernel
// follows (path_resolution(7)).
const maxLinks = 40

// step is one folder on the way from the root to PKGDIR, and its name in the
// folder before it.
type step struct {
	name string
	dir  *osFolder
}

// way holds the open folders from the root to PKGDIR, both included.
type way []step

// walk opens the folders that lead to a path inside a root. It follows a symlink
// inside the root only if its owner is root, the effective user, or the owner of
// the folder that it leads to. The kernel has the same rule for sticky folders
// (fs.protected_symlinks in proc_sys_fs(5)).
func walk(root *hostfs.Root, name string) (_ way, err error) {
	fd, err := unix.Open(root.Name(), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open root", Path: root.Name(), Err: err}
	}
	w := way{{dir: &osFolder{fd}}}
	defer func() {
		if err != nil {
			w.close()
			err = &fs.PathError{Op: "open", Path: name, Err: err}
		}
	}()
	makers := map[uint32]string{} // of the symlinks, with the last one of each
	links := 0
	for rest := strings.Split(name, "/"); len(rest) > 0; {
		next := rest[0]
		rest = rest[1:]
		switch next {
		case "", ".":
			continue
		case "..":
			if len(w) > 1 {
				w = w.up()
			}
			continue
		}
		at := w.last()
		dir, err := at.openDir(next)
		if err == nil {
			w = append(w, step{next, dir})
			continue
		}
		// A symlink is ELOOP or ENOTDIR, depending on the kernel.
		e, errStat := at.stat(next)
		if errStat != nil || e.Kind != hostfs.Symlink {
			return nil, err
		}
		if links++; links > maxLinks {
			return nil, unix.ELOOP
		}
		target, err := at.readlink(next)
		if err != nil {
			return nil, err
		}
		makers[e.UID] = path.Join(w.path(), next)
		rest = append(strings.Split(target, "/"), rest...)
		if strings.HasPrefix(target, "/") {
			for len(w) > 1 {
				w = w.up()
			}
		}
	}
	end, err := w.last().stat(".")
	if err != nil {
		return nil, err
	}
	for uid, link := range makers {
		if uid != 0 && uid != euid() && uid != end.UID {
			return nil, fmt.Errorf("the symlink %s on the way belongs to user %d: %w", link, uid, ErrUntrusted)
		}
	}
	return w, nil
}

func (w way) last() *osFolder { return w[len(w)-1].dir }

// path is the path of the last folder, inside the root and without symlinks.
func (w way) path() string {
	p := "/"
	for _, s := range w[1:] {
		p = path.Join(p, s.name)
	}
	return p
}

func (w way) up() way {
	w.last().close()
	return w[:len(w)-1]
}

func (w way) close() error {
	var errs []error
	for _, s := range slices.Backward(w) {
		errs = append(errs, s.dir.close())
	}
	return errors.Join(errs...)
}
