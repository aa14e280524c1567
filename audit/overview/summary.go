// Package overview answers the questions that need facts of several packages of
// audit: the one screen, the page of one package, the settings, the use of disk space.
package overview

import (
	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/cleanup"
	"emaudit/audit/history"
	"emaudit/audit/state"
	"emaudit/store/inventory"
)

// Overview is the head of the one screen: the host, and its last run.
type Overview struct {
	// System is the name of the system, such as "Gentoo Linux", or "" if nobody
	// looked. AuditOverview does not set it: the database does not hold it.
	System string `json:"system"`
	// OtherSystem reports that the system says that it is no Gentoo. Portage may be
	// there all the same, as with a Prefix.
	OtherSystem bool `json:"-"`
	Installed   int  `json:"installed"`
	// Unread are the installed packages and the folders of binary packages that the last
	// ingest could not read.
	Unread  struct{ Installed, PkgDirs []string } `json:"-"`
	LogLost bool                                  `json:"-"`        // runs may be missing after the last one that is known
	LastRun *history.Run                          `json:"last_run"` // null if emerge.log has none
	PkgDirs []PkgDirSummary                       `json:"pkgdirs"`
	// Cut are the merges that were interrupted while they changed what is installed.
	// Until somebody repairs them, no other answer about their packages is sure.
	Cut []history.CutMerge `json:"cut_merges"`
	// Reclaimable is what prune would take. It is null if that is unknown, as for a
	// host of another machine.
	Reclaimable *cleanup.PruneTotals `json:"reclaimable"`
	// LastUpdate are the runs of the last update after which other builds were
	// installed than before, oldest first. It is empty if none is known.
	LastUpdate []int64 `json:"last_update"`
}

// PkgDirSummary is one folder of binary packages.
type PkgDirSummary struct {
	Path    string               `json:"path"`
	Kind    inventory.PkgDirKind `json:"kind"`
	Binpkgs int                  `json:"binpkgs"`
	Bytes   int64                `json:"bytes"`
	// Free is the available space of its file system, in bytes; null if not measured.
	Free *int64 `json:"free_bytes"`
}

// AuditOverview looks at a host as a whole.
func AuditOverview(db audit.Database) (*Overview, error) {
	o := &Overview{}
	installed, err := binpkgs.TakeInstalled(db)
	if err != nil {
		return nil, err
	}
	o.Installed = len(installed)
	if o.Unread.Installed, err = binpkgs.UnreadInstalled(db); err != nil {
		return nil, err
	}
	if o.Unread.PkgDirs, err = binpkgs.UnreadPkgDirs(db); err != nil {
		return nil, err
	}
	log, err := audit.AuditLogSource(db)
	if err != nil {
		return nil, err
	}
	o.LogLost = log.Lost(db.Now) != ""
	if run, ok, err := history.AuditRun(db, -1); err != nil {
		return nil, err
	} else if ok {
		o.LastRun = run
	}
	past, err := state.TakePastWith(db, false)
	if err != nil {
		return nil, err
	}
	if updates := past.Updates(); len(updates) > 0 {
		o.LastUpdate = updates[0].Runs
	}
	cut, err := history.FindCutMerges(db)
	if err != nil {
		return nil, err
	}
	o.Cut = append(o.Cut, cut...)
	dirs, err := inventory.PkgDirs(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		s := PkgDirSummary{Path: d.Path, Kind: d.Kind}
		if s.Binpkgs, s.Bytes, err = inventory.InstanceTotals(db.Tx, d.ID); err != nil {
			return nil, err
		}
		o.PkgDirs = append(o.PkgDirs, s)
	}
	return o, nil
}
