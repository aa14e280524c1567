package report

import (
	"emaudit/report/screen"
	"emaudit/report/table"
)

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
