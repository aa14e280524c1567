package emergelog

// Position is a place in the input: a byte offset in one of the files that
// were read, numbered by the caller.
type Position struct {
	Source int
	Offset int64
}

// Run is one invocation of emerge. Times are unix seconds, 0 where unknown.
type Run struct {
	// ID numbers the runs in the order of their first lines, from 1.
	ID int64
	// Begin is the place of the run's first line, End that of its last.
	Begin, End Position
	// Started is the time of the first line.
	Started int64
	// Ended is the time of the last line of a run that has ended; 0 for one
	// that still runs, or whose end was never written.
	Ended int64
	// LastSeen is the time of the last line attributed to the run.
	LastSeen int64
	// Args are the arguments as logged: normalised options with
	// EMERGE_DEFAULT_OPTS, the action, what the user typed.
	Args    string
	Action  Action
	Outcome RunOutcome
	// ExitStatus is the logged exit status, -1 where none was logged.
	ExitStatus int
	// Merges, Unmerges and Syncs count the run's records, open ones included.
	Merges, Unmerges, Syncs int
	// Merged counts the merges that were completed.
	Merged int
	// Headless marks a run whose "Started emerge on" is not in the input.
	Headless bool
	// Resumed marks a run that took up an earlier list (--resume).
	Resumed bool
	// UnexplainedFailure marks a run that failed although every package of its
	// list was merged: a pkg_postinst that died leaves only this trace.
	UnexplainedFailure bool
	// Uncertain marks a run to which lines were attributed that another run
	// could have written, or whose death is only presumed.
	Uncertain bool
	// ClockStepped tells that the clock was set between the run's first line and
	// its last, so that no duration can be taken.
	ClockStepped bool
	// LowSpace is the message about reduced parallelism for want of space.
	LowSpace string
}

// Duration is as [Merge.Duration].
func (r *Run) Duration() (seconds int64, ok bool) {
	return span(r.Started, r.Ended, r.ClockStepped)
}

// Merge is one package of a run's merge list.
type Merge struct {
	// Run and Seq are the record's key: the run's ID and the order, from 1, in
	// which the run began its packages.
	Run int64
	Seq int
	// Begin is the place of the first line about the merge.
	Begin Position
	CPV   string
	// Root is where to, with a trailing slash; empty where the log lost it.
	Root string
	// N and Of are the "(N of M)" of the list, which --keep-going counts anew.
	N, Of   int
	Kind    MergeKind
	Outcome MergeOutcome
	// Started and Finished are the times of ">>> emerge" and "::: completed",
	// unix seconds, 0 where the log does not have the line.
	Started, Finished int64
	Steps             Steps
	// Packaged tells that the build was to leave a binpkg.
	Packaged bool
	// RepoPath is the location of the ebuild repository, empty for binaries.
	RepoPath string
	// Slot is the slot without subslot, known once the files were merged.
	Slot string
	// Binpkg is the file that was merged, as logged; BuildID is the number in
	// its name, 0 where it has none.
	Binpkg  string
	BuildID int
	// Replaced are the cpvs whose removal the merge logged.
	Replaced []string
	// World tells that the package was recorded in the world file.
	World bool
	// Usage is the resource usage of the build, nil where none was logged.
	Usage *Usage
	// PostinstFailed tells that the files were merged but pkg_postinst died.
	PostinstFailed bool
	// BetweenVersions marks a merge that was cut off after the old version was
	// removed: the installed-package database may hold neither.
	BetweenVersions bool
	// ClockStepped tells that the clock stepped back meanwhile, or so far ahead
	// that it was set, so that no duration can be taken.
	ClockStepped bool
	// Uncertain marks a record of which a line could belong to another run.
	Uncertain bool
}

// Steps are the times at which a merge logged its steps, 0 where it did not.
// From Cleaning to Compiling sources are fetched; from Compiling to Merging the
// package is built and waits for its turn; then it is installed.
type Steps struct {
	Cleaning  int64 // the build directory is locked and emptied
	Fetching  int64 // a binary package is downloaded
	Compiling int64 // the build begins
	Built     int64 // the build ended, well or not (FEATURES=cgroup only)
	Merging   int64 // the installation begins, of source or binary
	Autoclean int64 // the files are in place
}

// Duration returns the seconds from begin to completion; ok is false where one
// of them is unknown or the clock was set in between.
func (m *Merge) Duration() (seconds int64, ok bool) {
	return span(m.Started, m.Finished, m.ClockStepped)
}

// Unmerge is the removal of one package.
type Unmerge struct {
	// Run and Seq are the record's key, as those of Merge.
	Run     int64
	Seq     int
	Begin   Position
	CPV     string
	Reason  UnmergeReason
	Outcome UnmergeOutcome
	// Started and Finished are unix seconds, 0 where unknown.
	Started, Finished int64
	// Merge is the Seq of the merge that replaced the package, 0 for none.
	Merge        int
	ClockStepped bool
	Uncertain    bool
}

// Duration is as [Merge.Duration].
func (u *Unmerge) Duration() (seconds int64, ok bool) {
	return span(u.Started, u.Finished, u.ClockStepped)
}

// Sync is the update of one repository.
type Sync struct {
	// Run and Seq are the record's key, as those of Merge.
	Run   int64
	Seq   int
	Begin Position
	// Repo is the repository's name; for logs from before 2013, which have only
	// a URL or a location, the name that those imply.
	Repo     string
	Location string
	URL      string
	Outcome  SyncOutcome
	// Started and Finished are unix seconds, 0 where unknown.
	Started, Finished int64
	// Retries counts the further servers that were tried.
	Retries      int
	ClockStepped bool
	Uncertain    bool
}

// Duration is as [Merge.Duration].
func (s *Sync) Duration() (seconds int64, ok bool) {
	return span(s.Started, s.Finished, s.ClockStepped)
}

func span(started, finished int64, stepped bool) (int64, bool) {
	if started == 0 || finished < started || stepped {
		return 0, false
	}
	return finished - started, true
}

// Usage is the line that FEATURES=cgroup writes after a build. Values that the
// line does not have are -1.
type Usage struct {
	// CPUMillis is the processor time in milliseconds.
	CPUMillis int64
	// MaxMem, MaxSwap, Read and Written are bytes, rounded as the line rounds.
	MaxMem, MaxSwap, Read, Written int64
}

// Sink receives each record once, when it is final, and each damage where it
// was met. Records of a run come before the run itself; the order depends on
// the input alone.
type Sink interface {
	Merge(Merge)
	Unmerge(Unmerge)
	Sync(Sync)
	Run(Run)
	Damage(Damage)
}

// Open holds what is not final: the runs that have not ended and their open
// records, as far as the log tells. They have the keys under which the final
// ones will come.
type Open struct {
	Runs     []Run
	Merges   []Merge
	Unmerges []Unmerge
	Syncs    []Sync
}

// BuildDuration returns the seconds that the build of a source merge took. With
// the line of FEATURES=cgroup it is exact; without, it includes the wait of a
// finished package for its turn to be installed. ok is false where the log does
// not tell.
func (m *Merge) BuildDuration() (seconds int64, ok bool) {
	if m.Steps.Built != 0 {
		return span(m.Steps.Compiling, m.Steps.Built, m.ClockStepped)
	}
	return span(m.Steps.Compiling, m.Steps.Merging, m.ClockStepped)
}
