package hostfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// UntrustedError says why root must not obey a file of the running system.
type UntrustedError struct {
	// Path is the first file, link or folder in the path that other users own or
	// can write.
	Path   string
	Reason string
}

// Error names the file and the reason.
func (e *UntrustedError) Error() string { return e.Path + " " + e.Reason }

// maxLinks is the largest number of links in a path, as in Linux.
const maxLinks = 40

// Trusted returns an error unless only root controls the file at path, an absolute
// path of the running system. The file, every link and every folder in the path
// must belong to root, and neither group nor others may write them. A folder with
// the sticky bit (/tmp) is acceptable, because other users cannot replace root's
// files in it.
//
// If alone is set, the folder of the file must not be of that kind either. Other
// users could otherwise create related files that a program trusts, such as
// FILE-wal of SQLite.
//
// A file that does not exist is not an error, so that it can be created.
func Trusted(path string, alone bool) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("path %s: not absolute", path)
	}
	// Do not use [filepath.Clean]: after a symlink, ".." leads to the parent of its
	// target.
	rest := strings.Split(path, "/")
	at := "/"
	info, err := os.Lstat(at)
	if err != nil {
		return err
	}
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if err := checkOwnedByRoot(at, info, !alone || len(rest) > 0); err != nil {
			return err
		}
		if name == ".." {
			at = filepath.Dir(at)
			if info, err = os.Lstat(at); err != nil {
				return err
			}
			continue
		}
		next := filepath.Join(at, name)
		found, err := os.Lstat(next)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			return checkOwnedByRoot(at, info, !alone)
		case err != nil:
			return err
		case found.Mode()&fs.ModeSymlink == 0:
			at, info = next, found
			continue
		}
		if links++; links > maxLinks {
			return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
		}
		if err := checkOwnedByRoot(next, found, true); err != nil {
			return err
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if strings.HasPrefix(target, "/") {
			at = "/"
			if info, err = os.Lstat(at); err != nil {
				return err
			}
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return checkOwnedByRoot(at, info, true)
}

// checkOwnedByRoot returns an error unless only root controls one file. sticky
// permits a folder with the sticky bit. Group 0 counts as root.
func checkOwnedByRoot(path string, info fs.FileInfo, sticky bool) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return &UntrustedError{path, "has an unknown owner"}
	}
	mode := info.Mode()
	switch {
	case !mode.IsRegular() && !mode.IsDir() && mode&fs.ModeSymlink == 0:
		// This is a device or a FIFO. Opening it fails with a better reason.
	case stat.Uid != 0:
		return &UntrustedError{path, fmt.Sprintf("belongs to user %d, not to root", stat.Uid)}
	case mode&fs.ModeSymlink != 0, mode.IsDir() && sticky && mode&fs.ModeSticky != 0:
	case mode&0o002 != 0:
		return &UntrustedError{path, "can be written by everybody"}
	case mode&0o020 != 0 && stat.Gid != 0:
		return &UntrustedError{path, fmt.Sprintf("can be written by group %d", stat.Gid)}
	}
	return nil
}
