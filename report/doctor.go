package report

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/overview"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// Doctor is the answer to: are Portage's settings as a rollback needs them?
func Doctor(d *overview.Doctor, o Output) Answer {
	return Answer{
		Findings: d.Findings,
		Keys: func(j *JSON) {
			j.Value("settings", d.Settings)
			j.Value("space", d.Space)
			j.Value("checks", d.Checks)
			j.Value("checks_passed", d.Passed)
		},
		Rows: SettingColumns.CSV(table.All(d.Settings)),
		Text: func(s *screen.Screen) {
			s.PathsInRoot()
			role, word := screen.Good, "right for a rollback"
			if d.Passed < d.Checks {
				role, word = screen.Warn, "not all right for a rollback"
			}
			s.Line(role.Text(fmt.Sprintf("%d of %d", d.Passed, d.Checks)), screen.Plain.Text(" checks passed: settings are "+word))
			s.Blank()
			s.Findings(d.Findings, screen.FindingOptions{Evidence: o.Verbose})
			if len(d.Findings) > 0 {
				s.Blank()
			}
			if SpaceColumns.Screen(s, 0, table.All(d.Space)) > 0 {
				s.Blank()
			}
			SettingColumns.Screen(s, 0, table.Where(d.Settings, func(p *overview.SettingRow) bool { return p.Value != "" || o.Verbose }))
		},
	}
}

// SettingColumns describe the settings in force.
var SettingColumns = table.Table[overview.SettingRow]{
	{Name: "name", Title: "Setting", Type: table.Code},
	{Of: "source", Title: "From", Role: screen.Dim, Shrink: screen.CutMiddle, Yield: 1, Min: 12},
	{Name: "value", Title: "Value", Type: table.Code, Shrink: screen.Wrap, Yield: 2, Min: 24},
	{Name: "source"},
}

// SpaceColumns describe the room on the disks.
var SpaceColumns = table.Table[audit.Space]{
	{Of: "path", Title: "Folder", Type: table.Code, Shrink: screen.CutMiddle},
	{Title: "For", Show: func(p *audit.Space) screen.Cell { return screen.Plain.Text(spaceRoles[p.Role]) }},
	{Of: "free", Title: "Free", Type: table.Size},
	{Of: "total", Title: "Of", Type: table.Size},
}

var spaceRoles = map[string]string{audit.SpacePkgDir: "binary packages", audit.SpaceBinhost: "fetched packages", audit.SpaceExtra: "binary packages", audit.SpaceTmp: "builds"}
