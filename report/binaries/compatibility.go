package binaries

import (
	"fmt"
	"iter"
	"path"
	"strings"

	"emaudit/audit/acceptance"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Compatibility is the answer to: would Portage take each binary package?
func Compatibility(c *acceptance.Compatibility, o report.Output) report.Answer {
	return report.Answer{
		Findings: c.Findings,
		Keys:     func(j *report.JSON) { report.WriteArray(j, "instances", c.Rows) },
		Rows:     compatibilityColumns(true).CSV(c.Rows),
		Text:     func(s *screen.Screen) { compatibilityText(s, c, o) },
	}
}

// ReasonCodes lists the codes of reasons.
func ReasonCodes(reasons []acceptance.Reason) string {
	var codes []string
	for _, r := range reasons {
		codes = append(codes, r.Code)
	}
	return strings.Join(codes, " ")
}

// usableRoles say how the answers look.
var usableRoles = map[acceptance.Usable]screen.Role{acceptance.UsableYes: screen.Good, acceptance.UsableNo: screen.Bad, acceptance.UsableUnknown: screen.Unknown}

// compatibilityColumns describe what Portage would say of binary packages, with the
// notes or without.
func compatibilityColumns(notes bool) table.Table[acceptance.CompatibilityRow] {
	return table.Table[acceptance.CompatibilityRow]{
		{Name: "pkgdir"},
		{Name: "path", Title: "Binpkg", Shrink: screen.CutMiddle, Yield: 2},
		{Name: "cpv"},
		{Name: "build_id"},
		{Name: "build_time"},
		{Name: "usable", Title: "Usable", Show: func(r *acceptance.CompatibilityRow) screen.Cell { return usableRoles[r.Usable].Text(string(r.Usable)) }},
		{Name: "reasons", Value: func(r *acceptance.CompatibilityRow) any { return ReasonCodes(r.Reasons) }, Title: "Why", Shrink: screen.Wrap, Yield: 1, Min: 24, Show: func(r *acceptance.CompatibilityRow) screen.Cell {
			return reasonsCell(r.Reasons, notes)
		}},
	}
}

// reasonsCell shows reasons, with the notes or without.
func reasonsCell(reasons []acceptance.Reason, notes bool) screen.Cell {
	var why []string
	for _, reason := range reasons {
		if reason.Effect != acceptance.EffectNote || notes {
			why = append(why, reason.Code+": "+reason.Detail)
		}
	}
	return screen.Plain.Text(strings.Join(why, "; "))
}

func compatibilityText(s *screen.Screen, c *acceptance.Compatibility, o report.Output) {
	no, unsure := c.Count(acceptance.UsableNo), c.Count(acceptance.UsableUnknown)
	role := screen.Good
	switch {
	case no > 0:
		role = screen.Warn
	case unsure > 0:
		role = screen.Unknown
	}
	s.Sentence(role.Text(fmt.Sprintf("%d of %d", c.Count(acceptance.UsableYes), c.All())),
		screen.Plain.Text(fmt.Sprintf(" binary packages would be accepted by emerge --usepkgonly: %d refused, %d unknown", no, unsure)))
	s.Blank()
	rows := c.Rows
	if !o.Verbose {
		rows = table.All(alikeTogether(rows))
	}
	if compatibilityColumns(o.Verbose).Screen(s, 0, rows) > 0 {
		s.Blank()
	}
	s.Findings(c.Findings, o.FindingOptions())
}

// fewAlike is how many binary packages that are not accepted for the same reasons have a
// row each. More are counted in one.
const fewAlike = 3

// alikeTogether returns the rows that are not accepted. Many that have the same reasons
// are one row, with their number in the place of the path.
func alikeTogether(rows iter.Seq2[*acceptance.CompatibilityRow, error]) []acceptance.CompatibilityRow {
	var order []string
	alike, number := map[string][]acceptance.CompatibilityRow{}, map[string]int{}
	for r := range rows {
		if r.Usable == acceptance.UsableYes {
			continue
		}
		key := string(r.Usable)
		for _, reason := range r.Reasons {
			if reason.Effect != acceptance.EffectNote {
				key += "\x00" + reason.Code + "\x00" + reason.Detail
			}
		}
		if alike[key] == nil {
			order = append(order, key)
		}
		if number[key]++; number[key] <= fewAlike {
			alike[key] = append(alike[key], *r)
		}
	}
	var out []acceptance.CompatibilityRow
	for _, key := range order {
		same := alike[key]
		if n := number[key]; n > fewAlike {
			same[0].Path = screen.Count(int64(n), "file", "files") + ", as " + path.Base(same[0].Path)
			same = same[:1]
		}
		out = append(out, same...)
	}
	return out
}

// CompatibilityLine is the answer in a line.
func CompatibilityLine(c *acceptance.Compatibility) screen.SummaryLine {
	l := screen.SummaryLine{Label: "COMPATIBLE", Command: "emaudit audit compatibility"}
	yes, no, unsure := c.Count(acceptance.UsableYes), c.Count(acceptance.UsableNo), c.Count(acceptance.UsableUnknown)
	role := screen.Good
	switch {
	case c.All() == 0:
		l.Verdict, l.Text = screen.Unknown.Text("unknown"), "no binary package was found"
		return l
	case no > 0:
		role = screen.Warn
	case unsure > 0:
		role = screen.Unknown
	}
	l.Verdict = role.Text(fmt.Sprintf("%d of %d", yes, c.All()))
	l.Text = screen.Tally(screen.Many(yes, "accepted by emerge --usepkgonly"), screen.Many(no, "refused"), screen.Many(unsure, "unknown"))
	return l
}
