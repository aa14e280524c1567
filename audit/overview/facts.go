package overview

import (
	"slices"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/cleanup"
	"emaudit/audit/history"
	"emaudit/audit/rollback"
)

// How much of the history a page is made of.
const (
	MostRuns      = 5000
	MostRollbacks = 20
	Weeks         = 53
	Months        = 120
)

// HostFacts are the answers that a page and metrics are made of. One that is nil was not
// given: a page says that it is not known, and never that all is well.
type HostFacts struct {
	Overview *Overview
	// Findings are the findings of all checks, the worst first.
	Findings []audit.Finding
	Coverage *binpkgs.Coverage
	Storage  *Storage
	// Importance is the importance of each cpv, or nil if unknown.
	Importance binpkgs.Importance
	// Runs are the newest [MostRuns], oldest first; nil where no emerge.log
	// was ever read.
	Runs []*history.Run
	// Weeks are the newest [Weeks], Months the newest [Months].
	Weeks, Months []history.Interval
	// Rollbacks are the ways back before the newest [MostRollbacks] runs that changed
	// what is installed, the newest first.
	Rollbacks []*rollback.Rollback
	Integrity *binpkgs.Integrity
	// Prune is the plan of prune with the default policy.
	Prune    *cleanup.PrunePlan
	Failures *aftermath.Failures
	Update   *aftermath.PostUpdate
	Messages *aftermath.Messages
	Doctor   *Doctor
	// Version is the version of emaudit, for the foot of the page.
	Version string
}

// FactOptions are what [CollectFacts] needs to know.
type FactOptions struct {
	Version   string
	Rollbacks int // how many updates, the newest first, a way back is judged for
	Rollback  rollback.Options
	Integrity binpkgs.IntegrityOptions
}

// CollectFacts returns the answers for a page and metrics, except for those that only a
// page has: Weeks, Months, Storage, Importance and Prune.
func CollectFacts(db audit.Database, o FactOptions) (HostFacts, error) {
	db = audit.Share(db)
	facts := HostFacts{Version: o.Version}
	var err error
	if facts.Overview, err = AuditOverview(db); err != nil {
		return facts, err
	}
	if facts.Coverage, err = binpkgs.AuditCoverage(db); err != nil {
		return facts, err
	}
	if facts.Failures, err = aftermath.AuditFailures(db, 0); err != nil {
		return facts, err
	}
	if facts.Messages, err = aftermath.AuditMessages(db, aftermath.MessageFilter{}); err != nil {
		return facts, err
	}
	if facts.Integrity, err = binpkgs.AuditIntegrity(db, o.Integrity); err != nil {
		return facts, err
	}
	if facts.Rollbacks, err = rollback.AuditRollbacks(db, o.Rollbacks, o.Rollback); err != nil {
		return facts, err
	}
	if facts.Rollbacks == nil {
		facts.Rollbacks = []*rollback.Rollback{}
	}
	facts.Runs = []*history.Run{}
	for run, err := range history.AuditRuns(db, history.RunQuery{Last: MostRuns}) {
		if err != nil {
			return facts, err
		}
		// Its contents are valid until the next run, but the page needs its merges and
		// metrics its syncs.
		kept := *run
		kept.Merges = slices.Clone(run.Merges)
		kept.Syncs = slices.Clone(run.Syncs)
		kept.Unmerges, kept.ExitStatus = nil, nil
		facts.Runs = append(facts.Runs, &kept)
	}
	if facts.Doctor, err = AuditDoctor(db, o.Rollback.Space); err != nil {
		return facts, err
	}
	if facts.Update, err = aftermath.AuditPostUpdate(db); err != nil {
		return facts, err
	}
	facts.Findings = audit.MergeFindings(facts.Update.Findings, facts.Coverage.Findings, facts.Integrity.Findings)
	return facts, nil
}
