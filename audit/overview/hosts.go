package overview

import (
	"cmp"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/store"
)

// HostStatus is one host of the database in a line.
type HostStatus struct {
	store.HostSummary
	// Stale reports that the host was not heard of for longer than it should be.
	Stale bool
	// Uncovered are the installed packages whose build has no binary package here, or
	// of which that is not known.
	Uncovered    int
	FailuresOpen int
	LastUpdate   int64 // when the last update that changed what is installed began; 0 = none
	// Rollback is the verdict about undoing it, "" where there is none.
	Rollback rollback.Readiness
}

// AuditHosts answers for each of the given hosts, from what is stored of it; the
// stale ones come first, then those with the worst verdict. stale is how long a host
// may be silent, in seconds.
func AuditHosts(db audit.Database, hosts []store.HostSummary, stale int64) ([]HostStatus, error) {
	all := make([]HostStatus, len(hosts))
	for i, h := range hosts {
		s := &all[i]
		*s = HostStatus{HostSummary: h, Stale: db.Now-h.KnownUntil > stale}
		judged := h.Judged
		if judged == nil {
			one, err := JudgeHost(audit.Share(audit.Database{Tx: db.Tx, Host: h.ID, Now: db.Now}))
			if err != nil {
				return nil, err
			}
			judged = &one
		}
		s.Uncovered, s.FailuresOpen, s.LastUpdate, s.Rollback = judged.Uncovered, judged.FailuresOpen, judged.LastUpdate, rollback.Readiness(judged.Rollback)
	}
	slices.SortStableFunc(all, compareHosts)
	return all, nil
}

// JudgeHost answers about a host as a whole, from what is stored of it.
func JudgeHost(db audit.Database) (store.HostJudgement, error) {
	var j store.HostJudgement
	coverage, err := binpkgs.AuditCoverage(db)
	if err != nil {
		return j, err
	}
	j.Uncovered = len(coverage.Rows) - coverage.Covered()
	failures, err := aftermath.AuditFailures(db, 0)
	if err != nil {
		return j, err
	}
	j.FailuresOpen, _ = failures.Open()
	// Nothing is read of the disk: what that would tell is unknown, as of a host on
	// another machine.
	last, err := rollback.AuditRollbacks(db, 1, rollback.WithoutDisk())
	if err == nil && len(last) > 0 {
		j.LastUpdate, j.Rollback = last[0].Target.Time, string(last[0].Verdict)
	}
	return j, err
}

// compareHosts puts the worst first.
func compareHosts(a, b HostStatus) int {
	worst := []rollback.Readiness{rollback.NotReady, rollback.Partial, "", rollback.ReadyWithWarnings, rollback.Ready}
	if a.Stale != b.Stale {
		if a.Stale {
			return -1
		}
		return 1
	}
	return cmp.Or(
		cmp.Compare(slices.Index(worst, a.Rollback), slices.Index(worst, b.Rollback)),
		cmp.Compare(b.FailuresOpen, a.FailuresOpen),
		cmp.Compare(b.Uncovered, a.Uncovered),
		strings.Compare(a.Name, b.Name),
	)
}
