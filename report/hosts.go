package report

import (
	"fmt"

	"emaudit/report/screen"
	"emaudit/report/table"
)

// HostRow is one host of the database.
type HostRow struct {
	Name       string `json:"name"`
	Root       string `json:"root"`
	Merged     bool   `json:"merged"` // it came from another machine's database
	CreatedAt  int64  `json:"created_at"`
	KnownUntil int64  `json:"known_until"` // the last ingest, unix seconds; 0 = nothing was read
	Installed  int    `json:"installed"`
	Binpkgs    int    `json:"binpkgs"`
	Runs       int    `json:"runs"`
}

// hostColumns describe the hosts of a database.
var hostColumns = table.Table[HostRow]{
	{Name: "name", Title: "Host"},
	{Name: "root", Title: "Root", Shrink: screen.CutMiddle, Show: func(r *HostRow) screen.Cell {
		if r.Merged {
			return screen.Plain.Text(r.Root + " of another machine")
		}
		return screen.Plain.Text(r.Root)
	}},
	{Name: "merged"},
	{Name: "created_at"},
	{Name: "known_until"},
	{Name: "installed", Title: "Installed", Type: table.Number},
	{Name: "binpkgs", Title: "Binpkgs", Type: table.Number},
	{Name: "runs", Title: "Runs", Type: table.Number},
	{Of: "known_until", Title: "Known until", Type: table.Moment},
}

// Hosts lists the hosts of the database.
func Hosts(rows []HostRow) Answer {
	return Answer{
		Keys: func(j *JSON) { j.Value("hosts", rows) },
		Rows: hostColumns.CSV(table.All(rows)),
		Text: func(s *screen.Screen) { hostColumns.Screen(s, 0, table.All(rows)) },
	}
}

// MergedRow is what a merge did with one host.
type MergedRow struct {
	Host    string `json:"host"`
	Rows    int    `json:"rows"`
	Changed bool   `json:"changed"`
	// Older is how much later, in seconds, the host was known here already.
	Older int64 `json:"older_seconds"`
	// LostRuns is how many runs fewer the host has now.
	LostRuns int `json:"lost_runs"`
}

// Merged says what a merge did.
func Merged(rows []MergedRow) Answer {
	return Answer{
		Keys: func(j *JSON) { j.Value("merged", rows) },
		Rows: table.Data[MergedRow]("host", "rows", "changed", "older_seconds", "lost_runs").CSV(table.All(rows)),
		Text: func(s *screen.Screen) {
			for _, r := range rows {
				text := "nothing new"
				if r.Older > 0 {
					text = "nothing new: this database knows more of it"
				}
				if r.Changed {
					text = fmt.Sprintf("%s merged", screen.Count(int64(r.Rows), "fact", "facts"))
				}
				s.Line(screen.Bold.Text(r.Host), screen.Plain.Text(": "+text))
			}
		},
	}
}
