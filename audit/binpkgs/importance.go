package binpkgs

import (
	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/store"
)

// Importance says, for every installed cpv, how many other installed packages
// need it to run, directly or through others: what breaks when it does. A
// dependency that several packages satisfy counts for all of them; one whose
// text cannot be read counts for none.
type Importance map[string]int

// AuditImportance follows RDEPEND, PDEPEND and IDEPEND of everything installed.
func AuditImportance(db audit.Database) (Importance, error) {
	installed, err := db.Tx.InstalledWithMetadata(db.Host)
	if err != nil {
		return nil, err
	}
	return importance(installed), nil
}

func importance(installed []store.Installed) Importance {
	byCP := map[string][]int{}
	packages := make([]atom.Package, len(installed))
	for i := range installed {
		cpv, err := atom.ParseCPV(installed[i].CPV)
		if err != nil {
			continue
		}
		packages[i] = atom.Package{CPV: cpv, Slot: installed[i].Slot, SubSlot: installed[i].SubSlot, Repo: installed[i].Repo}
		byCP[cpv.CP()] = append(byCP[cpv.CP()], i)
	}
	neededBy := make([][]int, len(installed))
	for i := range installed {
		seen := map[int]bool{i: true}
		for dep := range runtimeItems(installed[i].Metadata) {
			if dep.Blocker != atom.NoBlocker {
				continue
			}
			for _, j := range byCP[dep.CP] {
				if !seen[j] && dep.MatchIgnoringUSE(packages[j]) {
					seen[j] = true
					neededBy[j] = append(neededBy[j], i)
				}
			}
		}
	}
	result := make(Importance, len(installed))
	reached := make([]int, len(installed)) // by the walk from reached-1
	var stack []int
	for i := range installed {
		n := -1 // itself is not another
		stack = append(stack[:0], i)
		reached[i] = i + 1
		for len(stack) > 0 {
			j := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			n++
			for _, k := range neededBy[j] {
				if reached[k] != i+1 {
					reached[k] = i + 1
					stack = append(stack, k)
				}
			}
		}
		result[installed[i].CPV] = n
	}
	return result
}

// runtimeItems yields the atoms that a package needs to run.
func runtimeItems(m *store.Metadata) func(yield func(*atom.Atom) bool) {
	return func(yield func(*atom.Atom) bool) {
		if m == nil {
			return
		}
		use := atom.ParseFlags(m.Use)
		for _, text := range []string{m.RDepend, m.PDepend, m.IDepend} {
			dep, err := atom.ParseDep(text, atom.DepAtoms, m.EAPI)
			if err != nil {
				continue
			}
			for item := range dep.Reduce(use).Items {
				if item.Atom != nil && !yield(item.Atom) {
					return
				}
			}
		}
	}
}
