package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"emaudit/audit/state"
	"emaudit/report/screen"
)

// States is the answer to: which states can be named, and which are known?
// Those of runs also lie inside an update.
func States(a *state.States, ofRuns bool, o Output) Answer {
	return Answer{
		Findings: a.Findings,
		Keys: func(j *JSON) {
			j.Value("states", a.Rows)
			j.Value("pins", pinRows(a.Pins))
		},
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "run", "runs", "started_at", "args", "outcome", "known", "why", "installed", "upgrades", "downgrades", "reinstalls", "installs", "removes", "same_as", "pins")
			for _, r := range a.Rows {
				c.Row(r.Run, numbersOf(r.Runs), r.StartedAt, r.Args, r.Outcome, r.Known, r.Why, r.Installed, r.Upgrades, r.Downgrades, r.Reinstalls, r.Installs, r.Removes, r.SameAs, strings.Join(r.Pins, " "))
			}
			return c.Close()
		},
		Text: func(s *screen.Screen) { statesText(s, a, ofRuns, o) },
	}
}

// recentStates is how many states are shown without --verbose.
const recentStates = 20

func statesText(s *screen.Screen, a *state.States, ofRuns bool, o Output) {
	what, did := "an update", "WHAT THE UPDATE DID"
	if ofRuns {
		what, did = "a run", "WHAT THE RUN DID"
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
	t := s.Table(
		screen.Column{Title: "BEFORE", Align: screen.Right},
		screen.Column{Title: "TIME"},
		screen.Column{Title: "INSTALLED", Align: screen.Right},
		screen.Column{Title: "KNOWN"},
		screen.Column{Title: did},
		screen.Column{Title: "RUNS", Yield: 3, Shrink: screen.CutEnd, Optional: true},
		screen.Column{Title: "ASKED", Shrink: screen.CutEnd, Yield: 1},
		screen.Column{Title: "PIN"},
	)
	for _, r := range rows {
		word := screen.Good.Text("yes")
		if !r.Known {
			word = screen.Unknown.Text("no")
		}
		t.Row(screen.Plain.Text(fmt.Sprintf("run:%d", r.Run)), screen.Plain.Text(o.Terminal.Time(r.StartedAt)), screen.Plain.Text(fmt.Sprint(r.Installed)), word,
			screen.Plain.Text(didOf(r)), screen.Plain.Text(rangeOfRuns(r.Runs)), screen.Plain.Text(AskedBriefly(r.Args)), screen.Plain.Text(strings.Join(r.Pins, " ")))
	}
	t.End()
	if len(a.Pins) > 0 {
		s.Blank()
		pinTable(s, a.Pins, o)
	}
	if len(a.Findings) > 0 {
		s.Blank()
		s.Findings(a.Findings, o.findingOptions())
	}
}

// numbersOf lists runs for a machine: "2 3 5".
func numbersOf(runs []int64) string {
	var words []string
	for _, id := range runs {
		words = append(words, strconv.FormatInt(id, 10))
	}
	return strings.Join(words, " ")
}

// rangeOfRuns names the runs of an update in short: "#2", "#2-#5".
func rangeOfRuns(runs []int64) string {
	first, last := runs[0], runs[len(runs)-1]
	if first == last {
		return fmt.Sprintf("#%d", first)
	}
	return fmt.Sprintf("#%d-#%d", first, last)
}

// didOf counts what an update did: "5 up, 1 new".
func didOf(r state.StateRow) string {
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
func targetText(t state.Target, o Output) string {
	when := o.Terminal.Time(t.Time)
	if t.Run == nil {
		return "the state at " + when
	}
	return fmt.Sprintf("the state before #%d (%s, emerge %s)", *t.Run, when, AskedBriefly(t.Args))
}
