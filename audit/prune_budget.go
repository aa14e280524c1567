package audit

import (
	"cmp"
	"fmt"
	"slices"
)

// furtherSteps is how many steps beyond the budget a plan shows.
const furtherSteps = 4

// budgetItem is something that the budget can take.
type budgetItem struct {
	title, cost string
	value       float64
	files       []*binpkg
	size        int64
	state       *keptState // nil: files that no state needs
}

// budget takes more until what stays is no larger than MaxSize: always what is
// worth least for its size. A state is worth less the older it is, and nothing
// without the newer ones going on to need their files; files that no state
// needs are worth less than any state. What the present state needs, what is
// pinned and what is excluded never goes.
func (p *pruner) budget() {
	if p.policy.MaxSize <= 0 {
		return
	}
	var size int64
	for _, k := range p.plan.Kept {
		size += k.Size
	}
	for further := 0; further <= furtherSteps; {
		items := p.budgetItems()
		if len(items) == 0 {
			break
		}
		best := slices.MinFunc(items, func(a, b budgetItem) int {
			return cmp.Compare(a.value/float64(max(a.size, 1)), b.value/float64(max(b.size, 1)))
		})
		taken := size > p.policy.MaxSize
		p.plan.Steps = append(p.plan.Steps, PruneStep{Title: best.title, Cost: best.cost, Files: len(best.files), Size: best.size, Taken: taken})
		for _, b := range best.files {
			if taken {
				p.take(b, best.cost)
			}
			delete(p.keep, b)
		}
		if best.state != nil {
			p.steps = slices.DeleteFunc(p.steps, func(k *keptState) bool { return k == best.state })
			for _, k := range p.keep {
				k.states = slices.DeleteFunc(k.states, func(k *keptState) bool { return k == best.state })
			}
		}
		if taken {
			size -= best.size
		} else {
			further++
		}
	}
	if size > p.policy.MaxSize {
		p.plan.Findings = append(p.plan.Findings, Finding{
			Code: "prune-over-budget", Severity: SeverityWarning, Subject: "--max-size",
			Message:  fmt.Sprintf("%d bytes stay, which is more than the %d allowed: the present state, pins and excludes never go", size, p.policy.MaxSize),
			Evidence: []Evidence{}, Remedy: "raise --max-size, or remove pins and excludes",
		})
	}
}

// budgetItems lists what could go next: the files that no state needs, each by
// itself, and every state with the files that it alone needs.
func (p *pruner) budgetItems() []budgetItem {
	var items []budgetItem
	alone := map[*keptState][]*binpkg{}
	for i := range p.past.binpkgs {
		b := &p.past.binpkgs[i]
		k := p.keep[b]
		switch {
		case k == nil:
		case len(k.states) == 1 && k.code == KeepState:
			alone[k.states[0]] = append(alone[k.states[0]], b)
		case len(k.states) == 0 && (k.code == KeepLastCopy || k.code == KeepRecent || k.code == KeepImportant || k.code == KeepUnknownState):
			items = append(items, budgetItem{title: b.source(), cost: "the last build of " + b.CPV, value: miscValue[k.code], files: []*binpkg{b}, size: b.Size})
		}
	}
	for i, s := range p.steps {
		item := budgetItem{title: "the state " + s.title, cost: "the rollback to " + s.title, state: s, files: alone[s]}
		// The newest state is worth most; what it is worth halves with each
		// older one.
		item.value = stateValue / float64(int64(1)<<min(i, 60))
		for _, b := range item.files {
			item.size += b.Size
		}
		if len(item.files) > 0 || i == len(p.steps)-1 {
			items = append(items, item)
		}
	}
	return items
}

// stateValue is the value of the newest state in the unit of [miscValue].
const stateValue = 1 << 20

// miscValue is the value of one file that no state needs.
var miscValue = map[string]float64{KeepRecent: 1, KeepImportant: 4, KeepLastCopy: 2, KeepUnknownState: 8}

// take makes a candidate of a file that was kept.
func (p *pruner) take(b *binpkg, cost string) {
	reason := p.keep[b].reason + "; --max-size takes it"
	p.plan.Kept = slices.DeleteFunc(p.plan.Kept, func(k PruneKept) bool { return k.PkgDir == b.dir.Path && k.Path == b.Path })
	p.plan.Candidates = append(p.plan.Candidates, candidateOf(b, PruneOverBudget, reason, cost))
}
