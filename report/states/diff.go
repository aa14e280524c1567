package states

import (
	"fmt"
	"slices"
	"strings"

	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Diff answers what changed between two states. With stat, the text has sums and sizes
// instead of USE and dependencies.
func Diff(d *state.Diff, stat bool, o report.Output) report.Answer {
	return report.Answer{
		Findings: d.Findings,
		Keys: func(j *report.JSON) {
			j.Value("from", d.From)
			j.Value("to", d.To)
			j.Value("changes", d.Changes)
			j.Value("settings", d.Settings)
			j.Value("settings_known", d.SettingsKnown)
		},
		Rows: changeColumns(o).CSV(table.All(d.Changes)),
		Text: func(s *screen.Screen) {
			s.Line(screen.Bold.Text(countActions(d.Changes)))
			s.Paragraph(0, screen.Plain.Text("from "+targetText(d.From, o)))
			s.Paragraph(0, screen.Plain.Text("to   "+targetText(d.To, o)))
			s.Blank()
			if stat {
				statTable(s, d.Changes, o)
			} else {
				changeColumns(o).Screen(s, 0, table.All(d.Changes))
			}
			settingTable(s, d)
			if len(d.Findings) > 0 {
				s.Blank()
				s.Findings(d.Findings, o.FindingOptions())
			}
		},
	}
}

var actionOrder = []state.Action{state.ActionUpgrade, state.ActionDowngrade, state.ActionReinstall, state.ActionInstall, state.ActionRemove}

// countActions returns the number of changes of each kind.
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

// changeColumns are the columns of changes.
func changeColumns(o report.Output) table.Table[state.Change] {
	version := func(which func(name, from, to string) string) func(*state.Change) screen.Cell {
		return func(c *state.Change) screen.Cell { return screen.Plain.Text(which(versions(c, o))) }
	}
	return table.Table[state.Change]{
		{Name: "action", Title: "Action"},
		{Title: "Package", Shrink: screen.CutMiddle, Yield: 3, Show: version(func(name, _, _ string) string { return name })},
		{Name: "slot"},
		{Name: "from", Title: "From", Shrink: screen.CutMiddle, Yield: 2, Min: 12, Show: version(func(_, from, _ string) string { return from })},
		{Name: "to", Title: "To", Shrink: screen.CutMiddle, Yield: 2, Min: 12, Show: version(func(_, _, to string) string { return to })},
		{Name: "from_build_time"},
		{Name: "to_build_time"},
		{Name: "use"},
		{Name: "dependencies"},
		{Title: "USE, dependencies", Shrink: screen.CutEnd, Yield: 1, Optional: true, Show: func(c *state.Change) screen.Cell {
			return screen.Dim.Text(strings.TrimSpace(c.Use + " " + strings.Join(c.Dependencies, " ")))
		}},
		{Name: "from_build_id"},
		{Name: "to_build_id"},
		{Name: "from_size"},
		{Name: "to_size"},
	}
}

// settingTable prints changes of the configuration.
func settingTable(s *screen.Screen, d *state.Diff) {
	if !d.SettingsKnown {
		s.Paragraph(0, screen.Dim.Text("What changed in /etc/portage is not known: one of the states is older than the first ingest."))
		return
	}
	if len(d.Settings) == 0 {
		return
	}
	s.Blank()
	s.Heading("Settings")
	settingChangeColumns.Screen(s, 0, table.All(d.Settings))
}

// settingChangeColumns are the columns of changes of the configuration.
var settingChangeColumns = table.Table[state.SettingChange]{
	{Of: "kind", Title: "Kind"},
	{Of: "subject", Title: "Of"},
	{Title: "From", Shrink: screen.Wrap, Yield: 2, Min: 12, Show: func(c *state.SettingChange) screen.Cell { return settingCell(c.Before) }},
	{Title: "To", Shrink: screen.Wrap, Yield: 2, Min: 12, Show: func(c *state.SettingChange) screen.Cell { return settingCell(c.After) }},
	{Of: "origin", Title: "Seen", Role: screen.Dim, Shrink: screen.CutMiddle, Yield: 3, Optional: true},
}

func settingCell(value *string) screen.Cell {
	switch {
	case value == nil:
		return screen.Dim.Text("none")
	case *value == "":
		return screen.Plain.Text("listed")
	}
	return screen.Plain.Text(*value)
}

// statTable shows the builds and the bytes of each change, and their sum.
func statTable(s *screen.Screen, changes []state.Change, o report.Output) {
	if len(changes) == 0 {
		return
	}
	build := func(version string, id *int64) screen.Cell {
		if id != nil {
			version = fmt.Sprintf("%s build %d", version, *id)
		}
		return screen.Plain.Text(version)
	}
	columns := slices.Clone(changeColumns(o).Without("USE, dependencies").With(table.Column[state.Change]{Title: "Size", Type: table.Size, Show: func(c *state.Change) screen.Cell {
		if grown, known := grownBy(c); known {
			return screen.Plain.Text(signedSize(grown))
		}
		return screen.Plain.Text(screen.NotKnown)
	}}))
	for i := range columns {
		switch columns[i].Title {
		case "From":
			columns[i].Shrink, columns[i].Show = screen.Keep, func(c *state.Change) screen.Cell { _, from, _ := versions(c, o); return build(from, c.FromBuildID) }
		case "To":
			columns[i].Shrink, columns[i].Show = screen.Keep, func(c *state.Change) screen.Cell { _, _, to := versions(c, o); return build(to, c.ToBuildID) }
		}
	}
	columns.Screen(s, 0, table.All(changes))
	sum, unsized := int64(0), 0
	for i := range changes {
		if grown, known := grownBy(&changes[i]); known {
			sum += grown
		} else {
			unsized++
		}
	}
	total := "Installed files together: " + signedSize(sum)
	if unsized > 0 {
		total += fmt.Sprintf(", without %s of unknown size", screen.Count(int64(unsized), "package", "packages"))
	}
	s.Line(screen.Plain.Text(total))
}

// grownBy is by how many bytes the installed files of a package have grown.
func grownBy(c *state.Change) (grown int64, known bool) {
	if c.From != nil && c.FromSize == nil || c.To != nil && c.ToSize == nil {
		return 0, false
	}
	if c.ToSize != nil {
		grown += *c.ToSize
	}
	if c.FromSize != nil {
		grown -= *c.FromSize
	}
	return grown, true
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
func versions(c *state.Change, o report.Output) (name, from, to string) {
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
		// The day, or the minute, distinguishes the builds.
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

// versionLike reports whether what follows a hyphen can be a version: of a name
// such as font-100dpi-1.0 only the last part.
func versionLike(s string) bool {
	rest := s
	if i := strings.LastIndex(rest, "-r"); i > 0 && strings.Trim(rest[i+2:], "0123456789") == "" {
		rest = rest[:i]
	}
	return !strings.Contains(rest, "-")
}
