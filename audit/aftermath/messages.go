package aftermath

import (
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/parse/mergelog"
	"emaudit/store/logs"
)

// MessageFilter selects elog messages.
type MessageFilter struct {
	Classes []string // lower case: error, warn, log, qa, info; if empty, all except info
	Since   int64    // unix seconds
	Until   int64    // unix seconds; 0 means no limit
	Unread  bool     // only messages not marked read
	CP      string   // category/pn
	// Wanted tells which packages (cpv) are meant; nil means all.
	Wanted func(cpv string) bool
	// Newest is how many messages are listed at most; 0 means all of them.
	Newest int
}

// The classes of messages: those of elog, in lower case.
const (
	ClassError = "error"
	ClassWarn  = "warn"
	ClassQA    = "qa"
	ClassLog   = "log"
	ClassInfo  = "info"
)

// MessageClasses are the classes of elog, the most urgent first.
var MessageClasses = []string{ClassError, ClassWarn, ClassQA, ClassLog, ClassInfo}

// usualClasses are the classes of the default filter: Portage's own default
// (PORTAGE_ELOG_CLASSES) with QA. Messages of class INFO repeat the build log.
var usualClasses = []string{ClassError, ClassWarn, ClassQA, ClassLog}

// query returns the filter as a query of the store.
func (f MessageFilter) query() logs.ElogQuery {
	q := logs.ElogQuery{CP: f.CP, Since: f.Since, Until: f.Until, Unread: f.Unread}
	classes := f.Classes
	if len(classes) == 0 {
		classes = usualClasses
		q.Classes = append(q.Classes, mergelog.ClassNone)
	}
	for _, c := range classes {
		q.Classes = append(q.Classes, mergelog.Class(strings.ToUpper(c)))
	}
	return q
}

// Message is what elog saved for a package in one class and phase.
type Message struct {
	ID     int64    `json:"id"`
	CPV    string   `json:"cpv"`
	At     int64    `json:"saved_at"` // unix seconds when it was saved
	Class  string   `json:"class"`
	Phase  string   `json:"phase"`
	Lines  []string `json:"lines"`
	Unread bool     `json:"unread"`
	// Run is the run that saved it. It is null if no run, or several, were at work.
	Run *int64 `json:"run"`
	// Doubtful reports that two processes wrote the summary at once, so the message
	// may belong to another package.
	Doubtful bool   `json:"doubtful"`
	Source   string `json:"source"`
	Offset   int64  `json:"offset"`
}

// Messages is elog as a mailbox.
type Messages struct {
	Rows []Message `json:"messages"` // unread first, then the newest first
	// Unread counts the unread messages that the filter selects, without regard to
	// its field Unread.
	Unread int `json:"unread"`
	Read   int `json:"read"`

	Source OutputSource `json:"-"`
}

// IDs returns the ids of the messages.
func (m *Messages) IDs() []int64 {
	ids := make([]int64, len(m.Rows))
	for i := range m.Rows {
		ids[i] = m.Rows[i].ID
	}
	return ids
}

// AuditMessages reads the mailbox.
func AuditMessages(db audit.Database, filter MessageFilter) (*Messages, error) {
	q := filter.query()
	q.Unread = false
	stored, err := logs.ElogMessages(db.Tx, db.Host, q)
	if err != nil {
		return nil, err
	}
	runs, err := runSpans(db, filter.Since)
	if err != nil {
		return nil, err
	}
	answer := &Messages{}
	for i := range stored {
		m := &stored[i]
		if filter.Wanted != nil && !filter.Wanted(m.CPV) {
			continue
		}
		if m.ReadAt == 0 {
			answer.Unread++
		} else {
			answer.Read++
			if filter.Unread {
				continue
			}
		}
		answer.Rows = append(answer.Rows, messageOf(m, runs))
	}
	slices.SortStableFunc(answer.Rows, func(a, b Message) int {
		switch {
		case a.Unread != b.Unread && a.Unread:
			return -1
		case a.Unread != b.Unread:
			return 1
		}
		return history.CompareTimes(b.At, a.At, 0, 0)
	})
	if filter.Newest > 0 {
		answer.Rows = answer.Rows[:min(filter.Newest, len(answer.Rows))]
	}
	answer.Source, err = auditOutputSource(db)
	return answer, err
}

func messageOf(m *logs.ElogMessage, runs []runSpan) Message {
	row := Message{
		ID: m.ID, CPV: m.CPV, At: m.SavedAt, Class: strings.ToLower(string(m.Class)), Phase: string(m.Phase), Lines: m.Lines,
		Unread: m.ReadAt == 0, Doubtful: m.Interleaved, Source: m.Path, Offset: m.Offset,
	}
	if run, ok := runAt(runs, m.SavedAt); ok {
		row.Run = &run
	}
	return row
}

// runSpan is the time during which a run was at work.
type runSpan struct{ id, from, to int64 }

// runSpans returns the runs since a time, in the order in which they began.
func runSpans(db audit.Database, since int64) ([]runSpan, error) {
	runs, ok, err := runsSince(db, since)
	if err != nil || !ok {
		return nil, err
	}
	var spans []runSpan
	err = logs.ReadEmergeLog(db.Tx, db.Host).Runs(runs, logs.OldestFirst, func(r *logs.Run) error {
		spans = append(spans, runSpan{id: r.ID, from: r.Started, to: max(r.Ended, r.LastSeen)})
		return nil
	})
	slices.SortStableFunc(spans, func(a, b runSpan) int { return history.CompareTimes(a.from, b.from, a.id, b.id) })
	return spans, err
}

// runAt returns the only run that was at work at a time.
func runAt(spans []runSpan, at int64) (id int64, ok bool) {
	end, _ := slices.BinarySearchFunc(spans, at+history.LinkSlack+1, func(s runSpan, t int64) int { return history.CompareTimes(s.from, t, 0, 0) })
	for i := end - 1; i >= 0 && i >= end-maxOverlap; i-- {
		if spans[i].to+history.LinkSlack < at {
			continue
		}
		if ok {
			return 0, false
		}
		id, ok = spans[i].id, true
	}
	return id, ok
}

// maxOverlap is how many runs back runAt looks for one that is still at work.
// Parallel emerges are few.
const maxOverlap = 16
