package states

import (
	"fmt"

	"emaudit/audit/binpkgs"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/screen"
	"emaudit/report/table"
)

// HostRow is one host of the database.
type HostRow struct {
	Name         string              `json:"name"`
	Root         string              `json:"root"`
	Merged       bool                `json:"merged"` // it came from another machine's database
	CreatedAt    int64               `json:"created_at"`
	KnownUntil   int64               `json:"known_until"` // the last ingest, unix seconds; 0 = nothing was read
	Stale        bool                `json:"stale"`
	LastSync     *int64              `json:"last_sync"`
	LastUpdate   *int64              `json:"last_update"`
	Rollback     *rollback.Readiness `json:"rollback"` // the verdict about undoing the last update
	FailuresOpen int                 `json:"failures_open"`
	Installed    int                 `json:"installed"`
	Uncovered    int                 `json:"uncovered"` // packages whose build has no binary package, or of which that is not known
	Binpkgs      int                 `json:"binpkgs"`
	Bytes        int64               `json:"bytes"`
	Runs         int                 `json:"runs"`
}

// HostRows are the rows of answers about hosts.
func HostRows(all []overview.HostStatus) []HostRow {
	rows := []HostRow{}
	for _, h := range all {
		r := HostRow{
			Name: h.Name, Root: h.Root, CreatedAt: h.CreatedAt, KnownUntil: h.KnownUntil, Stale: h.Stale, LastSync: binpkgs.Known(h.LastSync), LastUpdate: binpkgs.Known(h.LastUpdate),
			FailuresOpen: h.FailuresOpen, Installed: h.Installed, Uncovered: h.Uncovered, Binpkgs: h.Binpkgs, Bytes: h.Bytes, Runs: h.Runs,
		}
		if h.Elsewhere() {
			r.Root, r.Merged = h.RootElsewhere(), true
		}
		if h.Rollback != "" {
			r.Rollback = &h.Rollback
		}
		rows = append(rows, r)
	}
	return rows
}

// HostColumns describe the hosts of a database. A narrow terminal leaves out the size
// and what stands to the right of it.
var HostColumns = table.Table[HostRow]{
	{Name: "name", Title: "Host", Shrink: screen.CutMiddle},
	{Name: "merged"},
	{Name: "created_at"},
	{Name: "known_until", Title: "Last seen", Type: table.Moment},
	{Name: "stale"},
	{Of: "last_update", Title: "Updated", Type: table.Day},
	{Name: "failures_open", Title: "Failed", Type: table.Number},
	{Title: "Covered", Show: func(r *HostRow) screen.Cell {
		role := screen.Plain
		if r.Uncovered > 0 {
			role = screen.Warn
		}
		return role.Text(fmt.Sprintf("%s of %s", screen.Number(int64(r.Installed-r.Uncovered)), screen.Number(int64(r.Installed))))
	}},
	{Name: "rollback", Title: "Rollback", Show: func(r *HostRow) screen.Cell {
		if r.Rollback == nil {
			return screen.Plain.Text("-")
		}
		return ReadinessWords[*r.Rollback]
	}},
	{Of: "stale", Title: "Note", Show: func(r *HostRow) screen.Cell {
		if r.Stale {
			return screen.Warn.Text("stale")
		}
		return screen.Plain.Text("")
	}},
	{Name: "bytes", Title: "Size", Type: table.Size, Optional: true},
	{Name: "last_sync"},
	{Of: "last_sync", Title: "Synced", Type: table.Day, Optional: true},
	{Name: "last_update"},
	{Name: "installed"},
	{Name: "uncovered"},
	{Name: "binpkgs", Title: "Binpkgs", Type: table.Number, Optional: true},
	{Name: "runs", Title: "Runs", Type: table.Number, Optional: true},
	{Name: "root", Title: "Root", Shrink: screen.CutMiddle, Optional: true, Show: func(r *HostRow) screen.Cell {
		if r.Merged {
			return screen.Plain.Text(r.Root + " of another machine")
		}
		return screen.Plain.Text(r.Root)
	}},
}

// Hosts lists the hosts of the database.
func Hosts(rows []HostRow) report.Answer {
	return report.Answer{
		Keys: func(j *report.JSON) { j.Value("hosts", rows) },
		Rows: HostColumns.CSV(table.All(rows)),
		Text: func(s *screen.Screen) { HostColumns.Screen(s, 0, table.All(rows)) },
	}
}

// MergedRow is the result of a merge for one host.
type MergedRow struct {
	Name    string `json:"host"`
	Rows    int    `json:"rows"`
	Changed bool   `json:"changed"`
	// Older is how much later, in seconds, the host was known here already.
	Older int64 `json:"older_seconds"`
	// LostRuns is how many runs fewer the host has now.
	LostRuns int `json:"lost_runs"`
}

// Merged returns the answer about a merge.
func Merged(rows []MergedRow) report.Answer {
	return report.Answer{
		Keys: func(j *report.JSON) { j.Value("merged", rows) },
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
				s.Line(screen.Bold.Text(r.Name), screen.Plain.Text(": "+text))
			}
		},
	}
}

// InstalledRow is one installed version of a package on one host.
type InstalledRow struct {
	Host       string `json:"host"`
	CPV        string `json:"cpv"`
	Slot       string `json:"slot"`
	Repo       string `json:"repo"`
	BuildTime  *int64 `json:"build_time"`
	BuildID    *int64 `json:"build_id"`
	KnownUntil int64  `json:"known_until"`
}

// installedColumns describe which hosts have a package.
var installedColumns = table.Table[InstalledRow]{
	{Name: "host", Title: "Host"},
	{Name: "cpv", Title: "Package"},
	{Name: "slot", Title: "Slot"},
	{Name: "repo", Title: "Repository"},
	{Name: "build_time", Title: "Built", Type: table.Moment},
	{Name: "build_id"},
	{Name: "known_until", Title: "Known until", Type: table.Moment},
}

// InstalledOn is the answer to: which hosts have a package, and which version and
// build?
func InstalledOn(rows []InstalledRow) report.Answer {
	return report.Answer{
		Keys: func(j *report.JSON) { j.Value("installed", rows) },
		Rows: installedColumns.CSV(table.All(rows)),
		Text: func(s *screen.Screen) {
			if len(rows) == 0 {
				s.Line(screen.Plain.Text("no host has it installed"))
				return
			}
			installedColumns.Screen(s, 0, table.All(rows))
		},
	}
}
