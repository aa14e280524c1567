// Package history answers what emerge did: its runs and events, statistics,
// predictions, and the merges in progress.
//
// It reads the stored facts of emerge.log, and links each build log to the merge
// that wrote it.
package history

import (
	"cmp"
	"iter"
	"path"
	"slices"

	"emaudit/audit"
	"emaudit/store/logs"
)

// EventKind is the type of an event.
type EventKind uint8

// The kinds of events.
const (
	EventMerge EventKind = iota
	EventUnmerge
	EventSync
)

var eventNames = [...]string{"merge", "unmerge", "sync"}

// String returns the word in the JSON output.
func (k EventKind) String() string { return eventNames[k] }

// Event is one merge, removal or sync. Only the field of its kind is valid.
type Event struct {
	Kind EventKind
	Run  int64
	// At is the time at which it began, or ended if the begin is unknown, in unix
	// seconds.
	At      int64
	Merge   MergeEvent
	Unmerge UnmergeEvent
	Sync    SyncEvent

	times eventTimes
}

// JSON returns the record of the event for the JSON output of the log.
func (e *Event) JSON() any {
	switch e.Kind {
	case EventMerge:
		e.Merge.tell()
		return struct {
			Event string `json:"event"`
			Run   int64  `json:"run"`
			*MergeEvent
		}{EventMerge.String(), e.Run, &e.Merge}
	case EventUnmerge:
		return struct {
			Event string `json:"event"`
			Run   int64  `json:"run"`
			*UnmergeEvent
		}{EventUnmerge.String(), e.Run, &e.Unmerge}
	}
	return struct {
		Event string `json:"event"`
		Run   int64  `json:"run"`
		*SyncEvent
	}{EventSync.String(), e.Run, &e.Sync}
}

// LogQuery selects events.
type LogQuery struct {
	Period audit.Period
	Search Search
	// First and Last limit the answer to the oldest or newest events; 0 means no
	// limit.
	First, Last int
	// Kinds are the selected kinds; empty means all.
	Kinds []EventKind
	// Outcomes are the words of the selected outcomes; empty means all.
	Outcomes []string
	// InTable leaves out what a table of events does not show; see
	// [logs.EmergeLog.Brief].
	InTable bool
}

// EventOutcomes are the words for the outcomes of events.
var EventOutcomes = []string{MergeMerged, MergeFailed, MergeInterrupted, MergeBuilt, MergeFetched, OutcomeRunning, OutcomeOK, OutcomeUnknown}

// wants reports whether an event that matches the search is selected.
func (q *LogQuery) wants(e *Event) bool {
	if !q.Period.Contains(e.At) {
		return false
	}
	if len(q.Outcomes) == 0 {
		return true
	}
	switch e.Kind {
	case EventMerge:
		return slices.Contains(q.Outcomes, e.Merge.Outcome)
	case EventUnmerge:
		return slices.Contains(q.Outcomes, e.Unmerge.Outcome)
	}
	return slices.Contains(q.Outcomes, e.Sync.Outcome)
}

// AuditLog yields the selected events by time. An event is valid until the next
// one. The transaction of the database must stay open, and the caller must not use
// it, because a goroutine reads the log meanwhile. Memory is bounded by the number
// of overlapping runs.
func AuditLog(db audit.Database, q LogQuery) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		l := &logReader{runReader: newRunReader(db), q: q, batches: make(chan []*Event, 4), used: make(chan []*Event, 8), stop: make(chan struct{})}
		l.kinds = [...]bool{len(q.Kinds) == 0, len(q.Kinds) == 0, len(q.Kinds) == 0}
		for _, k := range q.Kinds {
			l.kinds[k] = true
		}
		read := l.forward
		if q.Last > 0 {
			read = l.backward
		}
		failed := make(chan error, 1)
		go func() {
			err := read()
			l.send()
			close(l.batches)
			failed <- err
		}()
		all := l.deliver(func(e *Event) bool { return yield(e, nil) })
		if err := <-failed; err != nil && all {
			yield(nil, err)
		}
	}
}

// deliver yields the events from the reading goroutine until it has ended. all is
// false if yield returned false.
func (l *logReader) deliver(yield func(*Event) bool) (all bool) {
	defer func() {
		// The goroutine must end before this function returns, because the
		// transaction may end then.
		if !all {
			close(l.stop)
			for range l.batches {
			}
		}
	}()
	for batch := range l.batches {
		for _, e := range batch {
			if !yield(e) {
				return false
			}
		}
		select {
		case l.used <- batch:
		default:
		}
	}
	return true
}

// eventBatch is the number of events that the reading goroutine sends to the caller
// at a time.
const eventBatch = 64

// logReader merges the events of runs by time.
type logReader struct {
	*runReader
	q     LogQuery
	kinds [3]bool
	// batch is the next batch to send. used holds batches for reuse.
	batch         []*Event
	batches, used chan []*Event
	stop          chan struct{}
	// pending holds events of runs that may overlap with later runs. spare holds
	// events for reuse.
	pending, spare []*Event
	given          int
	ended          bool
}

// give passes an event to the caller. It returns false if the caller wants no more.
func (l *logReader) give(e *Event) bool {
	l.batch = append(l.batch, e)
	return len(l.batch) < eventBatch || l.send()
}

func (l *logReader) send() bool {
	select {
	case l.batches <- l.batch:
	case <-l.stop:
		return false
	}
	l.batch = nil
	select {
	case used := <-l.used:
		l.spare = append(l.spare, used...)
		l.batch = used[:0]
	default:
	}
	return true
}

// walk calls fn for the runs that may have events of the query.
func (l *logReader) walk(order logs.Order, fn func(*logs.Run) error) error {
	if err := l.prepare(); err != nil {
		return err
	}
	runs, ok, err := l.rangeOf(l.q.Period)
	if err != nil || !ok {
		return err
	}
	// A version is searched for with its slot and repository.
	if l.q.InTable && !l.q.Search.versioned() {
		l.log = l.log.Brief()
	}
	if l.q.Search.All() {
		if err := l.db.Tx.ReadOnce(); err != nil {
			return err
		}
		return l.log.Runs(runs, order, fn)
	}
	packages, err := l.packages(l.q.Search)
	if err != nil {
		return err
	}
	numbers, err := l.numbersOf(packages, runs)
	if err != nil {
		return err
	}
	if l.log, err = l.log.Only(packages); err != nil {
		return err
	}
	if order == logs.NewestFirst {
		numbers = reversed(numbers)
	}
	return l.log.RunsNumbered(numbers, fn)
}

// forward yields events, oldest first.
func (l *logReader) forward() error {
	err := l.walk(logs.OldestFirst, func(r *logs.Run) error {
		// No event of this or a later run is older than the begin of this run,
		// unless the clock was set back. Then the order of the log is used.
		l.release(r.Started)
		if l.ended {
			return logs.ErrStop
		}
		return l.take(r)
	})
	if err == nil {
		l.release(endOfTime)
	}
	return err
}

// release yields the events before a time in unix seconds.
func (l *logReader) release(before int64) {
	if len(l.pending) == 0 || l.ended {
		return
	}
	sortEvents(l.pending)
	n := 0
	for n < len(l.pending) && l.pending[n].At < before {
		e := l.pending[n]
		n++
		if l.given++; !l.give(e) || l.given == l.q.First {
			l.ended = true
			return
		}
	}
	l.pending = append(l.pending[:0], l.pending[n:]...)
}

func sortEvents(events []*Event) {
	byTime := func(a, b *Event) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Run, b.Run)) }
	if !slices.IsSortedFunc(events, byTime) {
		slices.SortStableFunc(events, byTime)
	}
}

// event returns an event to fill.
func (l *logReader) event(kind EventKind, r *logs.Run, started, finished int64) *Event {
	var e *Event
	if n := len(l.spare); n > 0 {
		e, l.spare = l.spare[n-1], l.spare[:n-1]
	} else {
		e = new(Event)
	}
	e.Kind, e.Run, e.At = kind, r.ID, begun(started, finished, r)
	return e
}

// overlapping is the number of previous runs that may still have newer events than
// a run. It is the number of runs that the parser keeps open.
const overlapping = 32

// backward finds the newest events and yields them oldest first.
func (l *logReader) backward() error {
	older := 0
	err := l.walk(logs.NewestFirst, func(r *logs.Run) error {
		if len(l.pending) >= l.q.Last {
			if older++; older > overlapping {
				return logs.ErrStop
			}
		}
		return l.take(r)
	})
	if err != nil {
		return err
	}
	sortEvents(l.pending)
	if over := len(l.pending) - l.q.Last; over > 0 {
		l.pending = l.pending[over:]
	}
	for _, e := range l.pending {
		if !l.give(e) {
			break
		}
	}
	return nil
}

// take keeps the selected events of a run.
func (l *logReader) take(r *logs.Run) error {
	if err := l.readFacts(r); err != nil {
		return err
	}
	keep := func(e *Event) {
		if l.q.wants(e) {
			l.pending = append(l.pending, e)
		} else {
			l.spare = append(l.spare, e)
		}
	}
	all := l.q.Search.All()
	if l.kinds[EventMerge] {
		for i := range l.facts.Merges {
			m := &l.facts.Merges[i]
			if all || l.matches(l.q.Search, m.CP, m.CPV, m.Slot, path.Base(m.RepoPath)) {
				e := l.event(EventMerge, r, m.Started, m.Finished)
				l.merge(&e.Merge, m, &e.times)
				keep(e)
			}
		}
	}
	if l.kinds[EventUnmerge] {
		for i := range l.facts.Unmerges {
			u := &l.facts.Unmerges[i]
			if all || l.matches(l.q.Search, u.CP, u.CPV, "", "") {
				e := l.event(EventUnmerge, r, u.Started, u.Finished)
				e.Unmerge = unmergeEvent(u, &e.times)
				keep(e)
			}
		}
	}
	if l.kinds[EventSync] && all {
		for i := range l.facts.Syncs {
			s := &l.facts.Syncs[i]
			e := l.event(EventSync, r, s.Started, s.Finished)
			e.Sync = syncEvent(s, &e.times)
			keep(e)
		}
	}
	return nil
}

// begun returns the time at which an event began, as far as known, in unix seconds.
func begun(started, finished int64, r *logs.Run) int64 {
	switch {
	case started != 0:
		return started
	case finished != 0:
		return finished
	}
	return r.Started
}
