package emergelog

// Action is what a run was started to do.
type Action uint8

// The values of Action.
const (
	ActionMerge   Action = iota // install or update packages
	ActionUnmerge               // --unmerge, --prune, --clean or --rage-clean
	ActionDepclean
	ActionSync
	ActionResume // --resume of an earlier list
	ActionOther  // any other action: --config, --regen, --deselect ...
)

var actionNames = [...]string{"merge", "unmerge", "depclean", "sync", "resume", "other"}

// String returns the word for reports and the database.
func (x Action) String() string { return word(actionNames[:], uint8(x)) }

// RunOutcome says how a run ended.
type RunOutcome uint8

// The values of RunOutcome.
const (
	RunUnknown RunOutcome = iota // the log does not show how
	RunOK
	RunFailed
	RunDeclined    // the answer to --ask was no
	RunInterrupted // ended by a signal or by Ctrl-C at a question
	RunKilled      // without a last line; later runs show that it is dead
	RunRunning
)

var runOutcomeNames = [...]string{"unknown", "ok", "failed", "declined", "interrupted", "killed", "running"}

// String returns the word for reports and the database.
func (x RunOutcome) String() string { return word(runOutcomeNames[:], uint8(x)) }

// MergeKind says whether a package was built from source or installed from a binary
// package.
type MergeKind uint8

// The values of MergeKind.
const (
	KindUnknown MergeKind = iota // the log does not show which
	KindSource
	KindBinary
)

var mergeKindNames = [...]string{"unknown", "source", "binary"}

// String returns the word for reports and the database.
func (x MergeKind) String() string { return word(mergeKindNames[:], uint8(x)) }

// MergeOutcome says how the merge of a package ended.
type MergeOutcome uint8

// The values of MergeOutcome.
const (
	MergeUnknown MergeOutcome = iota
	MergeMerged
	MergeFailed
	MergeInterrupted // its run was interrupted or killed
	MergeBuilt       // only built and packaged, because of --buildpkgonly
	MergeFetched     // only fetched, because of --fetchonly
	MergeRunning
)

var mergeOutcomeNames = [...]string{"unknown", "merged", "failed", "interrupted", "built", "fetched", "running"}

// String returns the word for reports and the database.
func (x MergeOutcome) String() string { return word(mergeOutcomeNames[:], uint8(x)) }

// UnmergeReason says why a package was removed.
type UnmergeReason uint8

// The values of UnmergeReason.
const (
	UnmergeReplaced UnmergeReason = iota // by a merge into the same slot
	UnmergeExplicit                      // by request
	UnmergeDepclean
	UnmergeBlocker // it blocked a package of the merge list
)

var unmergeReasonNames = [...]string{"replaced", "explicit", "depclean", "blocker"}

// String returns the word for reports and the database.
func (x UnmergeReason) String() string { return word(unmergeReasonNames[:], uint8(x)) }

// UnmergeOutcome says how a removal ended.
type UnmergeOutcome uint8

// The values of UnmergeOutcome.
const (
	UnmergeOK UnmergeOutcome = iota
	UnmergeFailed
	UnmergeInterrupted
	UnmergeRunning // only in Open
)

var unmergeOutcomeNames = [...]string{"ok", "failed", "interrupted", "running"}

// String returns the word for reports and the database.
func (x UnmergeOutcome) String() string { return word(unmergeOutcomeNames[:], uint8(x)) }

// SyncOutcome says how a sync ended.
type SyncOutcome uint8

// The values of SyncOutcome.
const (
	SyncUnknown SyncOutcome = iota
	SyncOK
	SyncFailed
	SyncRunning // only in Open
)

var syncOutcomeNames = [...]string{"unknown", "ok", "failed", "running"}

// String returns the word for reports and the database.
func (x SyncOutcome) String() string { return word(syncOutcomeNames[:], uint8(x)) }

// word returns the word for a value, or "unknown" for an undefined value.
func word(words []string, value uint8) string {
	if int(value) >= len(words) {
		return "unknown"
	}
	return words[value]
}
