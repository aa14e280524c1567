package cleanup

import (
	"cmp"
	"fmt"
	"slices"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
)

// furtherSteps is the number of steps beyond the budget that a plan shows. Successive
// files that are kept for the same reason count as one.
const furtherSteps = 4

// budgetItem is something that the budget can take.
type budgetItem struct {
	title, code string
	value       float64
	files       []*binpkgs.Binpkg
	size        int64
	state       *keptState // nil for a file that no state needs
}

// ratio is the value of an item for its size.
func (i *budgetItem) ratio() float64 { return i.value / float64(max(i.size, 1)) }

// budget takes more files until the rest is no larger than MaxSize. It always takes
// the item with the least value for its size. An older state has less value. Files
// that no state needs have less value than any state. What the present state needs,
// what is pinned and what is excluded never goes.
func (p *pruner) budget() {
	if p.policy.MaxSize <= 0 {
		return
	}
	var size int64
	for _, k := range p.plan.Kept {
		size += k.Size
	}
	files := p.fileItems()
	var lost []*keptState // states that are given up and have not lost a file yet
	last := ""
	for further := 0; ; {
		best, ok := p.nextItem(&files)
		if !ok {
			break
		}
		taken := size > p.policy.MaxSize
		if !taken && (best.code != last || best.state != nil) {
			if further++; further > furtherSteps {
				break
			}
			last = best.code
		}
		cost := ""
		if best.state != nil {
			p.giveUp(best.state)
			if lost = append(lost, best.state); len(best.files) == 0 {
				// Other kept states need all of its files.
				continue
			}
			if cost = "the rollback to " + best.state.title; len(lost) > 1 {
				cost += ", and to " + audit.Counted(len(lost)-1, "older state", "older states")
			}
			if taken {
				p.markGivenUp(lost)
			}
			lost = nil
		} else {
			cost = p.buildLost(best.files[0])
		}
		p.plan.Steps = append(p.plan.Steps, PruneStep{Title: best.title, Code: best.code, Cost: cost, Files: len(best.files), Size: best.size, Taken: taken})
		for _, b := range best.files {
			if taken {
				p.take(b, cost)
			}
			delete(p.keep, b)
		}
		if taken {
			size -= best.size
		}
	}
	if size > p.policy.MaxSize {
		p.plan.Findings = append(p.plan.Findings, audit.Finding{
			Code: "prune-over-budget", Severity: audit.SeverityWarning, Subject: "--max-size",
			Message: fmt.Sprintf("%.1f MiB stay, which is more than the %.1f MiB allowed: the present state, pins, excludes and what other hosts need never go", float64(size)/(1<<20), float64(p.policy.MaxSize)/(1<<20)),
			Remedy:  audit.Do(audit.Emaudit("pin")).When("raise --max-size, or remove excludes or pins"),
		})
	}
}

// markGivenUp marks the states that a rollback will no longer reach.
func (p *pruner) markGivenUp(states []*keptState) {
	for _, k := range states {
		for i := range p.plan.States {
			if run := p.plan.States[i].Target.Run; run != nil && k.target.Run != nil && *run == *k.target.Run {
				p.plan.States[i].GivenUp = true
			}
		}
	}
}

// fileItems lists the files that no state needs, those with the least value first.
func (p *pruner) fileItems() []budgetItem {
	var items []budgetItem
	for i := range p.Past.Binpkgs {
		b := &p.Past.Binpkgs[i]
		k := p.keep[b]
		if k == nil || len(k.states) > 0 || miscValue[k.code] == 0 {
			continue
		}
		items = append(items, budgetItem{title: b.Source(), code: k.code, value: miscValue[k.code], files: []*binpkgs.Binpkg{b}, size: b.Size})
	}
	slices.SortStableFunc(items, func(a, b budgetItem) int { return cmp.Compare(a.ratio(), b.ratio()) })
	return items
}

// nextItem returns the item with the least value: the first of files, which it
// removes from them, or a state with the files that it alone needs.
func (p *pruner) nextItem(files *[]budgetItem) (best budgetItem, ok bool) {
	if len(*files) > 0 {
		best, ok = (*files)[0], true
	}
	alone := map[*keptState][]*binpkgs.Binpkg{}
	if len(p.steps) > 0 {
		for i := range p.Past.Binpkgs {
			b := &p.Past.Binpkgs[i]
			if k := p.keep[b]; k != nil && len(k.states) == 1 && k.code == KeepState {
				alone[k.states[0]] = append(alone[k.states[0]], b)
			}
		}
	}
	for i, s := range p.steps {
		// The newest state has the most value. Each older one has half as much.
		item := budgetItem{title: "the state " + s.title, code: KeepState, state: s, files: alone[s], value: stateValue / float64(int64(1)<<min(i, 60))}
		for _, b := range item.files {
			item.size += b.Size
		}
		if (len(item.files) > 0 || i == len(p.steps)-1) && (!ok || item.ratio() < best.ratio()) {
			best, ok = item, true
		}
	}
	if ok && best.state == nil {
		*files = (*files)[1:]
	}
	return best, ok
}

// giveUp stops keeping files for a state.
func (p *pruner) giveUp(s *keptState) {
	same := func(k *keptState) bool { return k == s }
	p.steps = slices.DeleteFunc(p.steps, same)
	for _, k := range p.keep {
		k.states = slices.DeleteFunc(k.states, same)
	}
}

// buildLost says what is lost with a file.
func (p *pruner) buildLost(b *binpkgs.Binpkg) string {
	if slices.ContainsFunc(p.Past.ByCPV[b.CPV], func(c *binpkgs.Binpkg) bool { return c != b && p.keep[c] != nil && p.restorable(c) }) {
		return "this build of " + b.CPV
	}
	return "the last build of " + b.CPV
}

// stateValue is the value of the newest state in the unit of [miscValue].
const stateValue = 1 << 20

// miscValue is the value of one file that no state needs.
var miscValue = map[string]float64{KeepRecent: 1, KeepImportant: 4, KeepLastCopy: 2, KeepNewest: 2, KeepUnknownState: 8}

// take makes a kept file a candidate.
func (p *pruner) take(b *binpkgs.Binpkg, cost string) {
	reason := p.keep[b].reason + "; --max-size takes it"
	p.plan.Kept = slices.DeleteFunc(p.plan.Kept, func(k PruneKept) bool { return k.PkgDir == b.Dir.Path && k.Path == b.Path })
	p.plan.Candidates = append(p.plan.Candidates, candidateOf(b, PruneOverBudget, reason, cost))
}
