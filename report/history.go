package report

import (
	"io"
	"iter"
	"strconv"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report/screen"
)

// logDiagnostics are the damage of a log, as every answer about it has it.
func logDiagnostics(source audit.LogSource) []Diagnostic {
	diagnostics := make([]Diagnostic, len(source.Damage))
	for i, d := range source.Damage {
		diagnostics[i] = Diagnostic{Source: d.Source, Offset: d.Offset, Code: d.Code, Message: d.Message}
	}
	return diagnostics
}

// outcomeRoles say how the outcomes of runs, merges, removals and syncs look.
var outcomeRoles = map[string]screen.Role{
	"success": screen.Good, "merged": screen.Good, "ok": screen.Good, "built": screen.Good, "fetched": screen.Good,
	"failure": screen.Bad, "failed": screen.Bad,
	"killed": screen.Warn, "interrupted": screen.Warn, "declined": screen.Dim, "running": screen.Plain, "unknown": screen.Unknown,
}

// History is the answer to: what was merged, removed and synced, and when?
func History(events iter.Seq2[*history.Event, error], source audit.LogSource, o Output) Answer {
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys: func(j *JSON) {
			WriteArray(j, "events", func(yield func(any, error) bool) {
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
		Rows: func(w io.Writer) error { return historyRows(w, events) },
		Text: func(s *screen.Screen) {
			noneOf(s, source, "merge, removal or sync", historyTable(s, events))
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

// noneOf says to a person that an answer is empty, which a log that cannot be
// read does not tell, and which a program sees.
func noneOf(s *screen.Screen, source audit.LogSource, what string, some bool) {
	if !some && len(source.Findings) == 0 && s.Terminal().Width > 0 {
		s.Line(screen.Plain.Text("the log has no such " + what))
	}
}

func historyTable(s *screen.Screen, events iter.Seq2[*history.Event, error]) (some bool) {
	t := s.Table(
		screen.Column{Title: "STARTED"},
		screen.Column{Title: "TOOK", Align: screen.Right},
		screen.Column{Title: "EVENT"},
		screen.Column{Title: "WHAT", Shrink: screen.CutMiddle, Yield: 2, Min: readableCPV},
		screen.Column{Title: "FROM", Shrink: screen.CutMiddle, Yield: 1, Optional: true},
		screen.Column{Title: "RUN", Align: screen.Right},
	)
	words := screen.Words{Terminal: s.Terminal()}
	for e, err := range events {
		if err != nil {
			s.Fail(err)
			return true
		}
		some = true
		what, from, seconds, outcome := eventCells(e)
		role := outcomeRoles[outcome]
		if e.Kind == history.EventMerge && e.Merge.PostinstFailed {
			role = screen.Bad
		}
		t.Row(screen.Plain.Text(words.Time(e.At)), screen.Plain.Text(words.Seconds(seconds)), role.Text(eventWord(e, outcome)), screen.Plain.Text(what), screen.Dim.Text(from),
			screen.Dim.Text(strconv.FormatInt(e.Run, 10)))
	}
	t.End()
	return some
}

// readableCPV is the width below which what is left of most cpvs no longer says
// which package is meant: other columns give way before.
const readableCPV = 26

// eventWord says what happened and how it ended, in a word where it ended well.
func eventWord(e *history.Event, outcome string) string {
	switch e.Kind {
	case history.EventMerge:
		switch {
		case e.Merge.PostinstFailed:
			return "postinst failed"
		case e.Merge.Kind != "binary":
			return outcome
		case outcome == "merged":
			return "binary"
		}
		return "binary " + outcome
	case history.EventUnmerge:
		switch {
		case outcome != "ok":
			return "unmerge " + outcome
		case e.Unmerge.Reason == "replaced":
			return "replaced"
		}
		return "unmerged"
	}
	if outcome == "ok" {
		return "synced"
	}
	return "sync " + outcome
}

func eventCells(e *history.Event) (what, from string, seconds *int64, outcome string) {
	switch e.Kind {
	case history.EventMerge:
		what, outcome, seconds = e.Merge.CPV, e.Merge.Outcome, e.Merge.Seconds
		if e.Merge.Root != "/" && e.Merge.Root != "" {
			what += " to " + e.Merge.Root
		}
		from = fromVersions(&e.Merge)
	case history.EventUnmerge:
		what, outcome, seconds = e.Unmerge.CPV, e.Unmerge.Outcome, e.Unmerge.Seconds
		if e.Unmerge.Reason != "replaced" {
			from = e.Unmerge.Reason
		}
	default:
		what, outcome, seconds = repoName(e.Sync.Repo), e.Sync.Outcome, e.Sync.Seconds
	}
	return what, from, seconds, outcome
}

// fromVersions are the versions that a merge replaced, without what they share
// with the new name.
func fromVersions(m *history.MergeEvent) string {
	if len(m.Replaced) == 0 {
		if m.Change == "new" {
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

// sharedName is what two cpvs of one package share up to their versions.
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

func SecondsOrNone(seconds *int64) string {
	if seconds == nil {
		return screen.NotKnown
	}
	return screen.Seconds(*seconds)
}

func historyRows(w io.Writer, events iter.Seq2[*history.Event, error]) error {
	rows := NewCSV(w, "event", "run", "name", "started_at", "finished_at", "seconds", "outcome", "kind", "reason", "root", "replaced", "binpkg", "uncertain")
	for e, err := range events {
		if err != nil {
			return err
		}
		switch e.Kind {
		case history.EventMerge:
			m := &e.Merge
			rows.Row(e.Kind.String(), e.Run, m.CPV, m.StartedAt, m.FinishedAt, m.Seconds, m.Outcome, m.Kind, "", m.Root, strings.Join(m.Replaced, " "), m.Binpkg, m.Uncertain)
		case history.EventUnmerge:
			u := &e.Unmerge
			rows.Row(e.Kind.String(), e.Run, u.CPV, u.StartedAt, u.FinishedAt, u.Seconds, u.Outcome, "", u.Reason, "", "", nil, u.Uncertain)
		default:
			y := &e.Sync
			rows.Row(e.Kind.String(), e.Run, y.Repo, y.StartedAt, y.FinishedAt, y.Seconds, y.Outcome, "", "", "", "", nil, y.Uncertain)
		}
	}
	return rows.Close()
}

// repoName names the repository of a sync for people.
func repoName(repo string) string {
	if repo == "" {
		return "of what is not told"
	}
	return repo
}
