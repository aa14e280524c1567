package report

import (
	"fmt"
	"io"

	"emaudit/audit/overview"
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
		Text: func(s *Screen) {
			role, word := Good, "right for a rollback"
			if d.Passed < d.Checks {
				role, word = Warn, "not all right for a rollback"
			}
			s.Line(role.Text(fmt.Sprintf("%d of %d", d.Passed, d.Checks)), Plain.Text(" checks passed: settings are "+word))
			s.Blank()
			s.Findings(d.Findings, FindingOptions{Evidence: o.Verbose})
			if len(d.Findings) > 0 {
				s.Blank()
			}
			if len(d.Space) > 0 {
				t := s.Table(Column{Title: "FOLDER", Shrink: CutMiddle}, Column{Title: "FOR"}, Column{Title: "FREE", Align: Right}, Column{Title: "OF", Align: Right})
				for _, p := range d.Space {
					t.Row(Plain.Text(p.Path), Plain.Text(SpaceRoles[p.Role]), Plain.Text(Size(p.Free)), Plain.Text(Size(p.Total)))
				}
				t.End()
				s.Blank()
			}
			t := s.Table(Column{Title: "SETTING"}, Column{Title: "FROM", Shrink: CutMiddle, Yield: 1, Min: 12}, Column{Title: "VALUE", Shrink: Wrap, Yield: 2, Min: 24})
			for _, p := range d.Settings {
				if p.Value == "" && !o.Verbose {
					continue
				}
				t.Row(Plain.Text(p.Name), Dim.Text(p.Source), Plain.Text(p.Value))
			}
			t.End()
		},
	}
}

var SpaceRoles = map[string]string{"pkgdir": "binary packages", "binhost": "fetched packages", "extra": "binary packages", "tmp": "builds"}
