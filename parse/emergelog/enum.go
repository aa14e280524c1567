package emergelog

import "fmt"

// Action says what a run was asked to do.
type Action uint8

// The values of Action.
const (
	ActionMerge   Action = iota // install or update packages
	ActionUnmerge               // --unmerge, --prune, --clean or --rage-clean
	ActionDepclean
	ActionSync
	ActionResume // --resume of an earlier list
	ActionOther  // anything else: --config, --regen, --deselect ...
)

var actionNames = [...]string{"merge", "unmerge", "depclean", "sync", "resume", "other"}

// String returns the word that reports and the database use.
func (x Action) String() string { return word(actionNames[:], uint8(x)) }

// RunOutcome says how a run ended.
type RunOutcome uint8

// The values of RunOutcome.
const (
	RunUnknown RunOutcome = iota // the log does not tell
	RunSuccess
	RunFailure
	RunDeclined    // the answer to --ask was no
	RunInterrupted // ended by a signal or by Ctrl-C at a question
	RunKilled      // no end was written, and later runs show that it is gone
	RunRunning
)

var runOutcomeNames = [...]string{"unknown", "success", "failure", "declined", "interrupted", "killed", "running"}

// String returns the word that reports and the database use.
func (x RunOutcome) String() string { return word(runOutcomeNames[:], uint8(x)) }

// MergeKind says whether a package was built or unpacked.
type MergeKind uint8

// The values of MergeKind.
const (
	KindUnknown MergeKind = iota // nothing in the log tells
	KindSource
	KindBinary
)

var mergeKindNames = [...]string{"unknown", "source", "binary"}

// String returns the word that reports and the database use.
func (x MergeKind) String() string { return word(mergeKindNames[:], uint8(x)) }

// MergeOutcome says what became of a package.
type MergeOutcome uint8

// The values of MergeOutcome.
const (
	MergeUnknown MergeOutcome = iota
	MergeMerged
	MergeFailed
	MergeInterrupted // its run was interrupted or killed
	MergeBuilt       // packaged only, as --buildpkgonly asks
	MergeFetched     // fetched only, as --fetchonly asks
	MergeRunning
)

var mergeOutcomeNames = [...]string{"unknown", "merged", "failed", "interrupted", "built", "fetched", "running"}

// String returns the word that reports and the database use.
func (x MergeOutcome) String() string { return word(mergeOutcomeNames[:], uint8(x)) }

// UnmergeReason says why a package was removed.
type UnmergeReason uint8

// The values of UnmergeReason.
const (
	UnmergeReplaced UnmergeReason = iota // by a merge into the same slot
	UnmergeExplicit                      // asked for by name
	UnmergeDepclean
	UnmergeBlocker // it blocked a package of the merge list
)

var unmergeReasonNames = [...]string{"replaced", "explicit", "depclean", "blocker"}

// String returns the word that reports and the database use.
func (x UnmergeReason) String() string { return word(unmergeReasonNames[:], uint8(x)) }

// UnmergeOutcome says how a removal ended.
type UnmergeOutcome uint8

// The values of UnmergeOutcome.
const (
	UnmergeOK UnmergeOutcome = iota
	UnmergeFailed
	UnmergeInterrupted
	UnmergeRunning // open records only
)

var unmergeOutcomeNames = [...]string{"ok", "failed", "interrupted", "running"}

// String returns the word that reports and the database use.
func (x UnmergeOutcome) String() string { return word(unmergeOutcomeNames[:], uint8(x)) }

// SyncOutcome says how a sync ended.
type SyncOutcome uint8

// The values of SyncOutcome.
const (
	SyncUnknown SyncOutcome = iota
	SyncOK
	SyncFailed
	SyncRunning // open records only
)

var syncOutcomeNames = [...]string{"unknown", "ok", "failed", "running"}

// String returns the word that reports and the database use.
func (x SyncOutcome) String() string { return word(syncOutcomeNames[:], uint8(x)) }

// word returns the word of a value; one that no version of the enumeration has
// is unknown.
func word(words []string, value uint8) string {
	if int(value) >= len(words) {
		return "unknown"
	}
	return words[value]
}

// value finds the value of a word.
func value[T ~uint8](words []string, word []byte, x *T) error {
	for i, w := range words {
		if w == string(word) {
			*x = T(i)
			return nil
		}
	}
	return fmt.Errorf("no such word: %q", word)
}

// UnmarshalText reads the word of String.
func (x *Action) UnmarshalText(word []byte) error { return value(actionNames[:], word, x) }

// UnmarshalText reads the word of String.
func (x *RunOutcome) UnmarshalText(word []byte) error { return value(runOutcomeNames[:], word, x) }

// UnmarshalText reads the word of String.
func (x *MergeKind) UnmarshalText(word []byte) error { return value(mergeKindNames[:], word, x) }

// UnmarshalText reads the word of String.
func (x *MergeOutcome) UnmarshalText(word []byte) error { return value(mergeOutcomeNames[:], word, x) }

// UnmarshalText reads the word of String.
func (x *UnmergeReason) UnmarshalText(word []byte) error {
	return value(unmergeReasonNames[:], word, x)
}

// UnmarshalText reads the word of String.
func (x *UnmergeOutcome) UnmarshalText(word []byte) error {
	return value(unmergeOutcomeNames[:], word, x)
}

// UnmarshalText reads the word of String.
func (x *SyncOutcome) UnmarshalText(word []byte) error { return value(syncOutcomeNames[:], word, x) }
