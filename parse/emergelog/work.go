package emergelog

// work is a run that has not ended, with what is open in it.
type work struct {
	Run
	request
	// argued tells that the "*** emerge" line was seen.
	argued bool
	// of, lastN and done describe the current merge list: its length, the
	// highest N begun, and how many were completed.
	of, lastN, done int
	finished        bool
	// syncing tells that "=== sync" was seen, which comes once in a run.
	syncing    bool
	restarted  bool
	terminated bool
	// lost tells that a package of the run could not be merged, in this list or
	// before, or not be removed.
	lost bool
	// doubted tells that the end that was logged may be that of another run.
	doubted bool
	// clock is the parser's count of clock steps when the run began.
	clock int
	// silent tells that later runs make it likely that the run is dead;
	// surely, that nothing else explains what the log shows.
	silent, surely bool
	merges         []*openMerge
	unmerges       []*openUnmerge
	// syncs holds all syncs of the run: a repository's end can be logged twice.
	syncs []*openSync
}

// phase orders the steps of a merge.
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
	// name is the length of cat/pn within CPV.
	name int
	// clock is the parser's count of clock steps when the merge began.
	clock int
	// held marks a completed merge that waits for the exit status of its run.
	held bool
}

func (m *openMerge) packageName() string { return m.CPV[:m.name] }

type openUnmerge struct {
	Unmerge
	clock int
	// held marks a removal whose reason is known when its run ends.
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

// listComplete tells that every package of the current list was merged.
func (w *work) listComplete() bool {
	return w.of > 0 && w.done == w.of && w.lastN == w.of && w.openMerges() == 0
}

// mayMerge tells that packages can be merged by w, as far as its arguments say.
func (w *work) mayMerge() bool {
	return w.action == ActionMerge || w.action == ActionResume
}

func (w *work) exited() bool { return w.ExitStatus >= 0 }

// over tells that w wrote all it would write but, perhaps, its last line.
func (w *work) over() bool { return w.exited() || w.restarted || w.terminated }
