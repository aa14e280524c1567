package report

import (
	"emaudit/audit"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// IngestRow is the result of an ingest for one source.
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

// ingestColumns are the columns about an ingest.
var ingestColumns = table.Table[IngestRow]{
	{Name: "source", Title: "Source"},
	{Name: "path", Title: "Path", Shrink: screen.CutMiddle},
	{Name: "condition", Title: "State", Show: func(r *IngestRow) screen.Cell {
		switch {
		case r.Condition != "read":
			return screen.Bad.Text(r.Condition)
		case r.Changed:
			return screen.Good.Text("updated")
		}
		return screen.Dim.Text("unchanged")
	}},
	{Name: "problem"},
	{Name: "changed"},
	{Name: "read"},
	{Name: "summary", Shrink: screen.CutEnd, Show: func(r *IngestRow) screen.Cell { return screen.Plain.Text(r.Summary) }},
	{Name: "damage"},
}

// Ingest is the result of an ingest.
func Ingest(rows []IngestRow, findings []audit.Finding, o Output) Answer {
	return Answer{
		Findings: findings,
		Keys:     func(j *JSON) { j.Value("sources", rows) },
		Rows:     ingestColumns.CSV(table.All(rows)),
		Text: func(s *screen.Screen) {
			s.PathsInRoot()
			ingestColumns.Screen(s, 0, table.All(rows))
			if len(findings) > 0 {
				s.Blank()
				s.Findings(findings, o.FindingOptions())
			}
		},
	}
}

// PushedRow is the result of a push.
type PushedRow struct {
	Host    string `json:"host"`    // its name in the fleet
	Fleet   string `json:"fleet"`   // its address, without user and password
	Rows    int64  `json:"rows"`    // that were sent
	Removed int64  `json:"removed"` // rows of the fleet that were replaced or taken away
	Changed bool   `json:"changed"`
}

// Pushed returns the answer about a push.
func Pushed(r PushedRow) Answer {
	return Answer{
		Keys: func(j *JSON) { j.Value("pushed", r) },
		Rows: table.Data[PushedRow]("host", "fleet", "rows", "removed", "changed").CSV(table.All([]PushedRow{r})),
		Text: func(s *screen.Screen) {
			text := "nothing new"
			if r.Changed {
				text = screen.Count(r.Rows, "row", "rows") + " sent"
			}
			s.Line(screen.Bold.Text(r.Host), screen.Plain.Text(": "+text))
		},
	}
}
