package cleanup

// JournalStatus is the state of a journal as its user sees it.
type JournalStatus string

// The states of a journal.
const (
	// JournalApplied: the files wait in the quarantine, and an undo can bring them
	// back.
	JournalApplied JournalStatus = "applied"
	// JournalUnfinished: a process was killed in the middle. The next change of the
	// folder takes it back, or finishes a deletion.
	JournalUnfinished JournalStatus = "unfinished"
	// JournalUnreadable: the journal is damaged or of another version of emaudit. It
	// stays as it is.
	JournalUnreadable JournalStatus = "unreadable"
)

// PruneJournal describes one use of the quarantine.
type PruneJournal struct {
	ID        string        `json:"id"`
	Path      string        `json:"path"`   // of its folder, inside the root
	PkgDir    string        `json:"pkgdir"` // inside the root
	Status    JournalStatus `json:"status"`
	CreatedAt int64         `json:"created_at"` // unix seconds; 0 = unknown
	// DeletableAt is the moment from which --empty deletes the files.
	DeletableAt int64  `json:"deletable_at"`
	Files       int    `json:"files"`
	Size        int64  `json:"size"` // bytes
	Problem     string `json:"-"`    // of an unreadable one
}

// PruneSkip is a file that was left alone, although it was to go or to come back.
type PruneSkip struct {
	PkgDir string `json:"pkgdir"` // inside the root
	Path   string `json:"path"`
	Reason string `json:"reason"`
}
