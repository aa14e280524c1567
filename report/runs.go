package report

import (
	"fmt"
	"io"
	"iter"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
	"emaudit/report/screen"
)

// Runs is the answer to: what was emerge asked, and what did it do?
func Runs(runs iter.Seq2[*history.Run, error], source audit.LogSource, o Output) Answer {
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys:        func(j *JSON) { WriteArray(j, "runs", runs) },
		Rows:        func(w io.Writer) error { return runRows(w, runs) },
		Text: func(s *screen.Screen) {
			noneOf(s, source, "run", runTable(s, runs, o.Verbose))
			s.Findings(source.Findings, o.findingOptions())
		},
	}
}

func runTable(s *screen.Screen, runs iter.Seq2[*history.Run, error], verbose bool) (some bool) {
	t := s.Table(
		screen.Column{Title: "ID", Align: screen.Right},
		screen.Column{Title: "STARTED"},
		screen.Column{Title: "TOOK", Align: screen.Right},
		screen.Column{Title: "ASKED", Shrink: screen.CutEnd, Yield: 1, Min: 16},
		screen.Column{Title: "DID", Shrink: screen.CutEnd, Yield: 2},
		screen.Column{Title: "OUTCOME"},
	)
	term := s.Terminal()
	for r, err := range runs {
		if err != nil {
			s.Fail(err)
			return true
		}
		some = true
		asked := AskedBriefly(r.Args)
		if verbose {
			asked = r.Args
		}
		t.Row(screen.Dim.Text(fmt.Sprint(r.ID)), screen.Plain.Text(term.Time(r.StartedAt)), screen.Plain.Text(SecondsOrNone(r.Seconds)), screen.Plain.Text(asked),
			screen.Plain.Text(DidBriefly(r)), RunOutcome(r))
	}
	t.End()
	return some
}

// RunOutcome is a run's outcome with the number of packages that failed.
func RunOutcome(r *history.Run) screen.Cell {
	text := r.Outcome
	switch {
	case r.Outcome == "success":
		text = "ok"
	case r.Outcome == "failure" && r.Counts.Failed > 0:
		text = fmt.Sprintf("failed %d", r.Counts.Failed)
	case r.Outcome == "failure":
		text = "failed"
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

// silentOptions are those that Portage logs of itself or that say nothing of
// what was asked.
var silentOptions = map[string]bool{
	"--regex-search-auto": true, "--quiet-build": true, "--nospinner": true, "--color": true, "--autounmask-write": true,
}

// AskedBriefly is what a person might have typed: "-uDN @world".
func AskedBriefly(args string) string {
	var letters strings.Builder
	var words []string
	for word := range strings.FieldsSeq(args) {
		option, value, hasValue := strings.Cut(word, "=")
		short := shortOptions[option]
		switch {
		case strings.HasPrefix(word, "--") && silentOptions[option]:
		case short != "" && (!hasValue || value == "y" || value == "True"):
			if !strings.Contains(letters.String(), short) {
				letters.WriteString(short)
			}
		default:
			words = append(words, word)
		}
	}
	if letters.Len() > 0 {
		words = append([]string{"-" + letters.String()}, words...)
	}
	return strings.Join(words, " ")
}

// DidBriefly counts what a run did, in words.
func DidBriefly(r *history.Run) string {
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

func runRows(w io.Writer, runs iter.Seq2[*history.Run, error]) error {
	rows := NewCSV(w, "id", "started_at", "ended_at", "seconds", "args", "action", "outcome", "exit_status", "new", "upgraded", "downgraded",
		"rebuilt", "merged", "built", "fetched", "removed", "failed", "interrupted", "running", "synced", "not_synced", "uncertain", "not_removed")
	for r, err := range runs {
		if err != nil {
			return err
		}
		c := &r.Counts
		rows.Row(r.ID, r.StartedAt, r.EndedAt, r.Seconds, r.Args, r.Action, r.Outcome, r.ExitStatus, c.New, c.Upgraded, c.Downgraded,
			c.Rebuilt, c.Merged, c.Built, c.Fetched, c.Removed, c.Failed, c.Interrupted, c.Running, c.Synced, c.NotSynced, r.Uncertain, c.NotRemoved)
	}
	return rows.Close()
}

// OneRun is the answer to: what exactly did this run do?
func OneRun(r *history.Run, source audit.LogSource, o Output) Answer {
	return Answer{
		Findings:    source.Findings,
		Diagnostics: logDiagnostics(source),
		Keys:        func(j *JSON) { j.Value("runs", []*history.Run{r}) },
		Rows: func(w io.Writer) error {
			return historyRows(w, runEvents(r))
		},
		Text: func(s *screen.Screen) {
			runHead(s, r)
			runMerges(s, r)
			runRest(s, r)
			s.Findings(source.Findings, o.findingOptions())
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
	s.Line(screen.Bold.Text(fmt.Sprintf("run %d", r.ID)), screen.Plain.Text("  "), RunOutcome(r), screen.Plain.Text("  "+DidBriefly(r)))
	s.Blank()
	pairs := []screen.Pair{
		{Key: "asked", Value: screen.Code.Text("emerge " + r.Args)},
		{Key: "started", Value: screen.Plain.Text(term.Instant(r.StartedAt))},
	}
	if r.EndedAt != nil {
		pairs = append(pairs, screen.Pair{Key: "ended", Value: screen.Plain.Text(term.Instant(*r.EndedAt) + ", after " + SecondsOrNone(r.Seconds))})
	}
	if r.ExitStatus != nil {
		pairs = append(pairs, screen.Pair{Key: "exit status", Value: screen.Plain.Text(fmt.Sprint(*r.ExitStatus))})
	}
	pairs = append(pairs, screen.Pair{Key: "logged in", Value: screen.Dim.Text(fmt.Sprintf("%s, byte %d", r.Source, r.Offset))})
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

func runMerges(s *screen.Screen, r *history.Run) {
	t := s.Table(
		screen.Column{Title: "PACKAGE", Shrink: screen.CutMiddle, Yield: 2},
		screen.Column{Title: "FROM", Shrink: screen.CutMiddle, Yield: 3},
		screen.Column{Title: "KIND"},
		screen.Column{Title: "TOOK", Align: screen.Right},
		screen.Column{Title: "OUTCOME"},
		screen.Column{Title: "BINPKG", Shrink: screen.CutMiddle, Yield: 1, Optional: true},
	)
	for i := range r.Merges {
		m := &r.Merges[i]
		what := m.CPV
		if m.Root != "/" && m.Root != "" {
			what += " to " + m.Root
		}
		binpkg := ""
		if m.Binpkg != nil {
			binpkg = *m.Binpkg
		}
		outcome, role := m.Outcome, outcomeRoles[m.Outcome]
		switch {
		case m.PostinstFailed:
			outcome, role = "merged, postinst failed", screen.Bad
		case m.BetweenVersions:
			outcome, role = m.Outcome+" between versions", screen.Bad
		case m.Uncertain:
			outcome += "?"
		}
		t.Row(screen.Plain.Text(what), screen.Dim.Text(fromVersions(m)), screen.Plain.Text(m.Kind), screen.Plain.Text(SecondsOrNone(m.Seconds)), role.Text(outcome), screen.Dim.Text(binpkg))
	}
	t.End()
	if len(r.Merges) > 0 {
		s.Blank()
	}
}

// runRest lists the removals that no merge did, and the syncs.
func runRest(s *screen.Screen, r *history.Run) {
	t := s.Table(screen.Column{Title: "REMOVED", Shrink: screen.CutMiddle, Yield: 1}, screen.Column{Title: "WHY"}, screen.Column{Title: "TOOK", Align: screen.Right}, screen.Column{Title: "OUTCOME"})
	for _, u := range r.Unmerges {
		if u.Reason != "replaced" || u.Outcome != "ok" {
			t.Row(screen.Plain.Text(u.CPV), screen.Plain.Text(u.Reason), screen.Plain.Text(SecondsOrNone(u.Seconds)), outcomeRoles[u.Outcome].Text(u.Outcome))
		}
	}
	t.End()
	t = s.Table(screen.Column{Title: "SYNCED"}, screen.Column{Title: "FROM", Shrink: screen.CutMiddle, Yield: 1}, screen.Column{Title: "TOOK", Align: screen.Right}, screen.Column{Title: "OUTCOME"})
	for _, y := range r.Syncs {
		from := y.URL
		if from == "" {
			from = y.Location
		}
		t.Row(screen.Plain.Text(y.Repo), screen.Dim.Text(from), screen.Plain.Text(SecondsOrNone(y.Seconds)), outcomeRoles[y.Outcome].Text(y.Outcome))
	}
	t.End()
}
