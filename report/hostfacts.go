package report

import (
	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/cleanup"
	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
)

// HostFacts are the answers that a page and metrics are made of. One that is nil was not
// given: a page says that it is not known, and never that all is well.
type HostFacts struct {
	Overview *overview.Overview
	// Findings are the findings of all checks, the worst first.
	Findings []audit.Finding
	Coverage *binpkgs.Coverage
	Storage  *overview.Storage
	// Importance is the importance of each cpv, or nil if unknown.
	Importance binpkgs.Importance
	// Runs are the newest [MostPageRuns], oldest first; nil where no emerge.log
	// was ever read.
	Runs []*history.Run
	// Weeks are the newest [PageWeeks], Months the newest [PageMonths].
	Weeks, Months []history.Interval
	// Rollbacks are the ways back before the newest [MostPageRollbacks] runs that
	// changed what is installed, the newest first.
	Rollbacks []*rollback.Rollback
	Integrity *binpkgs.Integrity
	// Prune is the plan of prune with the default policy.
	Prune    *cleanup.PrunePlan
	Failures *aftermath.Failures
	Update   *aftermath.PostUpdate
	Messages *aftermath.Messages
	Doctor   *overview.Doctor
	// Version is the version of emaudit, for the foot of the page.
	Version string
}
