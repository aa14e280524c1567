package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"emaudit/audit/overview"
	"emaudit/report/screen"
)

// goingByPackage sums what can go by package; nil where that is not known.
func (b *pageBuilder) goingByPackage() map[string]int64 {
	if b.facts.Prune == nil {
		return nil
	}
	going := map[string]int64{}
	for _, c := range b.facts.Prune.Candidates {
		if c.CPV != nil {
			going[overview.PackageOf(*c.CPV)] += c.Size
		}
	}
	return going
}

// pruneReason sums the files that go or stay for one reason.
type pruneReason struct {
	code, example, reason string
	files, size           int64
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
	s.add(pageBlock{Share: newShareChart(chartHead{ID: "pkgdir-prune", Title: "What can go", Desc: fmt.Sprintf("%s stays, %s can go.", screen.Size(p.KeptSize), screen.Size(p.Reclaimable))}, parts...)})
	s.add(pageBlock{Note: fmt.Sprintf("These stay: what the states before the last %d updates need, what the last %d days need, pins, what is installed, and what could not be built again.", p.Policy.KeepStates, p.Policy.KeepDays)})
	var going, staying []pruneReason
	for _, c := range p.Candidates {
		going = addReason(going, c.Code, c.Path, c.Reason, c.Size)
	}
	for _, k := range p.Kept {
		staying = addReason(staying, k.Code, k.Path, k.Reason, k.Size)
	}
	s.add(reasonTable("pkgdir-going", "What would go, and why", going), reasonTable("pkgdir-staying", "What stays, and why", staying))
}

func addReason(reasons []pruneReason, code, path, reason string, size int64) []pruneReason {
	i := slices.IndexFunc(reasons, func(r pruneReason) bool { return r.code == code })
	if i < 0 {
		i = len(reasons)
		reasons = append(reasons, pruneReason{code: code, example: path, reason: reason})
	}
	reasons[i].files++
	reasons[i].size += size
	return reasons
}

func reasonTable(id, caption string, reasons []pruneReason) pageBlock {
	slices.SortFunc(reasons, func(x, y pruneReason) int {
		return cmp.Or(cmp.Compare(y.size, x.size), strings.Compare(x.code, y.code))
	})
	t := &pageTable{ID: id, Caption: caption, Open: true, Columns: []pageColumn{{Title: "Why"}, {Title: "Files", Numeric: true}, {Title: "Size", Numeric: true}, {Title: "For example", Optional: true}, {Title: "Because", Optional: true}}}
	for _, r := range reasons {
		t.row(pageCell{Text: strings.ReplaceAll(r.code, "-", " ")}, numberCell(r.files), sizeCell(r.size), pageCell{Text: r.example, Mono: true}, pageCell{Text: r.reason})
	}
	return t.block()
}
