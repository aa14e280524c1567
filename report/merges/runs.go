// Package merges answers what emerge did and what it said: runs and their events,
// how long they took and will take, what is at work now, what failed, what packages
// asked to be read, and what an update left to do. Each function makes a
// [report.Answer] of an answer of audit/history or audit/aftermath.
package merges

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Runs answers what emerge was asked and what it did.
func Runs(runs iter.Seq2[*history.Run, error], source audit.LogSource, asked Asked, o report.Output) report.Answer {
	return report.Answer{
		Findings:    source.Findings,
		Diagnostics: report.LogDiagnostics(source),
		Keys:        func(j *report.JSON) { report.WriteArray(j, "runs", runs) },
		Rows:        RunColumns(true).CSV(runs),
		Text: func(s *screen.Screen) {
			shown := RunColumns(o.Verbose).Screen(s, 0, runs)
			noneOf(s, source, "run", shown > 0, asked)
			asked.rest(s, shown)
			s.Findings(source.Findings, o.FindingOptions())
		},
	}
}

// RunColumns describe the runs of emerge, with all arguments or with what a person
// might have typed.
func RunColumns(all bool) table.Table[history.Run] {
	asked := AskedBriefly
	if all {
		asked = func(args string) string { return args }
	}
	return table.Table[history.Run]{
		{Title: "ID", Of: "id", Type: table.Digits, Role: screen.Dim},
		{Title: "Started", Type: table.Moment, Value: func(r *history.Run) any { return &r.StartedAt }},
		{Title: "Took", Type: table.Seconds, Optional: true, Value: func(r *history.Run) any { return r.Seconds }},
		{Title: "Asked", Type: table.Code, Shrink: screen.CutEnd, Yield: 1, Min: 16, Show: func(r *history.Run) screen.Cell { return screen.Plain.Text(asked(r.Args)) }},
		{Title: "Did", Shrink: screen.CutEnd, Yield: 2, Optional: true, Show: func(r *history.Run) screen.Cell { return screen.Plain.Text(didBriefly(r)) }},
		{Title: "Outcome", Show: RunOutcome},
	}.With(table.Data[history.Run]("id", "started_at", "ended_at", "seconds", "args", "action", "outcome", "exit_status", "counts.new", "counts.upgraded",
		"counts.downgraded", "counts.rebuilt", "counts.merged", "counts.built", "counts.fetched", "counts.removed", "counts.failed", "counts.interrupted",
		"counts.running", "counts.synced", "counts.not_synced", "uncertain", "counts.not_removed")...)
}

// RunOutcome is a run's outcome with the number of packages that failed.
func RunOutcome(r *history.Run) screen.Cell {
	text := r.Outcome
	if r.Outcome == history.RunFailed && r.Counts.Failed > 0 {
		text = fmt.Sprintf("failed %d", r.Counts.Failed)
	}
	if r.Uncertain {
		text += "?"
	}
	return outcomeRoles[r.Outcome].Text(text)
}

// shortOptions are the options that people type as one letter.
var shortOptions = map[string]string{
	"--update": "u", "--deep": "D", "--newuse": "N", "--oneshot": "1", "--ask": "a", "--verbose": "v", "--usepkg": "k",
	"--usepkgonly": "K", "--getbinpkg": "g", "--getbinpkgonly": "G", "--buildpkg": "b", "--buildpkgonly": "B", "--fetchonly": "f",
	"--unmerge": "C", "--depclean": "c", "--emptytree": "e", "--changed-use": "U", "--noreplace": "n", "--onlydeps": "o",
	"--tree": "t", "--quiet": "q", "--select": "w", "--prune": "P",
}

// silentOptions are options that Portage logs by itself, or that say nothing about
// the request.
var silentOptions = map[string]bool{
	"--regex-search-auto": true, "--quiet-build": true, "--nospinner": true, "--color": true, "--autounmask-write": true,
}

// longActions are the options without a letter that say what emerge is to do.
var longActions = map[string]bool{
	"--check-news": true, "--config": true, "--deselect": true, "--info": true, "--list-sets": true, "--metadata": true,
	"--rage-clean": true, "--regen": true, "--resume": true, "--search": true, "--searchdesc": true, "--sync": true,
}

// AskedBriefly returns the request as a person types it: "-uDN @world". What says least
// comes last, because a narrow column cuts the end: first the action, then the packages,
// then options such as --jobs.
func AskedBriefly(args string) string {
	var letters strings.Builder
	var actions, packages, options []string
	for word := range strings.FieldsSeq(args) {
		option, value, hasValue := strings.Cut(word, "=")
		short := shortOptions[option]
		switch {
		case !strings.HasPrefix(word, "-"):
			packages = append(packages, word)
		case silentOptions[option]:
		case short != "" && (!hasValue || value == "y" || value == "True"):
			if !strings.Contains(letters.String(), short) {
				letters.WriteString(short)
			}
		case !longActions[option]:
			options = append(options, word)
		case !slices.Contains(actions, word):
			actions = append(actions, word)
		}
	}
	if letters.Len() > 0 {
		actions = append(actions, "-"+letters.String())
	}
	return strings.Join(slices.Concat(actions, packages, options), " ")
}

// didBriefly returns the counts of a run in words.
func didBriefly(r *history.Run) string {
	c := &r.Counts
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{
		{c.Upgraded, "up"},
		{c.Downgraded, "down"},
		{c.Rebuilt, "rebuilt"},
		{c.New, "new"},
		{c.Merged, "merged"},
		{c.Built, "packaged"},
		{c.Fetched, "fetched"},
		{c.Removed, "removed"},
		{c.NotRemoved, "not removed"},
		{c.Running, "running"},
		{c.Interrupted, "interrupted"},
		{c.Synced, "synced"},
		{c.NotSynced, "not synced"},
	} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

// OneRun answers what one run did.
func OneRun(r *history.Run, source audit.LogSource, o report.Output) report.Answer {
	return report.Answer{
		Findings:    source.Findings,
		Diagnostics: report.LogDiagnostics(source),
		Keys:        func(j *report.JSON) { j.Value("runs", []*history.Run{r}) },
		Rows:        logColumns.CSV(logRows(runEvents(r))),
		Text: func(s *screen.Screen) {
			runHead(s, r)
			if mergeColumns.Screen(s, 0, table.All(r.Merges)) > 0 {
				s.Blank()
			}
			removalColumns.Screen(s, 0, table.Where(r.Unmerges, func(u *history.UnmergeEvent) bool {
				return u.Reason != history.ReasonReplaced || u.Outcome != history.OutcomeOK
			}))
			syncColumns.Screen(s, 0, table.All(r.Syncs))
			s.Findings(source.Findings, o.FindingOptions())
		},
	}
}

// runEvents are the records of one run.
func runEvents(r *history.Run) iter.Seq2[*history.Event, error] {
	return func(yield func(*history.Event, error) bool) {
		for _, m := range r.Merges {
			if !yield(&history.Event{Kind: history.EventMerge, Run: r.ID, Merge: m}, nil) {
				return
			}
		}
		for _, u := range r.Unmerges {
			if !yield(&history.Event{Kind: history.EventUnmerge, Run: r.ID, Unmerge: u}, nil) {
				return
			}
		}
		for _, y := range r.Syncs {
			if !yield(&history.Event{Kind: history.EventSync, Run: r.ID, Sync: y}, nil) {
				return
			}
		}
	}
}

func runHead(s *screen.Screen, r *history.Run) {
	term := s.Terminal()
	s.Line(screen.Bold.Text(fmt.Sprintf("run %d", r.ID)), screen.Plain.Text("  "), RunOutcome(r), screen.Plain.Text("  "+didBriefly(r)))
	s.Blank()
	pairs := []screen.Pair{
		{Key: "asked", Value: screen.Code.Text("emerge " + r.Args)},
		{Key: "started", Value: screen.Plain.Text(term.Instant(r.StartedAt))},
	}
	if r.EndedAt != nil {
		pairs = append(pairs, screen.Pair{Key: "ended", Value: screen.Plain.Text(term.Instant(*r.EndedAt) + ", after " + screen.SecondsOrNone(r.Seconds))})
	}
	if r.ExitStatus != nil {
		pairs = append(pairs, screen.Pair{Key: "exit status", Value: screen.Plain.Text(fmt.Sprint(*r.ExitStatus))})
	}
	pairs = append(pairs, screen.Pair{Key: "logged in", Value: screen.Dim.Text(fmt.Sprintf("%s, byte %d", term.Path(r.Source), r.Offset))})
	if r.LowSpace != "" {
		pairs = append(pairs, screen.Pair{Key: "space", Value: screen.Warn.Text(r.LowSpace)})
	}
	if r.UnexplainedFailure {
		pairs = append(pairs, screen.Pair{Key: "note", Value: screen.Warn.Text("it failed although every package was merged: a pkg_postinst died")})
	}
	if r.Uncertain {
		pairs = append(pairs, screen.Pair{Key: "note", Value: screen.Unknown.Text("the log does not tell for certain which lines are of this run")})
	}
	s.Pairs(0, pairs)
	s.Blank()
}

// mergeColumns describe the merges of one run.
var mergeColumns = table.Table[history.MergeEvent]{
	{Title: "Package", Shrink: screen.CutMiddle, Yield: 2, Show: func(m *history.MergeEvent) screen.Cell {
		if m.Root != "/" && m.Root != "" {
			return screen.Plain.Text(m.CPV + " to " + m.Root)
		}
		return screen.Plain.Text(m.CPV)
	}},
	{Title: "From", Shrink: screen.CutMiddle, Yield: 3, Show: func(m *history.MergeEvent) screen.Cell { return screen.Dim.Text(fromVersions(m)) }},
	{Of: "seconds", Title: "Took", Type: table.Seconds},
	{Title: "Did", Show: func(m *history.MergeEvent) screen.Cell {
		did := DidMerge(m.Kind, m.Outcome, m.PostinstFailed)
		switch {
		case m.BetweenVersions:
			return screen.Bad.Text(did.Text + " between versions")
		case m.Uncertain:
			did.Text += "?"
		}
		return did
	}},
	{Of: "binpkg", Title: "Binpkg", Role: screen.Dim, Shrink: screen.CutMiddle, Yield: 1, Optional: true},
}

// removalColumns describe the removals that no merge did.
var removalColumns = table.Table[history.UnmergeEvent]{
	{Of: "cpv", Title: "Package", Shrink: screen.CutMiddle, Yield: 1},
	{Of: "seconds", Title: "Took", Type: table.Seconds},
	{Title: "Did", Show: func(u *history.UnmergeEvent) screen.Cell { return DidRemove(u.Reason, u.Outcome) }},
}

// syncColumns describe the syncs of one run.
var syncColumns = table.Table[history.SyncEvent]{
	{Of: "repo", Title: "Repository"},
	{Title: "From", Shrink: screen.CutMiddle, Yield: 1, Show: func(y *history.SyncEvent) screen.Cell { return screen.Dim.Text(cmp.Or(y.URL, y.Location)) }},
	{Of: "seconds", Title: "Took", Type: table.Seconds},
	{Title: "Did", Show: func(y *history.SyncEvent) screen.Cell { return didSync(y.Outcome) }},
}
