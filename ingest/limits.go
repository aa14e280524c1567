package ingest

import (
	"io"

	"emaudit/hostfs"
	"emaudit/parse/pkgindex"
)

// The size limits for opening a file of each kind, in bytes; see
// [hostfs.Root.OpenFile]. They are far above real sizes: a larger file is not of
// that kind, and reading it would take minutes. Small files that are read at once
// have their limits in other places.
const (
	// maxBinpkg is about ten times the size of the largest packages with debug
	// symbols.
	maxBinpkg = 256 << 30
	// maxIndex is the limit of the decompressed text; a compressed index is not
	// larger.
	maxIndex = pkgindex.MaxSize
	// maxOutput applies to build logs and to summary.log, compressed and
	// decompressed. Large ones have some hundred million bytes.
	maxOutput = 2 << 30
)

// bounded returns an error after a number of bytes. A small file can decompress to
// a large text, and a file can grow while it is read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, hostfs.ErrTooLarge
	}
	return n, err
}
