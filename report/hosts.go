package report

import (
	"fmt"
	"io"

	"emaudit/report/screen"
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

// Hosts lists the hosts of the database.
func Hosts(rows []HostRow, o Output) Answer {
	return Answer{
		Keys: func(j *JSON) { j.Value("hosts", rows) },
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "name", "root", "merged", "created_at", "known_until", "installed", "binpkgs", "runs")
			for _, r := range rows {
				c.Row(r.Name, r.Root, r.Merged, r.CreatedAt, r.KnownUntil, r.Installed, r.Binpkgs, r.Runs)
			}
			return c.Close()
		},
		Text: func(s *screen.Screen) {
			t := s.Table(screen.Column{Title: "HOST"}, screen.Column{Title: "ROOT", Shrink: screen.CutMiddle}, screen.Column{Title: "INSTALLED", Align: screen.Right}, screen.Column{Title: "BINPKGS", Align: screen.Right}, screen.Column{Title: "RUNS", Align: screen.Right}, screen.Column{Title: "KNOWN UNTIL"})
			for _, r := range rows {
				root := r.Root
				if r.Merged {
					root += " of another machine"
				}
				t.Row(screen.Plain.Text(r.Name), screen.Plain.Text(root), screen.Plain.Text(screen.Number(int64(r.Installed))), screen.Plain.Text(screen.Number(int64(r.Binpkgs))), screen.Plain.Text(screen.Number(int64(r.Runs))), screen.Plain.Text(o.Terminal.Time(r.KnownUntil)))
			}
			t.End()
		},
	}
}

// MergedRow is what a merge did with one host.
type MergedRow struct {
	Host    string `json:"host"`
	Rows    int    `json:"rows"`
	Changed bool   `json:"changed"`
}

// Merged says what a merge did.
func Merged(rows []MergedRow) Answer {
	return Answer{
		Keys: func(j *JSON) { j.Value("merged", rows) },
		Rows: func(w io.Writer) error {
			c := NewCSV(w, "host", "rows", "changed")
			for _, r := range rows {
				c.Row(r.Host, r.Rows, r.Changed)
			}
			return c.Close()
		},
		Text: func(s *screen.Screen) {
			for _, r := range rows {
				text := "nothing new"
				if r.Changed {
					text = fmt.Sprintf("%s merged", screen.Count(int64(r.Rows), "fact", "facts"))
				}
				s.Line(screen.Bold.Text(r.Host), screen.Plain.Text(": "+text))
			}
		},
	}
}
