package emergelog

import "slices"

// work is a run that has not ended, with its open records.
type work struct {
	Run
	request
	// hasArgs reports that the "*** emerge" line was seen.
	hasArgs bool
	// of, lastN and done describe the current merge list: its length, the highest N
	// that began, and the number of completed merges.
	of, lastN, done int
	finished        bool
	// syncing reports that "=== sync" was seen, which a run logs only once.
	syncing    bool
	restarted  bool
	terminated bool
	// anyFailed reports that a merge or a removal of the run has failed, in this
	// list or in a previous one.
	anyFailed bool
	// doubted reports that the logged end may belong to another run.
	doubted bool
	// clockSteps is the parser's number of clock steps when the run began.
	clockSteps int
	// presumedDead reports that later runs make the death of this run likely.
	// certainlyDead reports that the log has no other explanation.
	presumedDead, certainlyDead bool
	merges                      []*openMerge
	unmerges                    []*openUnmerge
	// syncs holds all syncs of the run, because a repository can have two end
	// lines.
	syncs []*openSync
}

// phase is the progress of a merge. Later phases are larger.
type phase uint8

const (
	begun phase = iota
	fetching
	compiling
	built
	merging
	autocleaned
	recorded
	cleaned
)

type openMerge struct {
	Merge
	phase phase
	// name is the length of cat/pn in CPV.
	name int
	// clockSteps is the parser's number of clock steps when the merge began.
	clockSteps int
	// held marks a completed merge that is not final until its run exits.
	held bool
}

func (m *openMerge) packageName() string { return m.CPV[:m.name] }

type openUnmerge struct {
	Unmerge
	clock int
	// held marks a removal whose reason is unknown until its run ends.
	held bool
}

type openSync struct {
	Sync
	clock int
	ended bool
}

// openMerges counts the merges of w that are not completed.
func (w *work) openMerges() int {
	n := 0
	for _, m := range w.merges {
		if !m.held {
			n++
		}
	}
	return n
}

// without returns a list without an element.
func without[T comparable](list []T, element T) []T {
	return slices.DeleteFunc(list, func(x T) bool { return x == element })
}

// listComplete reports whether every package of the current list was merged.
func (w *work) listComplete() bool {
	return w.of > 0 && w.done == w.of && w.lastN == w.of && w.openMerges() == 0
}

// mayMerge reports whether the arguments of w allow it to merge packages.
func (w *work) mayMerge() bool {
	return w.action == ActionMerge || w.action == ActionResume
}

func (w *work) exited() bool { return w.ExitStatus >= 0 }

// over reports whether w can write nothing more, except perhaps its last line.
func (w *work) over() bool { return w.exited() || w.restarted || w.terminated }
