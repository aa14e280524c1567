package emergelog

import "emaudit/parse"

// Position is a byte offset in one of the input files. The caller numbers the
// files.
type Position struct {
	Source int
	Offset int64
}

// Run is one invocation of emerge. Times are in unix seconds, 0 if unknown.
type Run struct {
	// ID numbers the runs from 1, in the order of their first lines.
	ID int64
	// Begin is the position of the run's first line, End that of its last line.
	Begin, End Position
	// Started is the time of the first line.
	Started int64
	// Ended is the time of the last line of an ended run. It is 0 if the run has
	// not ended, or if its end was not logged.
	Ended int64
	// LastSeen is the time of the last line attributed to the run.
	LastSeen int64
	// Args are the arguments as logged: the normalised options including
	// EMERGE_DEFAULT_OPTS, the action, and the words that the user typed.
	Args    string
	Action  Action
	Outcome RunOutcome
	// ExitStatus is the logged exit status, or -1 if none was logged.
	ExitStatus int
	// Merges, Unmerges and Syncs count the run's records, including open ones.
	Merges, Unmerges, Syncs int
	// Merged counts the completed merges.
	Merged int
	// Headless marks a run whose "Started emerge on" line is not in the input.
	Headless bool
	// Resumed marks a run that continued an earlier list (--resume).
	Resumed bool
	// UnexplainedFailure marks a run that failed although every package of its list
	// was merged. A failed pkg_postinst leaves no other trace.
	UnexplainedFailure bool
	// Uncertain marks a run with lines that another run may have written, and a run
	// that is only presumed dead.
	Uncertain bool
	// ClockStepped reports that the clock was set between the run's first and last
	// line, so its duration is unknown.
	ClockStepped bool
	// LowSpace is the message that Portage reduced parallelism for lack of disk
	// space.
	LowSpace string
}

// Duration is like [Merge.Duration], from Started to Ended.
func (r *Run) Duration() (seconds int64, ok bool) {
	return span(r.Started, r.Ended, r.ClockStepped)
}

// Merge is one package of a run's merge list.
type Merge struct {
	// Run and Seq are the key of the record: the ID of the run, and the rank of the
	// merge among the merges of the run, from 1.
	Run int64
	Seq int
	// Begin is the position of the first line of the merge.
	Begin Position
	CPV   string
	// Root is the target root with a trailing slash, or "" if the log lost it.
	Root string
	// N and Of are the "(N of M)" in the merge list. --keep-going restarts the
	// count.
	N, Of   int
	Kind    MergeKind
	Outcome MergeOutcome
	// Started and Finished are the times of the lines ">>> emerge" and ":::
	// completed" in unix seconds, or 0 if the line is missing.
	Started, Finished int64
	Steps             Steps
	// Packaged reports that the build was to create a binary package.
	Packaged bool
	// RepoPath is the location of the ebuild repository, or "" for a binary
	// package.
	RepoPath string
	// Slot is the slot without sub-slot. It is known once the files are installed.
	Slot string
	// Binpkg is the path of the merged binary package, as logged. BuildID is the
	// number in its name, or 0.
	Binpkg  string
	BuildID int
	// Replaced are the cpvs that the merge removed, according to the log.
	Replaced []string
	// World reports that the package was added to the world file.
	World bool
	// Usage is the resource usage of the build, or nil if none was logged.
	Usage *parse.Usage
	// PostinstFailed reports that the files were installed but pkg_postinst failed.
	PostinstFailed bool
	// BetweenVersions marks a merge that ended after the removal of the old
	// version. The VDB may hold neither version.
	BetweenVersions bool
	// ClockStepped reports that the clock was set back or far ahead during the
	// merge, so its duration is unknown.
	ClockStepped bool
	// Uncertain marks a record with a line that may belong to another run.
	Uncertain bool
}

// Steps are the times at which a merge logged its steps, in unix seconds, or 0.
// Between Cleaning and Compiling, sources are fetched. Between Compiling and
// Merging, the package is built and waits for its turn. Then it is installed.
type Steps struct {
	Cleaning  int64 // the build directory is locked and emptied
	Fetching  int64 // the download of a binary package begins
	Compiling int64 // the build begins
	Built     int64 // the build ended, successfully or not (FEATURES=cgroup only)
	Merging   int64 // the installation begins
	Autoclean int64 // the files are installed
}

// Duration returns the seconds from Started to Finished. ok is false if either is
// unknown or the clock was set in between.
func (m *Merge) Duration() (seconds int64, ok bool) {
	return span(m.Started, m.Finished, m.ClockStepped)
}

// Unmerge is the removal of one package.
type Unmerge struct {
	// Run and Seq are the key of the record, as in Merge.
	Run     int64
	Seq     int
	Begin   Position
	CPV     string
	Reason  UnmergeReason
	Outcome UnmergeOutcome
	// Started and Finished are in unix seconds, 0 if unknown.
	Started, Finished int64
	// Merge is the Seq of the merge that replaced the package, or 0.
	Merge        int
	ClockStepped bool
	Uncertain    bool
}

// Duration is like [Merge.Duration].
func (u *Unmerge) Duration() (seconds int64, ok bool) {
	return span(u.Started, u.Finished, u.ClockStepped)
}

// Sync is the update of one repository.
type Sync struct {
	// Run and Seq are the key of the record, as in Merge.
	Run   int64
	Seq   int
	Begin Position
	// Repo is the name of the repository. Logs from before 2013 have only a URL or
	// a location, from which the name is derived.
	Repo     string
	Location string
	URL      string
	Outcome  SyncOutcome
	// Started and Finished are in unix seconds, 0 if unknown.
	Started, Finished int64
	// Retries counts the attempts after the first, each with another server.
	Retries      int
	ClockStepped bool
	Uncertain    bool
}

// Duration is like [Merge.Duration].
func (s *Sync) Duration() (seconds int64, ok bool) {
	return span(s.Started, s.Finished, s.ClockStepped)
}

func span(started, finished int64, stepped bool) (int64, bool) {
	if started == 0 || finished < started || stepped {
		return 0, false
	}
	return finished - started, true
}

// Sink receives each record once, when it is final, and each damage when it is
// found. The records of a run come before the run itself. The order depends only on
// the input.
type Sink interface {
	Merge(Merge)
	Unmerge(Unmerge)
	Sync(Sync)
	Run(Run)
	Damage(Damage)
}

// Open holds the records that are not final: the runs that have not ended, and
// their open records. They have the keys of the final records.
type Open struct {
	Runs     []Run
	Merges   []Merge
	Unmerges []Unmerge
	Syncs    []Sync
}

// BuildDuration returns the seconds that the build from source took. It is exact if
// the line of FEATURES=cgroup exists. Otherwise it includes the time that a built
// package waited for its installation. ok is false if the log does not show it.
func (m *Merge) BuildDuration() (seconds int64, ok bool) {
	if m.Steps.Built != 0 {
		return span(m.Steps.Compiling, m.Steps.Built, m.ClockStepped)
	}
	return span(m.Steps.Compiling, m.Steps.Merging, m.ClockStepped)
}
