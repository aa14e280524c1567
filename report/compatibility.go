package report

import (
	"fmt"
	"io"

	"emaudit/audit/acceptance"
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
		Text: func(s *Screen) { compatibilityText(s, c, o) },
	}
}

var UsableRoles = map[acceptance.Usable]Role{acceptance.UsableYes: Good, acceptance.UsableNo: Bad, acceptance.UsableUnknown: Unknown}

func compatibilityText(s *Screen, c *acceptance.Compatibility, o Output) {
	no, unsure := c.Count(acceptance.UsableNo), c.Count(acceptance.UsableUnknown)
	role := Good
	switch {
	case no > 0:
		role = Warn
	case unsure > 0:
		role = Unknown
	}
	s.Line(role.Text(fmt.Sprintf("%d of %d", c.Count(acceptance.UsableYes), len(c.Rows))),
		Plain.Text(fmt.Sprintf(" binary packages would be accepted by emerge --usepkgonly: %d refused, %d unknown", no, unsure)))
	s.Blank()
	t := s.Table(Column{Title: "BINPKG", Shrink: CutMiddle, Yield: 2}, Column{Title: "USABLE"}, Column{Title: "WHY", Shrink: Wrap, Yield: 1, Min: 24})
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
		t.Row(Plain.Text(r.Path), UsableRoles[r.Usable].Text(string(r.Usable)), Plain.Text(why))
	}
	t.End()
	if shown > 0 {
		s.Blank()
	}
	s.Findings(c.Findings, o.findingOptions())
}

// CompatibilityLine is the answer in a line.
func CompatibilityLine(c *acceptance.Compatibility) SummaryLine {
	l := SummaryLine{Label: "COMPATIBLE", Command: "emaudit audit compatibility"}
	yes, no, unsure := c.Count(acceptance.UsableYes), c.Count(acceptance.UsableNo), c.Count(acceptance.UsableUnknown)
	role := Good
	switch {
	case len(c.Rows) == 0:
		l.Verdict, l.Text = Unknown.Text("unknown"), "no binary package was found"
		return l
	case no > 0:
		role = Warn
	case unsure > 0:
		role = Unknown
	}
	l.Verdict = role.Text(fmt.Sprintf("%d of %d", yes, len(c.Rows)))
	l.Text = tally(tallied{yes, "accepted by emerge --usepkgonly"}, tallied{no, "refused"}, tallied{unsure, "unknown"})
	return l
}
