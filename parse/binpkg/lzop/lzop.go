// Package lzop reads the lzop format.
package lzop

import (
	"errors"
	"io"
)

// ErrUnsupported is a method that cannot be unpacked.
var ErrUnsupported = errors.New("unsupported method")

// Reader unpacks.
type Reader struct{ r io.Reader }

// NewReader returns a Reader.
func NewReader(r io.Reader) *Reader { return &Reader{r} }

func (r *Reader) Read(p []byte) (int, error) { return 0, ErrUnsupported }
