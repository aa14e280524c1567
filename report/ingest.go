package report

import (
	"io"

	"emaudit/audit"
	"emaudit/report/screen"
)

// IngestRow is what an ingest did with one source.
type IngestRow struct {
	Source    string `json:"source"`
	Path      string `json:"path"`
	Condition string `json:"condition"` // read, missing, unreadable
	Problem   string `json:"problem"`
	Changed   bool   `json:"changed"`
	Read      int64  `json:"read"` // files or bytes that had to be read
	Summary   string `json:"summary"`
	Damage    int    `json:"damage"` // pieces of damage met now
}

// Ingest is what an ingest did.
func Ingest(rows []IngestRow, findings []audit.Finding, o Output) Answer {
	return Answer{
		Findings: findings,
		Keys:     func(j *JSON) { j.Value("sources", rows) },
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "source", "path", "condition", "problem", "changed", "read", "summary", "damage")
			for _, r := range rows {
				c.Row(r.Source, r.Path, r.Condition, r.Problem, r.Changed, r.Read, r.Summary, r.Damage)
			}
			return c.Close()
		},
		Text: func(s *screen.Screen) {
			t := s.Table(screen.Column{Title: "SOURCE"}, screen.Column{Title: "PATH", Shrink: screen.CutMiddle}, screen.Column{Title: "STATE"}, screen.Column{Title: "", Shrink: screen.CutEnd})
			for _, r := range rows {
				state := screen.Dim.Text("unchanged")
				switch {
				case r.Condition != "read":
					state = screen.Bad.Text(r.Condition)
				case r.Changed:
					state = screen.Good.Text("updated")
				}
				t.Row(screen.Plain.Text(r.Source), screen.Plain.Text(r.Path), state, screen.Plain.Text(r.Summary))
			}
			t.End()
			if len(findings) > 0 {
				s.Blank()
				s.Findings(findings, o.findingOptions())
			}
		},
	}
}
