package hostfs

import (
	"errors"
	"fmt"
)

// ErrTooLarge is the cause of an error about a file that is larger than the given
// limit, or that consists mostly of holes.
var ErrTooLarge = errors.New("file is too large")

// errNotComponent is the error for a name that is not a single path component.
var errNotComponent = errors.New("not the name of a file in a folder")

// KindError is the error for opening a file that is not a regular file.
type KindError struct {
	Kind Kind
}

// Error names the kind of the file.
func (e *KindError) Error() string { return "is a " + string(e.Kind) + ", not a regular file" }

// LinkError is the error for a link in a folder that other users can write, if the
// link could disclose a file that they must not read.
type LinkError struct {
	// Kind is Symlink, or Regular for a file with several hard links.
	Kind Kind
	// Owner is the user id of the owner of the symlink, or of the folder with the
	// hard link.
	Owner uint32
	// Target is the user id of the owner of the link's target.
	Target uint32
}

// Error names the owners of the link and of its target.
func (e *LinkError) Error() string {
	if e.Kind == Symlink {
		return fmt.Sprintf("not followed: a symlink of uid %d, in a folder that others can write, to what belongs to uid %d", e.Owner, e.Target)
	}
	return fmt.Sprintf("not read: one of several hard links to a file of uid %d, in a folder that others can write", e.Target)
}

// PathError is an error about a path inside a root. It wraps its cause, so that
// errors.Is(err, fs.ErrNotExist) works as usual.
type PathError struct {
	// Op is the failed operation: "open", "read", "stat", "list".
	Op string
	// Root is the absolute path of the root on the running system.
	Root string
	// Path is the path inside the root, as given.
	Path string
	Err  error
}

func newPathError(op, root, path string, err error) error {
	return &PathError{Op: op, Root: root, Path: path, Err: err}
}

// Error names the path inside the root, and the root unless it is "/".
func (e *PathError) Error() string {
	if e.Root == "/" {
		return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err)
	}
	return fmt.Sprintf("%s %s in root %s: %v", e.Op, e.Path, e.Root, e.Err)
}

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// sizeError says by how much a file exceeds its limit.
type sizeError struct {
	size, limit int64
}

func (e *sizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, at most %d are read", ErrTooLarge, e.size, e.limit)
}

func (e *sizeError) Unwrap() error { return ErrTooLarge }

// holesError says how much of a file exists on disk.
type holesError struct {
	size, stored int64
}

func (e *holesError) Error() string {
	return fmt.Sprintf("%v: %d bytes, of which %d are on disk and the rest is holes", ErrTooLarge, e.size, e.stored)
}

func (e *holesError) Unwrap() error { return ErrTooLarge }
