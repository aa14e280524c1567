package hostfs

import (
	"errors"
	"fmt"
)

// ErrTooLarge is wrapped by the error of a file that is larger than the limit
// with which it was read.
var ErrTooLarge = errors.New("file is too large")

// errNotComponent is the answer to a name that leads out of its folder.
var errNotComponent = errors.New("not the name of a file in a folder")

// KindError is the answer to opening something that is not a regular file.
type KindError struct {
	Kind Kind
}

// Error says what was found.
func (e *KindError) Error() string { return "is a " + e.Kind.String() + ", not a regular file" }

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
