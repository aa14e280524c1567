package page

import (
	"fmt"
	"strings"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/report/binaries"
	"emaudit/report/merges"
	"emaudit/report/screen"
	"emaudit/report/states"
)

// MostPageRollbacks is how many updates, the newest first, a page judges the way
// back before.
const MostPageRollbacks = 20

// rollback answers for each of the last updates: can it be undone?
func (b *pageBuilder) rollback() *pageSection {
	s := &pageSection{ID: "rollback", Title: "Rollback"}
	all := b.facts.Rollbacks
	if all == nil {
		return b.unknown(s, "Rollbacks were not checked.", "emaudit rollback")
	}
	if len(all) == 0 {
		return b.unknown(s, "No update is known that changed what is installed, so there is no state to go back to.", "emaudit states")
	}
	last := all[0]
	s.Verdict = states.ReadinessWords[last.Verdict]
	s.Lead = "Can I go back to the state before an update with the files in PKGDIR? READY means that every condition that files can show was checked and is met. A rollback to an older state also undoes every update since."
	t := &pageTable{ID: "rollback-runs", Caption: "The way back before each update", Open: true, Columns: []pageColumn{{Title: "Before", Numeric: true}, {Title: "Run began"}, {Title: "Asked", Optional: true}, {Title: "Verdict"}, {Title: "Changes", Numeric: true, Optional: true}, {Title: "Gaps", Numeric: true}, {Title: "Why", Optional: true}, {Title: "Drill", Optional: true}}}
	for _, r := range all {
		verdict := states.ReadinessWords[r.Verdict]
		before := pageCell{Text: screen.NotKnown}
		if r.Target.Run != nil {
			before = pageCell{Text: fmt.Sprintf("#%d", *r.Target.Run), Sort: sortKey(*r.Target.Run)}
		}
		t.row(before, b.timeCell(r.Target.Time), pageCell{Text: merges.AskedBriefly(r.Target.Args), Mono: true}, pageCell{Text: verdict.Text, Role: verdict.Role},
			numberCell(int64(len(r.Changes))), numberCell(int64(len(r.Gaps))), pageCell{Text: states.WhyOf(r)}, b.proofCell(r.Proof))
	}
	s.add(t.block(), b.gapsOfRuns(all))
	s.add(pageBlock{Heading: b.targetHeading(last.Target)}, b.findingsBlock(last.Findings, func(audit.Finding) bool { return true }), b.rollbackChanges(last))
	for i, step := range last.Steps {
		title := fmt.Sprintf("%d. %s", i+1, step.Title)
		s.add(pageBlock{Commands: &pageCommands{Title: title, Lines: []string{strings.Join(audit.Lines(step.Commands), "\n")}}})
	}
	return s
}

// proofCell says what the last drill says.
func (b *pageBuilder) proofCell(p *rollback.Proof) pageCell {
	if p == nil {
		return pageCell{Text: screen.NotKnown}
	}
	return pageCell{Text: states.ProofText(p, b.dayOnly), Role: states.ProofCell(p, b.dayOnly).Role, Sort: sortKey(p.At)}
}

func (b *pageBuilder) dayOnly(unix int64) string { return b.day(unix, "2006-01-02") }

// targetHeading names a state.
func (b *pageBuilder) targetHeading(t state.Target) string {
	when := b.day(t.Time, "2006-01-02 15:04")
	if t.Run == nil {
		return "Back to the state at " + when
	}
	return fmt.Sprintf("Back to the state before #%d (%s, emerge %s)", *t.Run, when, merges.AskedBriefly(t.Args))
}

// rollbackChanges lists what would be done to each package.
func (b *pageBuilder) rollbackChanges(r *rollback.Rollback) pageBlock {
	t := &pageTable{ID: "rollback-changes", Caption: "What would change", Open: true, Columns: []pageColumn{{Title: "Action"}, {Title: "From"}, {Title: "To"}, {Title: "Binary package", Optional: true}, {Title: "Integrity"}, {Title: "Usable"}}}
	for i := range r.Changes {
		c := &r.Changes[i]
		from, to, file, integrity := pageCell{Text: screen.NotKnown}, pageCell{Text: screen.NotKnown}, pageCell{Text: screen.NotKnown}, pageCell{Text: screen.NotKnown}
		if c.From != nil {
			from = b.packageCell(*c.From)
		}
		if c.To != nil {
			to = b.packageCell(*c.To)
		}
		if c.Instance != nil {
			file = pageCell{Text: c.Instance.Path, Mono: true}
			integrity = pageCell{Text: binaries.IntegrityCell(c.Integrity).Text, Role: binaries.IntegrityRoles[c.Integrity]}
		}
		if c.Remote != nil {
			file = pageCell{Text: "fetched from " + c.Remote.Binhost}
		}
		usable := pageCell{Text: string(c.Usable), Role: binaries.UsableRoles[c.Usable]}
		if c.Action == state.ActionRemove {
			usable = pageCell{Text: screen.NotKnown}
		}
		if codes := binaries.ReasonCodes(c.Reasons); codes != "" {
			usable.Text += ": " + codes
		}
		t.row(pageCell{Text: string(c.Action)}, from, to, file, integrity, usable)
	}
	return t.block()
}

// gapsOfRuns lists what is missing for any of the runs, what mends it, and how
// many of the runs it is in the way of.
func (b *pageBuilder) gapsOfRuns(all []*rollback.Rollback) pageBlock {
	type missing struct{ cpv, cause, detail, remedy string }
	var order []missing
	runs := map[missing][]string{}
	note := func(m missing, r *rollback.Rollback) {
		if _, ok := runs[m]; !ok {
			order = append(order, m)
		}
		name := b.day(r.Target.Time, "2006-01-02 15:04")
		if r.Target.Run != nil {
			name = fmt.Sprintf("#%d", *r.Target.Run)
		}
		runs[m] = append(runs[m], name)
	}
	for _, r := range all {
		for _, g := range r.Gaps {
			note(missing{g.CPV, string(g.Cause), g.Detail, g.Remedy.String()}, r)
		}
		for _, u := range r.Unsatisfied {
			note(missing{u.CPV, "dependency", "needs " + u.Dependency + ", which that state does not have (" + u.Kind + ")", ""}, r)
		}
	}
	t := &pageTable{ID: "rollback-gaps", Caption: "What is missing for which of them, and what mends it", Open: true, Columns: []pageColumn{{Title: "Package"}, {Title: "Cause", Optional: true}, {Title: "Before"}, {Title: "Detail", Optional: true}, {Title: "Remedy"}}}
	for _, m := range order {
		t.row(b.packageCell(m.cpv), pageCell{Text: m.cause, Role: screen.Bad}, pageCell{Text: runsInWords(runs[m]), Sort: sortKey(int64(len(runs[m])))}, pageCell{Text: m.detail}, pageCell{Text: m.remedy, Mono: true})
	}
	return t.block()
}

// runsInWords names a few runs, and counts the rest.
func runsInWords(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d older", strings.Join(names[:most-1], ", "), len(names)-most+1)
}
