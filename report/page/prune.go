package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/cleanup"
	"emaudit/report/screen"
	"emaudit/report/states"
	"emaudit/report/table"
)

// goingByPackage sums what can go by package; nil where that is not known.
func (b *pageBuilder) goingByPackage() map[string]int64 {
	if b.facts.Prune == nil {
		return nil
	}
	going := map[string]int64{}
	for _, c := range b.facts.Prune.Candidates {
		if c.CPV != nil {
			going[audit.PackageOf(*c.CPV)] += c.Size
		}
	}
	return going
}

// prune says what would go, what stays, and why.
func (b *pageBuilder) prune(s *pageSection) {
	p := b.facts.Prune
	if p == nil {
		s.add(pageBlock{Unknown: &pageUnknown{Text: "What can go was not checked.", Command: "emaudit prune"}})
		return
	}
	parts := []sharePart{
		{Label: "stays", Text: screen.Size(p.KeptSize), Class: "accent", value: p.KeptSize},
		{Label: "can go", Text: screen.Size(p.Reclaimable), Class: "accent-2", value: p.Reclaimable},
	}
	s.add(pageBlock{Share: b.newShareChart(chartHead{ID: "pkgdir-prune", Title: "What can go", Desc: fmt.Sprintf("%s stays, %s can go.", screen.Size(p.KeptSize), screen.Size(p.Reclaimable))}, parts...)})
	s.add(pageBlock{Note: fmt.Sprintf("These stay: what the states before the last %d updates need, what the last %d days need, pins, what is installed, and what could not be built again.", p.Policy.KeepStates, p.Policy.KeepDays)})
	staying := states.GroupFiles(p.Kept, func(k *cleanup.PruneKept) (why, file, because string, size int64) {
		return strings.ReplaceAll(k.Code, "-", " "), k.Path, k.Reason, k.Size
	})
	s.add(b.groups("pkgdir-going", "What would go, and why", states.GroupCandidates(p)), b.groups("pkgdir-staying", "What stays, and why", staying))
}

func (b *pageBuilder) groups(id, caption string, groups []states.FileGroup) pageBlock {
	slices.SortStableFunc(groups, func(x, y states.FileGroup) int { return cmp.Compare(y.Size, x.Size) })
	columns := states.GroupColumns.With(table.Column[states.FileGroup]{Title: "Because", Optional: true, Value: func(g *states.FileGroup) any { return g.Because }})
	return fill(b, &pageTable{ID: id, Caption: caption, Open: true}, columns, table.All(groups)).block()
}
