package binaries

import (
	"fmt"

	"emaudit/audit/acceptance"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Clients is the answer to: which hosts could use a binary package?
func Clients(rows []acceptance.ClientRow, o report.Output) report.Answer {
	return report.Answer{
		Keys: func(j *report.JSON) { j.Value("clients", rows) },
		Rows: clientColumns(true).CSV(table.All(rows)),
		Text: func(s *screen.Screen) { clientsText(s, rows, o) },
	}
}

// clientColumns describe the answers, with the notes or without.
func clientColumns(notes bool) table.Table[acceptance.ClientRow] {
	return table.Table[acceptance.ClientRow]{
		{Name: "cpv"},
		{Name: "pkgdir"},
		{Name: "path", Title: "Binpkg", Shrink: screen.CutMiddle, Yield: 2},
		{Name: "build_id"},
		{Name: "build_time"},
		{Name: "host", Title: "Host", Shrink: screen.CutMiddle, Yield: 3},
		{Name: "known_until"},
		{Name: "usable", Title: "Usable", Show: func(r *acceptance.ClientRow) screen.Cell { return usableRoles[r.Usable].Text(string(r.Usable)) }},
		{Name: "reasons", Value: func(r *acceptance.ClientRow) any { return ReasonCodes(r.Reasons) }, Title: "Why", Shrink: screen.Wrap, Yield: 1, Min: 24, Show: func(r *acceptance.ClientRow) screen.Cell {
			return reasonsCell(r.Reasons, notes)
		}},
	}
}

func clientsText(s *screen.Screen, rows []acceptance.ClientRow, o report.Output) {
	of := map[acceptance.Usable]int{}
	hosts := map[string]bool{}
	could := map[string]bool{}
	for i := range rows {
		of[rows[i].Usable]++
		hosts[rows[i].Host] = true
		could[rows[i].Host] = could[rows[i].Host] || rows[i].Usable == acceptance.UsableYes
	}
	yes := 0
	for _, one := range could {
		if one {
			yes++
		}
	}
	role := screen.Good
	switch {
	case of[acceptance.UsableYes] == 0 && of[acceptance.UsableUnknown] > 0:
		role = screen.Unknown
	case of[acceptance.UsableYes] == 0:
		role = screen.Warn
	}
	s.Line(role.Text(fmt.Sprintf("%d of %d", yes, len(hosts))), screen.Plain.Text(fmt.Sprintf(
		" hosts could use one: of the answers, %d yes, %d no, %d unknown", of[acceptance.UsableYes], of[acceptance.UsableNo], of[acceptance.UsableUnknown])))
	s.Blank()
	clientColumns(o.Verbose).Screen(s, 0, table.All(rows))
}
