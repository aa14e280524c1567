package state

import (
	"cmp"
	"slices"

	"emaudit/parse/emergelog"
	"emaudit/store"
	"emaudit/store/logs"
)

// A log has many merges and runs, and the timeline keeps all of them. So it keeps of
// each only what answers about states use.

// Merge is a logged merge.
type Merge struct {
	CPV      string // as logged
	Slot     string // without sub-slot; "" = unknown
	Binpkg   string // path of the merged binary package, as logged
	Replaced []string
	// At is the time at which it changed what is installed, in unix seconds. It is as
	// exact as the log.
	At      int64
	BeganAt int64 // place in the whole log
	// A build from source has a BUILD_TIME between these times; see [Merge.built]. They
	// are 0 if unknown.
	from, until int64
	BuildID     int64 // in the name of Binpkg, or 0
	Kind        emergelog.MergeKind
	// installed reports that the log shows that the package was installed.
	installed                                     bool
	PostinstFailed, ClockStepped, Packaged, World bool // as in [emergelog.Merge]
}

// keepMerge returns what the timeline keeps of a merge, with one copy of each name.
func keepMerge(m *logs.Merge, names store.Strings) *Merge {
	replaced := slices.Clone(m.Replaced)
	for i := range replaced {
		replaced[i] = names.One(replaced[i])
	}
	return &Merge{
		CPV: names.One(m.CPV), Slot: names.One(m.Slot), Binpkg: m.Binpkg, Replaced: replaced, BeganAt: m.BeganAt,
		At:   cmp.Or(m.Steps.Autoclean, m.Finished, m.Steps.Merging, m.Started),
		from: cmp.Or(m.Steps.Compiling, m.Steps.Cleaning, m.Started), until: cmp.Or(m.Steps.Merging, m.Finished),
		BuildID: int64(m.BuildID), Kind: m.Kind, installed: m.Outcome == emergelog.MergeMerged || m.PostinstFailed,
		PostinstFailed: m.PostinstFailed, ClockStepped: m.ClockStepped, Packaged: m.Packaged, World: m.World,
	}
}

// built reports whether a source merge can have built a package with this BUILD_TIME:
// Portage takes the time while it compiles.
func (m *Merge) built(buildTime int64) bool {
	return m.from <= buildTime && (m.until == 0 || buildTime <= m.until)
}

// Run is a logged run.
type Run struct {
	ID                int64
	BeganAt           int64 // place in the whole log
	Started, LastSeen int64
	Args              string
	Outcome           emergelog.RunOutcome
}

func keepRun(r *logs.Run) Run {
	return Run{ID: r.ID, BeganAt: r.BeganAt, Started: r.Started, LastSeen: r.LastSeen, Args: r.Args, Outcome: r.Outcome}
}
