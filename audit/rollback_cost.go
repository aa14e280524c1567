package audit

import (
	"fmt"
	"slices"
	"strings"

	"emaudit/store"
)

// cost says what the run to be undone cost: the packages that it took away and
// that cannot be put back, and those installed since without a binary package of
// their build, to which there is no way back once they are replaced in their
// turn.
func (j *rollbackJudge) cost(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.from != nil && c.from.row != nil && !j.covered(c.from.row) {
			r.Uncovered = append(r.Uncovered, *c.From)
		}
		if c.to != nil && (c.chosen == nil || c.Stays) && j.tookAway(r.Target.Run, c.to) {
			r.Lost = append(r.Lost, *c.To)
		}
	}
	var parts []string
	if len(r.Lost) > 0 {
		parts = append(parts, fmt.Sprintf("#%d cost the way back to %s: %s", *r.Target.Run, counted(len(r.Lost), "package", "packages"), listOf(r.Lost)))
	}
	if len(r.Uncovered) > 0 {
		parts = append(parts, fmt.Sprintf("%s installed since have no binary package of their build, and the next update would cost the way back to them: %s",
			counted(len(r.Uncovered), "package", "packages"), listOf(r.Uncovered)))
	}
	if len(parts) == 0 {
		return
	}
	remedy := "emaudit audit coverage"
	if commands := j.backup(r); len(commands) > 0 {
		remedy = commands[0]
	}
	r.Findings = append(r.Findings, Finding{
		Code: "rollback-cost", Severity: SeverityInfo, Subject: r.Target.String(), Evidence: []Evidence{}, Message: strings.Join(parts, "; "), Remedy: remedy,
	})
}

// tookAway tells whether a run ended a stay.
func (j *rollbackJudge) tookAway(run *int64, x *stay) bool {
	return run != nil && x.last >= 0 && x.last < len(j.past.changes) && j.past.changes[x.last].run == *run
}

// covered tells whether the very build of an installed package is there as a
// binary package.
func (j *rollbackJudge) covered(p *store.Installed) bool { return len(j.covering(p)) > 0 }

// covering returns the binary packages of the very build of an installed one.
func (j *rollbackJudge) covering(p *store.Installed) (all []*binpkg) {
	for _, b := range j.past.byCPV[p.CPV] {
		if b.Visible && !b.damaged() && match(p, b) != CoverageSameVersion && !b.has("config-stub") {
			all = append(all, b)
		}
	}
	return all
}

// forward reports what the plan would leave no sure way forward to: its binary
// package was not read, so that it is not packaged anew, and may be damaged.
func (j *rollbackJudge) forward(r *Rollback) {
	for i := range r.Changes {
		c := &r.Changes[i]
		if c.from == nil || c.from.row == nil || c.Stays {
			continue
		}
		there := j.covering(c.from.row)
		if len(there) == 0 || slices.ContainsFunc(there, func(b *binpkg) bool { return b.Integrity == "whole" }) {
			continue
		}
		c.Forward = there[0].ref()
		r.Findings = append(r.Findings, Finding{
			Code: "rollback-unverified", Severity: SeverityWarning, Subject: *c.From, Evidence: []Evidence{{Source: there[0].source()}},
			Message: there[0].unsure() + ": whether it would bring back what is installed now is not known", Remedy: "emaudit verify " + shellQuote(there[0].Path),
		})
	}
}
