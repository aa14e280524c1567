// Package states presents answers about installed states: which are known, how they
// differ, which have names, which commands go back to one, and which rollbacks end if
// files leave PKGDIR. Each function makes a
// [report.Answer] of an answer of audit/state, audit/rollback or audit/cleanup.
package states

import (
	"fmt"
	"strings"

	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/merges"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// States is the answer to: which states can be named, and which are known?
// Those of runs also lie inside an update.
func States(a *state.States, ofRuns bool, o report.Output) report.Answer {
	return report.Answer{
		Findings: a.Findings,
		Keys: func(j *report.JSON) {
			j.Value("states", a.Rows)
			j.Value("pins", pinRows(a.Pins))
		},
		Rows: stateColumns("").CSV(table.All(a.Rows)),
		Text: func(s *screen.Screen) { statesText(s, a, ofRuns, o) },
	}
}

// recentStates is how many states are shown without --verbose.
const recentStates = 20

func statesText(s *screen.Screen, a *state.States, ofRuns bool, o report.Output) {
	what, did := "an update", "What the update did"
	if ofRuns {
		what, did = "a run", "What the run did"
	}
	known := 0
	for _, r := range a.Rows {
		if r.Known {
			known++
		}
	}
	s.Line(screen.Bold.Text(fmt.Sprintf("%d of %d", known, len(a.Rows))), screen.Plain.Text(" earlier states are known, each before "+what+" that changed something"))
	s.Blank()
	rows := a.Rows
	if hidden := len(rows) - recentStates; hidden > 0 && !o.Verbose {
		rows = rows[hidden:]
		s.Line(screen.Dim.Text(screen.Count(int64(hidden), "older state", "older states")), screen.Plain.Text("   "), screen.Code.Text("--verbose"))
	}
	stateColumns(did).Screen(s, 0, table.All(rows))
	if len(a.Pins) > 0 {
		s.Blank()
		pinColumns(o).Screen(s, 0, table.All(a.Pins))
	}
	if len(a.Findings) > 0 {
		s.Blank()
		s.Findings(a.Findings, o.FindingOptions())
	}
}

// stateColumns describe earlier states; did heads what came after them.
func stateColumns(did string) table.Table[state.StateRow] {
	return table.Table[state.StateRow]{
		{Title: "Before", Type: table.Digits, Show: func(r *state.StateRow) screen.Cell { return screen.Plain.Text(fmt.Sprintf("run:%d", r.Run)) }},
		{Title: "Started", Of: "started_at", Type: table.Moment},
		{Title: "Installed", Of: "installed", Type: table.Digits},
		{Title: "Known", Show: func(r *state.StateRow) screen.Cell { return knownCell(r.Known) }},
		{Title: did, Show: func(r *state.StateRow) screen.Cell { return screen.Plain.Text(didOf(r)) }},
		{Title: "Runs", Yield: 3, Shrink: screen.CutEnd, Optional: true, Show: func(r *state.StateRow) screen.Cell { return screen.Plain.Text(rangeOfRuns(r.Runs)) }},
		{Title: "Asked", Shrink: screen.CutEnd, Yield: 1, Show: func(r *state.StateRow) screen.Cell { return screen.Plain.Text(merges.AskedBriefly(r.Args)) }},
		{Title: "Pin", Of: "pins"},
	}.With(table.Data[state.StateRow]("run", "runs", "started_at", "args", "outcome", "known", "why", "installed", "upgrades", "downgrades", "reinstalls", "installs",
		"removes", "same_as", "pins")...)
}

// rangeOfRuns names the runs of an update in short: "#2", "#2-#5".
func rangeOfRuns(runs []int64) string {
	first, last := runs[0], runs[len(runs)-1]
	if first == last {
		return fmt.Sprintf("#%d", first)
	}
	return fmt.Sprintf("#%d-#%d", first, last)
}

// didOf returns the counts of an update: "5 up, 1 new".
func didOf(r *state.StateRow) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{r.Upgrades, "up"}, {r.Downgrades, "down"}, {r.Reinstalls, "rebuilt"}, {r.Installs, "new"}, {r.Removes, "removed"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

// targetText names a state for people.
func targetText(t state.Target, o report.Output) string {
	when := o.Terminal.Time(t.Time)
	if t.Run == nil {
		return "the state at " + when
	}
	return fmt.Sprintf("the state before #%d (%s, emerge %s)", *t.Run, when, merges.AskedBriefly(t.Args))
}
