package report

import (
	"fmt"
	"io"

	"emaudit/audit/overview"
	"emaudit/report/screen"
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
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "name", "value", "source")
			for _, s := range d.Settings {
				c.Row(s.Name, s.Value, s.Source)
			}
			return c.Close()
		},
		Text: func(s *screen.Screen) {
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
			if len(d.Space) > 0 {
				t := s.Table(screen.Column{Title: "FOLDER", Shrink: screen.CutMiddle}, screen.Column{Title: "FOR"}, screen.Column{Title: "FREE", Align: screen.Right}, screen.Column{Title: "OF", Align: screen.Right})
				for _, p := range d.Space {
					t.Row(screen.Plain.Text(p.Path), screen.Plain.Text(SpaceRoles[p.Role]), screen.Plain.Text(screen.Size(p.Free)), screen.Plain.Text(screen.Size(p.Total)))
				}
				t.End()
				s.Blank()
			}
			t := s.Table(screen.Column{Title: "SETTING"}, screen.Column{Title: "FROM", Shrink: screen.CutMiddle, Yield: 1, Min: 12}, screen.Column{Title: "VALUE", Shrink: screen.Wrap, Yield: 2, Min: 24})
			for _, p := range d.Settings {
				if p.Value == "" && !o.Verbose {
					continue
				}
				t.Row(screen.Plain.Text(p.Name), screen.Dim.Text(p.Source), screen.Plain.Text(p.Value))
			}
			t.End()
		},
	}
}

var SpaceRoles = map[string]string{"pkgdir": "binary packages", "binhost": "fetched packages", "extra": "binary packages", "tmp": "builds"}
