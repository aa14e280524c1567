package binpkgs

import (
	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/store"
	"emaudit/store/inventory"
)

// Importance maps each installed cpv to the number of installed packages that need
// it to run, directly or indirectly. If several packages satisfy a dependency, it
// counts for all of them. A dependency that cannot be parsed does not count.
type Importance map[string]int

// AuditImportance follows RDEPEND, PDEPEND and IDEPEND of all installed packages.
func AuditImportance(db audit.Database) (Importance, error) {
	installed, err := inventory.InstalledWithMetadata(db.Tx, db.Host)
	if err != nil {
		return nil, err
	}
	return importance(installed), nil
}

func importance(installed []inventory.Installed) Importance {
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
	reached := make([]int, len(installed)) // the search that reached it last, plus 1
	var stack []int
	for i := range installed {
		n := -1 // the package itself does not count
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

// runtimeItems yields the atoms of a package's runtime dependencies.
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
