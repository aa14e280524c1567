package report

import (
	"io"

	"emaudit/audit"
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
		Text: func(s *Screen) {
			t := s.Table(Column{Title: "SOURCE"}, Column{Title: "PATH", Shrink: CutMiddle}, Column{Title: "STATE"}, Column{Title: "", Shrink: CutEnd})
			for _, r := range rows {
				state := Dim.Text("unchanged")
				switch {
				case r.Condition != "read":
					state = Bad.Text(r.Condition)
				case r.Changed:
					state = Good.Text("updated")
				}
				t.Row(Plain.Text(r.Source), Plain.Text(r.Path), state, Plain.Text(r.Summary))
			}
			t.End()
			if len(findings) > 0 {
				s.Blank()
				s.Findings(findings, o.findingOptions())
			}
		},
	}
}
