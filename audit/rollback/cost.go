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

// cost lists the packages that the undone run replaced or removed and that cannot come
// back. It also lists installed packages without a binary package of their build: once
// they are replaced, nobody can restore them.
func (j *Judge) cost(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.again() {
			continue // the plan does not change it
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
		Code: audit.CodeRollbackCost, Severity: audit.SeverityInfo, Subject: r.Target.String(), Message: strings.Join(parts, "; "), Remedy: audit.Do(remedy),
	})
}

// tookAway reports whether one of the runs removed or replaced a build.
func (j *Judge) tookAway(runs []int64, x *state.Installation) bool {
	return x.Last >= 0 && x.Last < len(j.Past.Changes) && slices.Contains(runs, j.Past.Changes[x.Last].Run)
}

// covered reports whether there is a binary package of the build of an installed
// package.
func (j *Judge) covered(p *inventory.Installed) bool { return len(j.covering(p)) > 0 }

// covering returns the binary packages of the build of an installed package.
func (j *Judge) covering(p *inventory.Installed) (all []*binpkgs.Binpkg) {
	for _, b := range j.Past.ByCPV[p.CPV] {
		if b.Visible && !b.Damaged() && binpkgs.Match(p, b) != binpkgs.CoverageSameVersion && !b.Has(binpkg.ProblemConfigStub) && !b.Lossy() {
			all = append(all, b)
		}
	}
	return all
}

// forward reports installed builds whose binary package was not read in full. The plan
// does not pack them again, and their file may be damaged, so the way forward to them
// is not sure.
func (j *Judge) forward(r *Rollback) {
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
			Code: audit.CodeRollbackUnverified, Severity: audit.SeverityWarning, Subject: *c.From, Evidence: []audit.Evidence{{Source: there[0].Source()}},
			Message: there[0].Unsure() + ": whether it would bring back what is installed now is not known", Remedy: r.settle(there[0]),
		})
	}
}
