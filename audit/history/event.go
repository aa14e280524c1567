package history

import (
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/parse/atom"
	"emaudit/parse/emergelog"
	"emaudit/store/logs"
)

// Run is one invocation of emerge with all its events.
type Run struct {
	ID        int64  `json:"id"`
	StartedAt int64  `json:"started_at"`
	EndedAt   *int64 `json:"ended_at"`
	Seconds   *int64 `json:"seconds"`
	// Args are the arguments as logged, including EMERGE_DEFAULT_OPTS.
	Args       string         `json:"args"`
	Action     string         `json:"action"`
	Outcome    string         `json:"outcome"`
	ExitStatus *int           `json:"exit_status"`
	Counts     RunCounts      `json:"counts"`
	Merges     []MergeEvent   `json:"merges"`
	Unmerges   []UnmergeEvent `json:"unmerges"`
	Syncs      []SyncEvent    `json:"syncs"`
	// Resumed reports that the run continued an earlier list.
	Resumed bool `json:"resumed"`
	// Complete is false if the line "Started emerge on" of the run is not in the
	// log.
	Complete bool `json:"complete"`
	// Uncertain marks a run with lines that may belong to a concurrent run, and a
	// run that is only presumed dead.
	Uncertain bool `json:"uncertain"`
	// UnexplainedFailure marks a run that failed although all its packages were
	// merged. A failed pkg_postinst leaves no other trace.
	UnexplainedFailure bool `json:"unexplained_failure"`
	// LowSpace is the message that Portage reduced parallelism for lack of disk
	// space.
	LowSpace string `json:"low_space"`
	// Source and Offset are the position of the run in the log.
	Source string `json:"source"`
	Offset int64  `json:"offset"`
}

// RunCounts counts the events of a run.
type RunCounts struct {
	New         int `json:"new"`
	Upgraded    int `json:"upgraded"`
	Downgraded  int `json:"downgraded"`
	Rebuilt     int `json:"rebuilt"`
	Merged      int `json:"merged"` // merges for which the replaced version is unknown
	Built       int `json:"built"`
	Fetched     int `json:"fetched"`
	Removed     int `json:"removed"` // by request, not by a merge
	NotRemoved  int `json:"not_removed"`
	Failed      int `json:"failed"`
	Interrupted int `json:"interrupted"`
	Running     int `json:"running"`
	Synced      int `json:"synced"`
	NotSynced   int `json:"not_synced"`
}

// MergeEvent is one package of a merge list.
type MergeEvent struct {
	CPV       string   `json:"cpv"`
	Root      string   `json:"root"`
	Kind      string   `json:"kind"`
	N         int      `json:"n"`
	Of        int      `json:"of"`
	StartedAt *int64   `json:"started_at"`
	EndedAt   *int64   `json:"ended_at"`
	Outcome   string   `json:"outcome"`
	Replaced  []string `json:"replaced"`
	Binpkg    *string  `json:"binpkg"`
	// Seconds is the time from begin to completion. It is nil if either is unknown
	// or the clock was set in between. BuildSeconds is the part that the build
	// took, without the wait for the installation if that is known.
	Seconds      *int64 `json:"seconds"`
	BuildSeconds *int64 `json:"build_seconds"`
	// Change is new, upgrade, downgrade, rebuild or unknown.
	Change          string      `json:"change"`
	Slot            string      `json:"slot"`
	RepoPath        string      `json:"repo_path"`
	BuildID         *int        `json:"build_id"`
	Packaged        bool        `json:"packaged"`
	World           bool        `json:"world"`
	PostinstFailed  bool        `json:"postinst_failed"`
	BetweenVersions bool        `json:"between_versions"`
	Uncertain       bool        `json:"uncertain"`
	Usage           *BuildUsage `json:"usage"`
	compilingAt     int64
	mergingAt       int64
}

// BuildUsage holds the measurements of FEATURES=cgroup for a build. A value is nil
// if it was not measured.
type BuildUsage struct {
	CPUSeconds *float64 `json:"cpu_seconds"`
	MaxMemory  *int64   `json:"max_memory"`
	MaxSwap    *int64   `json:"max_swap"`
	Read       *int64   `json:"read"`
	Written    *int64   `json:"written"`
}

// UnmergeEvent is the removal of one package.
type UnmergeEvent struct {
	CPV       string `json:"cpv"`
	StartedAt *int64 `json:"started_at"`
	EndedAt   *int64 `json:"ended_at"`
	Reason    string `json:"reason"`
	Outcome   string `json:"outcome"`
	Seconds   *int64 `json:"seconds"`
	Uncertain bool   `json:"uncertain"`
}

// SyncEvent is the update of one repository.
type SyncEvent struct {
	Repo      string `json:"repo"`
	StartedAt *int64 `json:"started_at"`
	EndedAt   *int64 `json:"ended_at"`
	Outcome   string `json:"outcome"`
	Seconds   *int64 `json:"seconds"`
	Location  string `json:"location"`
	URL       string `json:"url"`
	Retries   int    `json:"retries"`
	Uncertain bool   `json:"uncertain"`
}

// run turns a stored run into an answer, which is valid until the next call.
func (r *runReader) run(stored *logs.Run) (*Run, error) {
	if err := r.readFacts(stored); err != nil {
		return nil, err
	}
	out := &r.out
	*out = Run{
		ID: stored.ID, StartedAt: stored.Started, EndedAt: at(stored.Ended), Args: stored.Args,
		Action: stored.Action.String(), Outcome: stored.Outcome.String(),
		Resumed: stored.Resumed, Complete: !stored.Headless, Uncertain: stored.Uncertain,
		UnexplainedFailure: stored.UnexplainedFailure, LowSpace: stored.LowSpace,
		Merges: out.Merges[:0], Unmerges: out.Unmerges[:0], Syncs: out.Syncs[:0],
	}
	if stored.ExitStatus >= 0 {
		out.ExitStatus = &stored.ExitStatus
	}
	if seconds, ok := stored.Duration(); ok {
		out.Seconds = &seconds
	}
	out.Source, out.Offset = logs.Place(r.segments, stored.BeganAt)
	slices.SortFunc(r.facts.Merges, func(a, b logs.Merge) int { return a.Seq - b.Seq })
	slices.SortFunc(r.facts.Unmerges, func(a, b logs.Unmerge) int { return a.Seq - b.Seq })
	for i := range r.facts.Merges {
		out.Merges = append(out.Merges, MergeEvent{})
		e := &out.Merges[len(out.Merges)-1]
		r.merge(e, &r.facts.Merges[i], new(eventTimes))
		e.tell()
		out.Counts.merge(e)
	}
	for i := range r.facts.Unmerges {
		out.Unmerges = append(out.Unmerges, unmergeEvent(&r.facts.Unmerges[i], new(eventTimes)))
		u := &out.Unmerges[len(out.Unmerges)-1]
		switch {
		case u.Reason == emergelog.UnmergeReplaced.String():
		case u.Outcome == emergelog.UnmergeOK.String():
			out.Counts.Removed++
		case u.Outcome == emergelog.UnmergeFailed.String():
			out.Counts.NotRemoved++
		}
	}
	for i := range r.facts.Syncs {
		out.Syncs = append(out.Syncs, syncEvent(&r.facts.Syncs[i], new(eventTimes)))
		switch r.facts.Syncs[i].Outcome {
		case emergelog.SyncOK:
			out.Counts.Synced++
		case emergelog.SyncFailed:
			out.Counts.NotSynced++
		}
	}
	return out, nil
}

// at returns nil for 0, an unknown time.
func at(unix int64) *int64 {
	if unix == 0 {
		return nil
	}
	return &unix
}

// eventTimes holds all times of one event in one allocation, or in the event itself,
// because a log has hundreds of thousands of events.
type eventTimes struct{ started, finished, seconds, buildSeconds int64 }

func (t *eventTimes) startedAt() *int64 { return where(&t.started, t.started != 0) }

func (t *eventTimes) finishedAt() *int64 { return where(&t.finished, t.finished != 0) }

// took returns the duration of the event, or nil if unknown.
func (t *eventTimes) took(n int64, ok bool) *int64 {
	t.seconds = n
	return where(&t.seconds, ok)
}

// built returns the duration of the build, or nil if unknown.
func (t *eventTimes) built(n int64, ok bool) *int64 {
	t.buildSeconds = n
	return where(&t.buildSeconds, ok)
}

func where(n *int64, ok bool) *int64 {
	if !ok {
		return nil
	}
	return n
}

// merge fills e from a stored merge. Its times are kept in t.
func (r *runReader) merge(e *MergeEvent, m *logs.Merge, t *eventTimes) {
	t.started, t.finished = m.Started, m.Finished
	*e = MergeEvent{
		CPV: m.CPV, Root: m.Root, Kind: m.Kind.String(), N: m.N, Of: m.Of, StartedAt: t.startedAt(), EndedAt: t.finishedAt(),
		Outcome: m.Outcome.String(), Replaced: m.Replaced, Seconds: t.took(m.Duration()), BuildSeconds: t.built(m.BuildDuration()),
		Change: unreplaced(m), Slot: m.Slot, RepoPath: m.RepoPath, Packaged: m.Packaged, World: m.World,
		PostinstFailed: m.PostinstFailed, BetweenVersions: m.BetweenVersions, Uncertain: m.Uncertain,
		compilingAt: m.Steps.Compiling, mergingAt: m.Steps.Merging,
	}
	if m.Binpkg != "" {
		file := relativeTo(r.pkgDir, m.Binpkg)
		e.Binpkg = &file
		if id := m.BuildID; id > 0 {
			e.BuildID = &id // the merge's memory is used again
		}
	}
	if u := m.Usage; u != nil {
		e.Usage = &BuildUsage{MaxMemory: measured(u.MaxMem), MaxSwap: measured(u.MaxSwap), Read: measured(u.Read), Written: measured(u.Written)}
		if u.CPUMillis >= 0 {
			cpu := float64(u.CPUMillis) / 1000
			e.Usage.CPUSeconds = &cpu
		}
	}
}

func measured(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// relativeTo returns a path relative to a folder that holds it, else as it is.
func relativeTo(dir, file string) string {
	if rest, ok := strings.CutPrefix(file, strings.TrimRight(dir, "/")+"/"); ok && dir != "" {
		return rest
	}
	return file
}

// unreplaced is the change of a merge that replaced nothing, empty for one that
// did; see told.
func unreplaced(m *logs.Merge) string {
	switch {
	case m.Outcome != emergelog.MergeMerged:
		return ChangeUnknown
	case len(m.Replaced) > 0:
		return ""
	case m.Steps.Autoclean == 0 || m.Finished >= unloggedFrom && m.Finished < unloggedUntil:
		// Portage logs replaced versions, except from 2008-03 to 2009-03.
		return ChangeUnknown
	}
	return ChangeNew
}

// tell determines the change of a merge that replaced a version. It is separate
// because it is slow and not always needed.
func (e *MergeEvent) tell() {
	if e.Change == "" {
		e.Change = changeFrom(e.CPV, e.Replaced)
	}
}

// changeFrom compares a merged version with the newest version that it replaced.
func changeFrom(cpv string, replaced []string) string {
	now, err := atom.ParseCPV(cpv)
	if err != nil {
		return ChangeUnknown
	}
	best := -2
	for _, old := range replaced {
		c := 0
		if old != cpv {
			before, err := atom.ParseCPV(old)
			if err != nil || before.PN != now.PN || before.Category != now.Category {
				return ChangeUnknown
			}
			c = atom.Compare(now, before)
		}
		// If there are several, the newest decides.
		if best == -2 || c < best {
			best = c
		}
	}
	switch {
	case best > 0:
		return ChangeUpgrade
	case best < 0:
		return ChangeDowngrade
	}
	return ChangeRebuild
}

// The time during which Portage did not log the replaced version of a merge: from
// 42a51c2c7 to de8d6857a.
const (
	unloggedFrom  = 1205020800 // 2008-03-09
	unloggedUntil = 1237248000 // 2009-03-17
)

func (c *RunCounts) merge(e *MergeEvent) {
	switch e.Outcome {
	case MergeMerged:
		switch e.Change {
		case ChangeNew:
			c.New++
		case ChangeUpgrade:
			c.Upgraded++
		case ChangeDowngrade:
			c.Downgraded++
		case ChangeRebuild:
			c.Rebuilt++
		default:
			c.Merged++
		}
	case MergeBuilt:
		c.Built++
	case MergeFetched:
		c.Fetched++
	case MergeFailed:
		c.Failed++
	case MergeInterrupted:
		c.Interrupted++
	case OutcomeRunning:
		c.Running++
	}
}

func unmergeEvent(u *logs.Unmerge, t *eventTimes) UnmergeEvent {
	t.started, t.finished = u.Started, u.Finished
	return UnmergeEvent{
		CPV: u.CPV, StartedAt: t.startedAt(), EndedAt: t.finishedAt(), Reason: u.Reason.String(),
		Outcome: unmergeOutcome(u.Outcome), Seconds: t.took(u.Duration()), Uncertain: u.Uncertain,
	}
}

// unmergeOutcome returns the word for an answer. A removal in progress has no
// outcome.
func unmergeOutcome(o emergelog.UnmergeOutcome) string {
	if o == emergelog.UnmergeRunning {
		o = emergelog.UnmergeInterrupted
	}
	return o.String()
}

func syncEvent(s *logs.Sync, t *eventTimes) SyncEvent {
	outcome := s.Outcome
	if outcome == emergelog.SyncRunning {
		outcome = emergelog.SyncUnknown
	}
	t.started, t.finished = s.Started, s.Finished
	return SyncEvent{
		Repo: s.Repo, StartedAt: t.startedAt(), EndedAt: t.finishedAt(), Outcome: outcome.String(), Seconds: t.took(s.Duration()),
		Location: s.Location, URL: s.URL, Retries: s.Retries, Uncertain: s.Uncertain,
	}
}

// namePackaged sets the binary packages that the builds of a run created: those of
// the same version whose BUILD_TIME is within the build.
func namePackaged(db audit.Database, run *Run) error {
	for i := range run.Merges {
		m := &run.Merges[i]
		if !m.Packaged || m.compilingAt == 0 {
			continue
		}
		until := m.mergingAt
		if until == 0 && run.EndedAt != nil {
			until = *run.EndedAt
		}
		all, err := binpkgs.LoadBinpkgs(db, audit.PackageOf(m.CPV))
		if err != nil {
			return err
		}
		for _, b := range all {
			if b.CPV == m.CPV && b.BuildTime >= m.compilingAt && b.BuildTime <= until {
				file, id := b.Path, int(b.BuildID)
				m.Binpkg = &file
				if id > 0 {
					m.BuildID = &id
				}
			}
		}
	}
	return nil
}
