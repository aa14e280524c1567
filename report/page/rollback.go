package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/report/merges"
	"emaudit/report/screen"
	"emaudit/report/states"
	"emaudit/report/table"
)

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
	columns := states.RollbacksColumns(all, b.Output)
	if i := slices.IndexFunc(columns, func(c table.Column[*rollback.Rollback]) bool { return c.Title == "Drill" }); i >= 0 {
		columns[i].Show = func(r **rollback.Rollback) screen.Cell { // a page has room for all of it
			cell := states.ProofCell((*r).Proof, b.Terminal.Date)
			return cell.Role.Text(cmp.Or(states.ProofText((*r).Proof, b.Terminal.Date), cell.Text))
		}
	}
	t := fill(b, &pageTable{ID: "rollback-runs", Caption: "The way back before each update", Open: true}, columns, table.All(all))
	s.add(t.block(), b.gapsOfRuns(all))
	s.add(pageBlock{Heading: b.targetHeading(last.Target)}, b.findingsBlock(last.Findings, func(audit.Finding) bool { return true }),
		fill(b, &pageTable{ID: "rollback-changes", Caption: "What would change", Open: true}, states.RollbackColumns(b.Output), table.All(last.Changes)).block())
	for i, step := range last.Steps {
		title := fmt.Sprintf("%d. %s", i+1, step.Title)
		s.add(pageBlock{Commands: &pageCommands{Title: title, Lines: []string{strings.Join(audit.Lines(step.Commands), "\n")}}})
	}
	return s
}

// targetHeading names a state.
func (b *pageBuilder) targetHeading(t state.Target) string {
	when := b.Terminal.Time(t.Time)
	if t.Run == nil {
		return "Back to the state at " + when
	}
	return fmt.Sprintf("Back to the state before #%d (%s, emerge %s)", *t.Run, when, merges.AskedBriefly(t.Args))
}

// missing is what lacks for the way back before some runs, and what mends it.
type missing struct {
	cpv, cause, detail, remedy string
	runs                       []string
}

var missingColumns = table.Table[missing]{
	{Title: "Package", Type: table.Package, Value: func(m *missing) any { return m.cpv }},
	{Title: "Cause", Role: screen.Bad, Optional: true, Value: func(m *missing) any { return m.cause }},
	{Title: "Before", Value: func(m *missing) any { return runsInWords(m.runs) }, Order: func(m *missing) int64 { return int64(len(m.runs)) }},
	{Title: "Detail", Optional: true, Value: func(m *missing) any { return m.detail }},
	{Title: "Remedy", Type: table.Code, Value: func(m *missing) any { return m.remedy }},
}

// gapsOfRuns lists what is missing for any of the runs.
func (b *pageBuilder) gapsOfRuns(all []*rollback.Rollback) pageBlock {
	var gaps []missing
	note := func(r *rollback.Rollback, cpv, cause, detail, remedy string) {
		i := slices.IndexFunc(gaps, func(m missing) bool {
			return m.cpv == cpv && m.cause == cause && m.detail == detail && m.remedy == remedy
		})
		if i < 0 {
			i = len(gaps)
			gaps = append(gaps, missing{cpv: cpv, cause: cause, detail: detail, remedy: remedy})
		}
		name := b.Terminal.Time(r.Target.Time)
		if r.Target.Run != nil {
			name = fmt.Sprintf("#%d", *r.Target.Run)
		}
		gaps[i].runs = append(gaps[i].runs, name)
	}
	for _, r := range all {
		for _, g := range r.Gaps {
			note(r, g.CPV, string(g.Cause), g.Detail, g.Remedy.String())
		}
		for _, u := range r.Unsatisfied {
			note(r, u.CPV, "dependency", "needs "+u.Dependency+", which that state does not have ("+u.Kind+")", "")
		}
	}
	return fill(b, &pageTable{ID: "rollback-gaps", Caption: "What is missing for which of them, and what mends it", Open: true}, missingColumns, table.All(gaps)).block()
}

// runsInWords names a few runs, and counts the rest.
func runsInWords(names []string) string {
	const most = 3
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d older", strings.Join(names[:most-1], ", "), len(names)-most+1)
}
