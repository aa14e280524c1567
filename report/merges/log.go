package merges

import (
	"iter"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// outcomeRoles say how the outcomes of runs, merges, removals and syncs look.
var outcomeRoles = map[string]screen.Role{
	history.RunOK: screen.Good, history.MergeMerged: screen.Good, history.OutcomeOK: screen.Good, history.MergeBuilt: screen.Good, history.MergeFetched: screen.Good,
	history.RunFailed: screen.Bad, history.MergeFailed: screen.Bad,
	history.RunKilled: screen.Warn, history.MergeInterrupted: screen.Warn, history.RunDeclined: screen.Dim,
	history.OutcomeRunning: screen.Plain, history.OutcomeUnknown: screen.Unknown,
}

// History answers what was merged, removed and synced, and when.
func History(events iter.Seq2[*history.Event, error], source audit.LogSource, asked Asked, o report.Output) report.Answer {
	return report.Answer{
		Findings:    source.Findings,
		Diagnostics: report.LogDiagnostics(source),
		Keys: func(j *report.JSON) {
			report.WriteArray(j, "events", func(yield func(any, error) bool) {
				for e, err := range events {
					if err != nil {
						yield(nil, err)
						return
					}
					if !yield(e.JSON(), nil) {
						return
					}
				}
			})
		},
		Rows: logColumns.CSV(logRows(events)),
		Text: func(s *screen.Screen) {
			shown := logColumns.Screen(s, 0, logRows(events))
			noneOf(s, source, "merge, removal or sync", shown > 0, asked)
			asked.rest(s, shown)
			s.Findings(source.Findings, o.FindingOptions())
		},
	}
}

// noneOf says that an answer is empty.
func noneOf(s *screen.Screen, source audit.LogSource, what string, some bool, asked Asked) {
	if !some {
		s.Paragraph(0, asked.none(s, what, screen.Plain, source.Lost(asked.Period.Since)))
	}
}

// logRow is an event of the log as programs get it.
type logRow struct {
	Event     string   `json:"event"`
	Run       int64    `json:"run"`
	Name      string   `json:"name"`
	StartedAt *int64   `json:"started_at"`
	EndedAt   *int64   `json:"ended_at"`
	Seconds   *int64   `json:"seconds"`
	Outcome   string   `json:"outcome"`
	Kind      string   `json:"kind"`
	Reason    string   `json:"reason"`
	Root      string   `json:"root"`
	Replaced  []string `json:"replaced"`
	Binpkg    *string  `json:"binpkg"`
	Uncertain bool     `json:"uncertain"`

	event *history.Event
}

// logColumns describe the events of the log.
var logColumns = table.Table[logRow]{
	{Title: "Started", Type: table.Moment, Value: func(r *logRow) any { return &r.event.At }},
	{Title: "Took", Type: table.Seconds, Value: func(r *logRow) any { return r.Seconds }},
	{Title: "Did", Shrink: screen.CutEnd, Yield: 3, Min: 16, Show: didCell},
	{Title: "What", Shrink: screen.CutMiddle, Yield: 2, Min: readableCPV, Show: func(r *logRow) screen.Cell { return screen.Plain.Text(eventSubject(r)) }},
	{Title: "From", Shrink: screen.CutMiddle, Yield: 1, Optional: true, Show: func(r *logRow) screen.Cell {
		if r.event.Kind != history.EventMerge {
			return screen.Cell{}
		}
		return screen.Dim.Text(fromVersions(&r.event.Merge))
	}},
	{Title: "Run", Type: table.Digits, Show: func(r *logRow) screen.Cell { return screen.Dim.Text(strconv.FormatInt(r.Run, 10)) }},
}.With(table.Data[logRow]("event", "run", "name", "started_at", "ended_at", "seconds", "outcome", "kind", "reason", "root", "replaced", "binpkg", "uncertain")...)

// logRows yields events as rows; a row holds until the next.
func logRows(events iter.Seq2[*history.Event, error]) iter.Seq2[*logRow, error] {
	return func(yield func(*logRow, error) bool) {
		var row logRow
		for e, err := range events {
			if err == nil {
				row.take(e)
			}
			if !yield(&row, err) {
				return
			}
		}
	}
}

func (r *logRow) take(e *history.Event) {
	*r = logRow{Event: e.Kind.String(), Run: e.Run, event: e}
	switch e.Kind {
	case history.EventMerge:
		m := &e.Merge
		r.Name, r.StartedAt, r.EndedAt, r.Seconds, r.Outcome, r.Uncertain = m.CPV, m.StartedAt, m.EndedAt, m.Seconds, m.Outcome, m.Uncertain
		r.Kind, r.Root, r.Replaced, r.Binpkg = m.Kind, m.Root, m.Replaced, m.Binpkg
	case history.EventUnmerge:
		u := &e.Unmerge
		r.Name, r.StartedAt, r.EndedAt, r.Seconds, r.Outcome, r.Uncertain = u.CPV, u.StartedAt, u.EndedAt, u.Seconds, u.Outcome, u.Uncertain
		r.Reason = u.Reason
	default:
		y := &e.Sync
		r.Name, r.StartedAt, r.EndedAt, r.Seconds, r.Outcome, r.Uncertain = y.Repo, y.StartedAt, y.EndedAt, y.Seconds, y.Outcome, y.Uncertain
	}
}

// readableCPV is the width below which most shortened cpvs cannot be recognised.
// Other columns shrink first.
const readableCPV = 26

// didCell says what an event did.
func didCell(r *logRow) screen.Cell {
	switch r.event.Kind {
	case history.EventMerge:
		return DidMerge(r.Kind, r.Outcome, r.event.Merge.PostinstFailed)
	case history.EventUnmerge:
		return DidRemove(r.Reason, r.Outcome)
	}
	return didSync(r.Outcome)
}

// eventSubject returns the subject of an event.
func eventSubject(r *logRow) string {
	switch {
	case r.event.Kind == history.EventSync:
		return repoName(r.Name)
	case r.Root != "" && r.Root != "/":
		return r.Name + " to " + r.Root
	}
	return r.Name
}

// fromVersions returns the replaced versions, without the part of the name that they
// share.
func fromVersions(m *history.MergeEvent) string {
	if len(m.Replaced) == 0 {
		if m.Change == history.ChangeNew {
			return "new"
		}
		return ""
	}
	if len(m.Replaced) == 1 {
		return strings.TrimPrefix(m.Replaced[0], sharedName(m.Replaced[0], m.CPV))
	}
	versions := make([]string, len(m.Replaced))
	for i, cpv := range m.Replaced {
		versions[i] = strings.TrimPrefix(cpv, sharedName(cpv, m.CPV))
	}
	return strings.Join(versions, ", ")
}

// sharedName returns the common beginning of two cpvs of one package, up to their
// versions.
func sharedName(a, b string) string {
	end := 0
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '-' {
			end = i + 1
		}
	}
	if a == b {
		end = strings.LastIndexByte(strings.TrimRight(strings.TrimSuffix(a, revision(a)), "-"), '-') + 1
	}
	return a[:end]
}

// revision is the "-rN" at the end of a cpv.
func revision(cpv string) string {
	if i := strings.LastIndex(cpv, "-r"); i > 0 && strings.Trim(cpv[i+2:], "0123456789") == "" && i+2 < len(cpv) {
		return cpv[i:]
	}
	return ""
}

// repoName names the repository of a sync for people.
func repoName(repo string) string {
	if repo == "" {
		return "of what is not told"
	}
	return repo
}
