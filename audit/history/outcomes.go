package history

import "emaudit/parse/emergelog"

// The words of answers for how runs and merges ended. Those of removals and syncs are
// OutcomeOK and the words for merges.
var (
	RunOK       = emergelog.RunOK.String()
	RunFailed   = emergelog.RunFailed.String()
	RunDeclined = emergelog.RunDeclined.String()
	RunKilled   = emergelog.RunKilled.String()

	MergeMerged      = emergelog.MergeMerged.String()
	MergeFailed      = emergelog.MergeFailed.String()
	MergeInterrupted = emergelog.MergeInterrupted.String()
	MergeBuilt       = emergelog.MergeBuilt.String()
	MergeFetched     = emergelog.MergeFetched.String()

	OutcomeOK      = emergelog.UnmergeOK.String()
	OutcomeRunning = emergelog.MergeRunning.String()
	OutcomeUnknown = emergelog.MergeUnknown.String()
)

// The words for what a merge changed.
const (
	ChangeNew       = "new"
	ChangeUpgrade   = "upgrade"
	ChangeDowngrade = "downgrade"
	ChangeRebuild   = "rebuild"
	ChangeUnknown   = "unknown"
)

// The words for what a run was started to do, what a package was merged from, and why
// one was removed, where answers depend on them.
var (
	ActionSync     = emergelog.ActionSync.String()
	KindSource     = emergelog.KindSource.String()
	KindBinary     = emergelog.KindBinary.String()
	ReasonReplaced = emergelog.UnmergeReplaced.String()
	ReasonDepclean = emergelog.UnmergeDepclean.String()
	ReasonBlocker  = emergelog.UnmergeBlocker.String()
)
