package rollback

import (
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/parse/binpkg"
	"emaudit/store/inventory"
)

// cost says what the run to be undone cost: the packages that it took away and
// that cannot be put back, and those installed since without a binary package of
// their build, to which there is no way back once they are replaced in their
// turn.
func (j *RollbackJudge) cost(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.again() {
			continue // it is lost neither with the plan nor without it
		}
		if c.Before != nil && c.Before.Row != nil && !j.covered(c.Before.Row) && j.Past.UnlistedFor(c.Before.Row.CPV) == "" {
			r.Uncovered = append(r.Uncovered, *c.From)
		}
		if c.After != nil && (c.Chosen == nil || c.Stays) && j.tookAway(r.Target.Undoes, c.After) {
			r.Lost = append(r.Lost, *c.To)
		}
	}
	var parts []string
	if len(r.Lost) > 0 {
		parts = append(parts, fmt.Sprintf("#%d cost the way back to %s: %s", *r.Target.Run, audit.Counted(len(r.Lost), "package", "packages"), listOf(r.Lost)))
	}
	if len(r.Uncovered) > 0 {
		parts = append(parts, fmt.Sprintf("%s installed since have no binary package of their build, and the next update would cost the way back to them: %s",
			audit.Counted(len(r.Uncovered), "package", "packages"), listOf(r.Uncovered)))
	}
	if len(parts) == 0 {
		return
	}
	remedy := audit.Emaudit("audit", "coverage")
	if commands := j.backup(r); len(commands) > 0 {
		remedy = commands[0]
	}
	r.Findings = append(r.Findings, audit.Finding{
		Code: "rollback-cost", Severity: audit.SeverityInfo, Subject: r.Target.String(), Evidence: []audit.Evidence{}, Message: strings.Join(parts, "; "), Remedy: audit.Do(remedy),
	})
}

// tookAway tells whether one of the runs ended a stay.
func (j *RollbackJudge) tookAway(runs []int64, x *state.Stay) bool {
	return x.Last >= 0 && x.Last < len(j.Past.Changes) && slices.Contains(runs, j.Past.Changes[x.Last].Run)
}

// covered tells whether the very build of an installed package is there as a
// binary package.
func (j *RollbackJudge) covered(p *inventory.Installed) bool { return len(j.covering(p)) > 0 }

// covering returns the binary packages of the very build of an installed one.
func (j *RollbackJudge) covering(p *inventory.Installed) (all []*binpkgs.Binpkg) {
	for _, b := range j.Past.ByCPV[p.CPV] {
		if b.Visible && !b.Damaged() && binpkgs.Match(p, b) != binpkgs.CoverageSameVersion && !b.Has("config-stub") && !b.Lossy() {
			all = append(all, b)
		}
	}
	return all
}

// forward reports what the plan would leave no sure way forward to: its binary
// package was not read, so that it is not packaged anew, and may be damaged.
func (j *RollbackJudge) forward(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.Before == nil || c.Before.Row == nil || c.Stays || c.again() {
			continue
		}
		there := j.covering(c.Before.Row)
		if len(there) == 0 || slices.ContainsFunc(there, func(b *binpkgs.Binpkg) bool { return b.Integrity == binpkg.Whole }) {
			continue
		}
		c.Forward = there[0].Ref()
		r.Findings = append(r.Findings, audit.Finding{
			Code: "rollback-unverified", Severity: audit.SeverityWarning, Subject: *c.From, Evidence: []audit.Evidence{{Source: there[0].Source()}},
			Message: there[0].Unsure() + ": whether it would bring back what is installed now is not known", Remedy: audit.Do(audit.Emaudit("verify", there[0].Path)),
		})
	}
}
