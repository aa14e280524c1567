package mergelog

import "emaudit/parse"

// Kind says what a build log is the log of.
type Kind string

// The kinds of build log. One cpv can have a log of each kind.
const (
	// KindUnknown is a log with nothing in it that tells.
	KindUnknown Kind = "unknown"
	// KindSource is a build from source, with or without its merge.
	KindSource Kind = "source"
	// KindBinary is the merge of a binary package.
	KindBinary Kind = "binary"
	// KindUnmerge is a removal; the package of its name is the removed one.
	KindUnmerge Kind = "unmerge"
)

// Outcome says how far a log proves that the merge got.
type Outcome string

// The outcomes, by what the log itself proves. Whether a merge succeeded is in
// emerge.log or in the installed-package database, seldom here.
const (
	// OutcomeUnknown is a log that proves nothing either way.
	OutcomeUnknown Outcome = "unknown"
	// OutcomeFailed is a log that says that the merge failed.
	OutcomeFailed Outcome = "failed"
	// OutcomeUnfinished is a source build that neither failed nor reached the
	// end of src_install: it was killed, it was cut, or it still runs.
	OutcomeUnfinished Outcome = "unfinished"
	// OutcomeBuilt is a source build whose image was installed.
	OutcomeBuilt Outcome = "built"
	// OutcomeMerged is a log that says that the package was merged.
	OutcomeMerged Outcome = "merged"
)

// Phase is an ebuild phase as elog names it, or one of the steps around them.
type Phase string

// The phases of elog (portage/const.py, EBUILD_PHASES) in Portage's order, and
// the two steps of a merge that are no ebuild phase.
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

	// PhaseFetch is the download and check of the distfiles or the binpkg.
	PhaseFetch Phase = "fetch"
	// PhaseMerge is the copy of the image to the root.
	PhaseMerge Phase = "merge"
)

// PhaseStart is the point in a build log at which a phase begins.
type PhaseStart struct {
	Phase Phase
	// Offset is the position of the phase's first line in the decompressed log,
	// in bytes.
	Offset int64
}

// BuildLog is what one build log says.
type BuildLog struct {
	Kind Kind

	// CPV, Slot (with subslot), Repository, USE and Features are those of the
	// header; empty where it is absent.
	CPV        string
	Slot       string
	Repository string
	USE        []string
	Features   []string

	// Attempts counts the builds that the file holds: 1, or more where a kept
	// build directory was used again. All that follows is about the last one.
	Attempts int

	// Phases are the phases reached, each once, in the order in which they ran
	// and so by ascending offset.
	Phases []PhaseStart

	Outcome Outcome
	// Failure is nil unless Outcome is OutcomeFailed.
	Failure *Failure
	// TestsFailed says that src_test died and that the merge went on
	// (FEATURES=test-fail-continue).
	TestsFailed bool

	// BuildDirBytes and InstalledBytes are the sizes of the build directory and
	// of the installed tree, -1 where the log has none. Portage rounds them to
	// KiB.
	BuildDirBytes  int64
	InstalledBytes int64

	// Resources is nil without FEATURES=cgroup.
	Resources *Resources

	Notices []QANotice

	// BinpkgCreated says that a binary package was written. Its path is not in
	// the log.
	BinpkgCreated bool

	// ConfigUpdates are the "._cfg" files that the merge left for etc-update or
	// dispatch-conf, with absolute paths. Only logs of emerge --verbose have
	// them.
	ConfigUpdates []string

	// PreservedLibs are the libraries of other versions that were kept because
	// they are still needed.
	PreservedLibs []string

	// Size and Lines count the decompressed input, in bytes and lines.
	Size  int64
	Lines int64

	Diagnostics []parse.Diagnostic
}

// Failure is the end of a merge that failed.
type Failure struct {
	// Offset is the position of the line that says so, in bytes.
	Offset int64
	// CPV and Repository are those named by the line, empty where it has none.
	CPV        string
	Repository string
	// Phase is the phase that failed; empty where the log does not say.
	Phase Phase
	// Message is the die message or what Portage said instead, in one line.
	Message string
	// CallStack leads from the phase function to the call of die; empty where a
	// program of Portage died by itself.
	CallStack []Frame
	// Snippet is the source that called die.
	Snippet []string
	// WorkingDir and LogPath are as written in the log, which may be elsewhere
	// by now.
	WorkingDir string
	LogPath    string
	// Cause is the first real cause; its Class is CauseUnknown where none was
	// found.
	Cause Cause
}

// Frame is one line of a call stack.
type Frame struct {
	File string
	Line int
	// Call is what the frame called, with its arguments.
	Call string
}

// Resources is what the cgroup of a build counted. A value that the kernel did
// not report is -1.
type Resources struct {
	CPUMillis  int64 // CPU time, in milliseconds
	MemoryPeak int64 // bytes
	SwapPeak   int64 // bytes
	ReadBytes  int64
	WriteBytes int64
}
