package ingest

import "emaudit/parse/pkgindex"

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
	// have some hundred million bytes.
	maxOutput = 8 << 30
)
