package report

import (
	"fmt"
	"io"

	"emaudit/audit/acceptance"
	"emaudit/report/screen"
)

// Compatibility is the answer to: would Portage take each binary package?
func Compatibility(c *acceptance.Compatibility, o Output) Answer {
	return Answer{
		Findings: c.Findings,
		Keys:     func(j *JSON) { j.Value("instances", c.Rows) },
		Rows: func(w io.Writer) error {
			rows := NewCSV(w, "pkgdir", "path", "cpv", "build_id", "build_time", "usable", "reasons")
			for i := range c.Rows {
				r := &c.Rows[i]
				rows.Row(r.PkgDir, r.Path, r.CPV, r.BuildID, r.BuildTime, string(r.Usable), ReasonCodes(r.Reasons))
			}
			return rows.Close()
		},
		Text: func(s *screen.Screen) { compatibilityText(s, c, o) },
	}
}

var UsableRoles = map[acceptance.Usable]screen.Role{acceptance.UsableYes: screen.Good, acceptance.UsableNo: screen.Bad, acceptance.UsableUnknown: screen.Unknown}

func compatibilityText(s *screen.Screen, c *acceptance.Compatibility, o Output) {
	no, unsure := c.Count(acceptance.UsableNo), c.Count(acceptance.UsableUnknown)
	role := screen.Good
	switch {
	case no > 0:
		role = screen.Warn
	case unsure > 0:
		role = screen.Unknown
	}
	s.Line(role.Text(fmt.Sprintf("%d of %d", c.Count(acceptance.UsableYes), len(c.Rows))),
		screen.Plain.Text(fmt.Sprintf(" binary packages would be accepted by emerge --usepkgonly: %d refused, %d unknown", no, unsure)))
	s.Blank()
	t := s.Table(screen.Column{Title: "BINPKG", Shrink: screen.CutMiddle, Yield: 2}, screen.Column{Title: "USABLE"}, screen.Column{Title: "WHY", Shrink: screen.Wrap, Yield: 1, Min: 24})
	shown := 0
	for i := range c.Rows {
		r := &c.Rows[i]
		if r.Usable == acceptance.UsableYes && !o.Verbose {
			continue
		}
		shown++
		why := ""
		for _, reason := range r.Reasons {
			if reason.Effect != acceptance.EffectNote || o.Verbose {
				if why != "" {
					why += "; "
				}
				why += reason.Code + ": " + reason.Detail
			}
		}
		t.Row(screen.Plain.Text(r.Path), UsableRoles[r.Usable].Text(string(r.Usable)), screen.Plain.Text(why))
	}
	t.End()
	if shown > 0 {
		s.Blank()
	}
	s.Findings(c.Findings, o.findingOptions())
}

// CompatibilityLine is the answer in a line.
func CompatibilityLine(c *acceptance.Compatibility) screen.SummaryLine {
	l := screen.SummaryLine{Label: "COMPATIBLE", Command: "emaudit audit compatibility"}
	yes, no, unsure := c.Count(acceptance.UsableYes), c.Count(acceptance.UsableNo), c.Count(acceptance.UsableUnknown)
	role := screen.Good
	switch {
	case len(c.Rows) == 0:
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), "no binary package was found"
		return l
	case no > 0:
		role = screen.Warn
	case unsure > 0:
		role = screen.Unknown
	}
	l.Verdict = role.Text(fmt.Sprintf("%d of %d", yes, len(c.Rows)))
	l.Text = screen.Tally(screen.Many(yes, "accepted by emerge --usepkgonly"), screen.Many(no, "refused"), screen.Many(unsure, "unknown"))
	return l
}
