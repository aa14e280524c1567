package report

import (
	"fmt"
	"io"
	"strings"

	"emaudit/audit/state"
	"emaudit/report/screen"
)

// Diff is the answer to: what changed between two states?
// Its text with stat has sums and sizes instead of USE and dependencies.
func Diff(d *state.Diff, stat bool, o Output) Answer {
	return Answer{
		Findings: d.Findings,
		Keys: func(j *JSON) {
			j.Value("from", d.From)
			j.Value("to", d.To)
			j.Value("changes", d.Changes)
			j.Value("settings", d.Settings)
			j.Value("settings_known", d.SettingsKnown)
		},
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "action", "slot", "from", "to", "from_build_time", "to_build_time", "use", "dependencies", "from_build_id", "to_build_id", "from_size", "to_size")
			for _, r := range d.Changes {
				c.Row(string(r.Action), r.Slot, r.From, r.To, r.FromBuildTime, r.ToBuildTime, r.Use, strings.Join(r.Dependencies, " "), r.FromBuildID, r.ToBuildID, r.FromSize, r.ToSize)
			}
			return c.Close()
		},
		Text: func(s *screen.Screen) {
			s.Line(screen.Bold.Text(countActions(d.Changes)))
			s.Paragraph(0, screen.Plain.Text("from "+targetText(d.From, o)))
			s.Paragraph(0, screen.Plain.Text("to   "+targetText(d.To, o)))
			s.Blank()
			if stat {
				statTable(s, d.Changes, o)
			} else {
				changesTable(s, d.Changes, o)
			}
			settingTable(s, d)
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
			parts = append(parts, screen.Count(int64(n), word, word+"s"))
		}
	}
	if len(parts) == 0 {
		return "no change"
	}
	return strings.Join(parts, ", ")
}

func changesTable(s *screen.Screen, changes []state.Change, o Output) {
	if len(changes) == 0 {
		return
	}
	t := s.Table(
		screen.Column{Title: "ACTION"},
		screen.Column{Title: "PACKAGE", Shrink: screen.CutMiddle, Yield: 3},
		screen.Column{Title: "FROM", Shrink: screen.CutMiddle, Yield: 2, Min: 12},
		screen.Column{Title: "TO", Shrink: screen.CutMiddle, Yield: 2, Min: 12},
		screen.Column{Title: "USE, DEPENDENCIES", Shrink: screen.CutEnd, Yield: 1, Optional: true},
	)
	for i := range changes {
		c := &changes[i]
		name, from, to := versions(c, o)
		t.Row(screen.Plain.Text(string(c.Action)), screen.Plain.Text(name), screen.Plain.Text(from), screen.Plain.Text(to), screen.Dim.Text(strings.TrimSpace(c.Use+" "+strings.Join(c.Dependencies, " "))))
	}
	t.End()
}

// settingTable shows what changed in the configuration.
func settingTable(s *screen.Screen, d *state.Diff) {
	if !d.SettingsKnown {
		s.Line(screen.Dim.Text("What changed in /etc/portage is not known: one of the states is older than the first ingest."))
		return
	}
	if len(d.Settings) == 0 {
		return
	}
	s.Blank()
	s.Heading("Settings")
	t := s.Table(screen.Column{Title: "KIND"}, screen.Column{Title: "OF"}, screen.Column{Title: "FROM", Shrink: screen.Wrap, Yield: 2, Min: 12}, screen.Column{Title: "TO", Shrink: screen.Wrap, Yield: 2, Min: 12}, screen.Column{Title: "SEEN", Shrink: screen.CutMiddle, Yield: 3, Optional: true})
	text := func(v *string) screen.Cell {
		switch {
		case v == nil:
			return screen.Dim.Text("none")
		case *v == "":
			return screen.Plain.Text("listed")
		}
		return screen.Plain.Text(*v)
	}
	for _, c := range d.Settings {
		t.Row(screen.Plain.Text(string(c.Kind)), screen.Plain.Text(c.Subject), text(c.Before), text(c.After), screen.Dim.Text(c.Origin))
	}
	t.End()
}

// statTable shows the builds and the bytes of each change, and their sum.
func statTable(s *screen.Screen, changes []state.Change, o Output) {
	if len(changes) == 0 {
		return
	}
	build := func(version string, id *int64) string {
		if id == nil {
			return version
		}
		return fmt.Sprintf("%s build %d", version, *id)
	}
	sum, unsized := int64(0), 0
	t := s.Table(screen.Column{Title: "ACTION"}, screen.Column{Title: "PACKAGE", Shrink: screen.CutMiddle, Yield: 3}, screen.Column{Title: "FROM"}, screen.Column{Title: "TO"}, screen.Column{Title: "SIZE", Align: screen.Right})
	for i := range changes {
		c := &changes[i]
		name, from, to := versions(c, o)
		size := screen.NotKnown
		if (c.From == nil || c.FromSize != nil) && (c.To == nil || c.ToSize != nil) {
			n := int64(0)
			if c.ToSize != nil {
				n += *c.ToSize
			}
			if c.FromSize != nil {
				n -= *c.FromSize
			}
			sum, size = sum+n, signedSize(n)
		} else {
			unsized++
		}
		t.Row(screen.Plain.Text(string(c.Action)), screen.Plain.Text(name), screen.Plain.Text(build(from, c.FromBuildID)), screen.Plain.Text(build(to, c.ToBuildID)), screen.Plain.Text(size))
	}
	t.End()
	total := "Installed files together: " + signedSize(sum)
	if unsized > 0 {
		total += fmt.Sprintf(", without %s of unknown size", screen.Count(int64(unsized), "package", "packages"))
	}
	s.Line(screen.Plain.Text(total))
}

// signedSize is a difference of sizes.
func signedSize(n int64) string {
	if n < 0 {
		return "-" + screen.Size(-n)
	}
	return "+" + screen.Size(n)
}

// versions splits the cpvs of a change into the package, with its slot where
// that is not 0, and the two versions.
func versions(c *state.Change, o Output) (name, from, to string) {
	from, to = screen.NotKnown, screen.NotKnown
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
