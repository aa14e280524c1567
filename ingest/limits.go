package ingest

import (
	"io"

	"emaudit/hostfs"
	"emaudit/parse/pkgindex"
)

// How many bytes a file of each kind may have to be opened at all; see
// [hostfs.Root.OpenFile]. They are far above what any host has: what is larger is
// no such file, and reading it would take minutes. Small files that are read whole
// have their limits where they are read.
const (
	// maxBinpkg is some ten times the largest packages with their debug symbols.
	maxBinpkg = 256 << 30
	// maxIndex is that of the text; no index is larger compressed.
	maxIndex = pkgindex.MaxSize
	// maxOutput is of a build log and of the summary of elog, of which large ones
	// have some hundred million bytes; decompressed, too.
	maxOutput = 2 << 30
)

// bounded fails behind the limit of a text: a small file can decompress to a large
// one, and any can grow while it is read.
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
