package hostfs

import (
	"errors"
	"fmt"
)

// ErrTooLarge is wrapped by the error of a file that is larger than the limit
// with which it was opened, or that is little but holes.
var ErrTooLarge = errors.New("file is too large")

// errNotComponent is the answer to a name that leads out of its folder.
var errNotComponent = errors.New("not the name of a file in a folder")

// KindError is the answer to opening something that is not a regular file.
type KindError struct {
	Kind Kind
}

// Error says what was found.
func (e *KindError) Error() string { return "is a " + e.Kind.String() + ", not a regular file" }

// LinkError is the answer to a link in a folder that others can write, where it
// would show them what they may not read themselves.
type LinkError struct {
	// Kind is Symlink, or Regular for a file with several hard links.
	Kind Kind
	// Owner is the user of the symlink, or of the folder with the hard link.
	Owner uint32
	// Target is the owner of what it leads to.
	Target uint32
}

// Error says whose link leads to whose file.
func (e *LinkError) Error() string {
	if e.Kind == Symlink {
		return fmt.Sprintf("not followed: a symlink of uid %d, in a folder that others can write, to what belongs to uid %d", e.Owner, e.Target)
	}
	return fmt.Sprintf("not read: one of several hard links to a file of uid %d, in a folder that others can write", e.Target)
}

// PathError is an error about a path inside a root. errors.Is sees through it to
// the cause, so that errors.Is(err, fs.ErrNotExist) works as usual.
type PathError struct {
	// Op is what was tried: "open", "read", "stat", "list".
	Op string
	// Root is the root's absolute path on the running system.
	Root string
	// Path is the path inside the root, as given.
	Path string
	Err  error
}

func newPathError(op, root, path string, err error) error {
	return &PathError{Op: op, Root: root, Path: path, Err: err}
}

// Error names the path as inside the root, and the root unless it is "/".
func (e *PathError) Error() string {
	if e.Root == "/" {
		return fmt.Sprintf("%s %s: %v", e.Op, e.Path, e.Err)
	}
	return fmt.Sprintf("%s %s in root %s: %v", e.Op, e.Path, e.Root, e.Err)
}

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// sizeError says how much too large a file is.
type sizeError struct {
	size, limit int64
}

func (e *sizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, at most %d are read", ErrTooLarge, e.size, e.limit)
}

func (e *sizeError) Unwrap() error { return ErrTooLarge }

// holesError says how little of a file is there.
type holesError struct {
	size, stored int64
}

func (e *holesError) Error() string {
	return fmt.Sprintf("%v: %d bytes, of which %d are on disk and the rest is holes", ErrTooLarge, e.size, e.stored)
}

func (e *holesError) Unwrap() error { return ErrTooLarge }
