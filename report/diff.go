package report

import (
	"io"
	"strings"

	"emaudit/audit/state"
)

// Diff is the answer to: what changed between two states?
func Diff(d *state.Diff, o Output) Answer {
	return Answer{
		Findings: d.Findings,
		Keys: func(j *JSON) {
			j.Value("from", d.From)
			j.Value("to", d.To)
			j.Value("changes", d.Changes)
		},
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "action", "slot", "from", "to", "from_build_time", "to_build_time", "use", "dependencies")
			for _, r := range d.Changes {
				c.Row(string(r.Action), r.Slot, r.From, r.To, r.FromBuildTime, r.ToBuildTime, r.Use, strings.Join(r.Dependencies, " "))
			}
			return c.Close()
		},
		Text: func(s *Screen) {
			s.Line(Bold.Text(countActions(d.Changes)))
			s.Paragraph(0, Plain.Text("from "+targetText(d.From, o)))
			s.Paragraph(0, Plain.Text("to   "+targetText(d.To, o)))
			s.Blank()
			changesTable(s, d.Changes, o)
			if len(d.Findings) > 0 {
				s.Blank()
				s.Findings(d.Findings, o.findingOptions())
			}
		},
	}
}

var actionOrder = []state.Action{state.ActionUpgrade, state.ActionDowngrade, state.ActionReinstall, state.ActionInstall, state.ActionRemove}

// countActions says how many changes there are of each kind.
func countActions(changes []state.Change) string {
	counts := map[state.Action]int{}
	for _, c := range changes {
		counts[c.Action]++
	}
	var parts []string
	for _, a := range actionOrder {
		if n := counts[a]; n > 0 {
			word := string(a)
			if a == state.ActionRemove {
				word = "removal"
			}
			parts = append(parts, Count(int64(n), word, word+"s"))
		}
	}
	if len(parts) == 0 {
		return "no change"
	}
	return strings.Join(parts, ", ")
}

func changesTable(s *Screen, changes []state.Change, o Output) {
	if len(changes) == 0 {
		return
	}
	t := s.Table(
		Column{Title: "ACTION"},
		Column{Title: "PACKAGE", Shrink: CutMiddle, Yield: 3},
		Column{Title: "FROM", Shrink: CutMiddle, Yield: 2, Min: 12},
		Column{Title: "TO", Shrink: CutMiddle, Yield: 2, Min: 12},
		Column{Title: "USE, DEPENDENCIES", Shrink: CutEnd, Yield: 1, Optional: true},
	)
	for i := range changes {
		c := &changes[i]
		name, from, to := versions(c, o)
		t.Row(Plain.Text(string(c.Action)), Plain.Text(name), Plain.Text(from), Plain.Text(to), Dim.Text(strings.TrimSpace(c.Use+" "+strings.Join(c.Dependencies, " "))))
	}
	t.End()
}

// versions splits the cpvs of a change into the package, with its slot where
// that is not 0, and the two versions.
func versions(c *state.Change, o Output) (name, from, to string) {
	from, to = unknown, unknown
	if c.From != nil {
		name, from = splitCPV(*c.From)
	}
	if c.To != nil {
		name, to = splitCPV(*c.To)
	}
	if c.Slot != "" && c.Slot != "0" {
		name += ":" + c.Slot
	}
	if c.Action == state.ActionReinstall && c.FromBuildTime != nil && c.ToBuildTime != nil {
		// The builds are told apart by their day, or by the minute.
		a, b := o.Terminal.Time(*c.FromBuildTime), o.Terminal.Time(*c.ToBuildTime)
		if x, y := dayOf(a), dayOf(b); x != y {
			a, b = x, y
		}
		from, to = from+" ("+a+")", "("+b+")"
	}
	return name, from, to
}

// dayOf is the day of a moment as it is printed; of today and yesterday all of
// it.
func dayOf(moment string) string {
	day, _, _ := strings.Cut(moment, " ")
	if day == "" || day[0] < '0' || day[0] > '9' {
		return moment
	}
	return day
}

// splitCPV splits a cpv before its version, which is behind the last hyphen
// that a digit follows and that is not the revision's.
func splitCPV(cpv string) (name, version string) {
	for i := 0; i+1 < len(cpv); i++ {
		if cpv[i] == '-' && cpv[i+1] >= '0' && cpv[i+1] <= '9' && !strings.Contains(cpv[i+1:], "/") && versionLike(cpv[i+1:]) {
			return cpv[:i], cpv[i+1:]
		}
	}
	return cpv, ""
}

// versionLike tells whether what follows a hyphen can be a version: of a name
// such as font-100dpi-1.0 only the last part.
func versionLike(s string) bool {
	rest := s
	if i := strings.LastIndex(rest, "-r"); i > 0 && strings.Trim(rest[i+2:], "0123456789") == "" {
		rest = rest[:i]
	}
	return !strings.Contains(rest, "-")
}
