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

// What a prune did.
const (
	PruneApplied = "applied"
	PruneDeleted = "deleted"
	PruneUndone  = "undone"
	PruneEmptied = "emptied"
)

// PruneDone is the result of a prune, or of an earlier one.
type PruneDone struct {
	// Action is one of the actions; empty where nothing was done but to plan.
	Action string `json:"action"`
	// Journal is the id that --undo takes; empty where there is nothing to undo.
	Journal string `json:"journal"`
	Files   int    `json:"files"`
	Size    int64  `json:"size"` // bytes
	// Entries is the number of entries that left the index.
	Entries int         `json:"entries"`
	Skipped []PruneSkip `json:"skipped"`
	// Quarantine is the folder to which the files went, inside the root, and
	// QuarantineWhy why it lies there; empty where there is nothing to undo.
	Quarantine    string `json:"quarantine"`
	QuarantineWhy string `json:"quarantine_why"`
	// DeletableAt is the moment from which --empty deletes the files.
	DeletableAt int64 `json:"-"`
}
