package mergelog

import (
	"emaudit/parse"
)

// Kind is the type of activity that a build log records.
type Kind string

// The kinds of build log. One cpv can have a log of each kind.
const (
	// KindUnknown: the log does not show its kind.
	KindUnknown Kind = "unknown"
	// KindSource: a build from source, with or without its merge.
	KindSource Kind = "source"
	// KindBinary: the merge of a binary package.
	KindBinary Kind = "binary"
	// KindUnmerge: a removal. The package in its name is the removed one.
	KindUnmerge Kind = "unmerge"
)

// Outcome is how far a merge got, as far as its log proves.
type Outcome string

// The outcomes. A build log seldom proves success; emerge.log and the VDB do.
const (
	// OutcomeUnknown: the log proves neither success nor failure.
	OutcomeUnknown Outcome = "unknown"
	// OutcomeFailed: the log reports a failure.
	OutcomeFailed Outcome = "failed"
	// OutcomeUnfinished: a source build without a failure that has not completed
	// src_install. It was killed, the log was truncated, or it is running.
	OutcomeUnfinished Outcome = "unfinished"
	// OutcomeBuilt: a source build that has completed src_install.
	OutcomeBuilt Outcome = "built"
	// OutcomeMerged: the log reports that the package was merged.
	OutcomeMerged Outcome = "merged"
)

// Phase is an ebuild phase as elog names it, or a step outside of the phases.
type Phase string

// The phases of elog (portage/const.py, EBUILD_PHASES) in Portage's order, and the
// two steps of a merge that are not phases.
const (
	PhasePretend   Phase = "pretend"
	PhaseSetup     Phase = "setup"
	PhaseUnpack    Phase = "unpack"
	PhasePrepare   Phase = "prepare"
	PhaseConfigure Phase = "configure"
	PhaseCompile   Phase = "compile"
	PhaseTest      Phase = "test"
	PhaseInstall   Phase = "install"
	PhasePackage   Phase = "package"
	PhaseInstprep  Phase = "instprep"
	PhasePreinst   Phase = "preinst"
	PhasePostinst  Phase = "postinst"
	PhasePrerm     Phase = "prerm"
	PhasePostrm    Phase = "postrm"
	PhaseNofetch   Phase = "nofetch"
	PhaseConfig    Phase = "config"
	PhaseInfo      Phase = "info"
	PhaseOther     Phase = "other"

	// PhaseFetch is the download and check of the distfiles or the binary package.
	PhaseFetch Phase = "fetch"
	// PhaseMerge is the copy of the image to the root.
	PhaseMerge Phase = "merge"
)

// PhaseStart is the place in a build log where a phase begins.
type PhaseStart struct {
	Phase Phase
	// Offset is the position of the first line of the phase in the decompressed
	// log, in bytes.
	Offset int64
}

// BuildLog is the content of one build log.
type BuildLog struct {
	Kind Kind

	// CPV, Slot (with sub-slot), Repository, USE and Features come from the header.
	// They are "" without a header.
	CPV        string
	Slot       string
	Repository string
	USE        []string
	Features   []string

	// Attempts counts the builds in the file. It is more than 1 if a kept build
	// directory was used again. All following fields describe the last attempt.
	Attempts int

	// Phases are the phases that began, without repetitions, by ascending offset.
	Phases []PhaseStart

	Outcome Outcome
	// Failure is nil unless Outcome is OutcomeFailed.
	Failure *Failure
	// TestsFailed reports that src_test failed and the merge continued
	// (FEATURES=test-fail-continue).
	TestsFailed bool

	// BuildDirBytes and InstalledBytes are the sizes of the build directory and of
	// the installed files in bytes, or -1 if the log lacks them. Portage rounds
	// them to KiB.
	BuildDirBytes  int64
	InstalledBytes int64

	Usage *parse.Usage // nil without FEATURES=cgroup

	Notices []QANotice

	// BinpkgCreated reports that a binary package was written. The log does not
	// have its path.
	BinpkgCreated bool

	// ConfigUpdates are the absolute paths of the "._cfg" files that the merge left
	// for etc-update or dispatch-conf. Only logs of emerge --verbose have them.
	ConfigUpdates []string

	// PreservedLibs are libraries of other versions that were kept because packages
	// still need them.
	PreservedLibs []string

	// Size and Lines are the size of the decompressed input in bytes and in lines.
	Size  int64
	Lines int64

	Diagnostics []parse.Diagnostic
}

// Failure describes the end of a failed merge.
type Failure struct {
	// Offset is the position of the line that reports the failure, in bytes.
	Offset int64
	// CPV is the package in that line, or "".
	CPV string
	// Phase is the phase that failed, or "" if the log does not name it.
	Phase Phase
	// Message is the die message, or another message of Portage, in one line.
	Message string
	// CallStack leads from the phase function to the call of die. It is empty if a
	// program of Portage failed by itself.
	CallStack []Frame
	// Snippet is the source code that called die.
	Snippet []string
	// WorkingDir is unchanged from the log. It may be outdated.
	WorkingDir string
	// Cause is the first line that explains the failure. Its Class is cause.Unknown
	// if none was found.
	Cause Cause
}

// Frame is one line of a call stack.
type Frame struct {
	File string
	Line int
	// Call is the call in this frame, with its arguments.
	Call string
}

// Limits on the memory that one input can make this package use. They are far above
// the size of real logs. Whatever the build system of a package runs can write to a
// log, so its content is not trusted.
const (
	// MaxLine is the number of bytes of a line that are examined. Link command
	// lines of browsers reach about 40 KiB. The rest of a longer line is skipped.
	MaxLine = 64 << 10

	// lookBack is how far above a line its context is searched, in bytes.
	lookBack = 16 << 10

	// maxText is the longest stored line, in bytes. It is enough for compiler
	// messages; command lines are shortened.
	maxText = 1 << 10

	// maxExcerptLines bounds an excerpt to about one screen.
	maxExcerptLines = 30

	// maxNotices, maxNoticeLines and maxPaths bound the lists of one build log.
	// The longest notices list one line per installed file.
	maxNotices     = 256
	maxNoticeLines = 64
	maxPaths       = 1024

	// maxFrames bounds a call stack; multilib eclasses reach 14.
	maxFrames = 64

	// maxFlags bounds USE and FEATURES; texlive-like packages reach 300.
	maxFlags = 4096

	// maxMessageLines and maxMessages bound one elog file or summary block.
	maxMessageLines = 4096
	maxMessages     = 4096

	// maxRecords bounds the merges of one captured session.
	maxRecords = 1 << 16
)
