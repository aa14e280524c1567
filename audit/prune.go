package audit

// PruneCandidate is one file of a folder of binary packages that can go, or one
// entry of an index that stands for nothing.
type PruneCandidate struct {
	PkgDir  string  `json:"pkgdir"` // inside the root
	Path    string  `json:"path"`   // relative to it
	CPV     *string `json:"cpv"`
	BuildID *int64  `json:"build_id"`
	Size    int64   `json:"size"` // bytes
	Code    string  `json:"code"`
	Reason  string  `json:"reason"`
	// Cost is what is lost with the file; empty where nothing is.
	Cost string `json:"cost"`
	// EntryOnly is true of an index entry without a file.
	EntryOnly bool `json:"entry_only"`
	// Inode and MTimeNS are those of the file that was judged; an inode of 0
	// is not known.
	Inode   uint64 `json:"inode"`
	MTimeNS int64  `json:"mtime_ns"`
}
