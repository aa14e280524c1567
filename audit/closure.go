package audit

import (
	"strings"

	"emaudit/parse/atom"
	"emaudit/store"
)

// member is one package of a set that is checked for closure.
type member struct {
	pkg      atom.Package
	metadata *store.Metadata
	changed  bool // it is put back, and not installed now
}

// world is a set of packages that are installed together.
type world struct {
	members  []*member
	byCP     map[string][]*member
	provides map[atom.Soname]bool
}

func newWorld() *world {
	return &world{byCP: map[string][]*member{}, provides: map[atom.Soname]bool{}}
}

// worldOf is what is installed.
func worldOf(installed []store.Installed) *world {
	w := newWorld()
	for i := range installed {
		p := &installed[i]
		if cpv, err := atom.ParseCPV(p.CPV); err == nil && p.Metadata != nil {
			w.add(&member{pkg: packageOfMetadata(cpv, p.Slot, p.SubSlot, p.Repo, p.BuildID, p.Metadata), metadata: p.Metadata})
		}
	}
	return w
}

func (w *world) add(m *member) {
	cp := m.pkg.CPV.CP()
	w.members = append(w.members, m)
	w.byCP[cp] = append(w.byCP[cp], m)
	// An unreadable PROVIDES provides nothing.
	sonames, _ := atom.ParseSonames(m.metadata.Provides)
	for _, s := range sonames {
		w.provides[s] = true
	}
}

// Unsatisfied is a dependency of a package that a set of packages does not
// meet.
type Unsatisfied struct {
	CPV        string `json:"cpv"`
	Dependency string `json:"dependency"`
	// Kind is depend, slot-operator, blocker, soname or libc.
	Kind string `json:"kind"`

	dep atom.Dep
}

// libcs are the packages that hold the C library.
var libcs = map[string]bool{"sys-libs/glibc": true, "sys-libs/musl": true}

// has tells whether the set has a package that an atom of m is true of. A
// package neither blocks nor, as a dependency at runtime of itself, fails.
func (w *world) has(m *member, a atom.Atom, blocker bool) bool {
	for _, x := range w.byCP[a.CP] {
		if blocker && x.pkg.CPV == m.pkg.CPV {
			continue
		}
		if a.Match(x.pkg) {
			return true
		}
	}
	return false
}

// unsatisfiedOf returns the dependencies of m that the set does not meet.
// merged tells that m is to be merged: then also those of its phases count.
func (w *world) unsatisfiedOf(m *member, merged bool) []Unsatisfied {
	var all []Unsatisfied
	cpv := m.pkg.CPV.String()
	values := []string{m.metadata.RDepend, m.metadata.PDepend}
	if merged {
		values = append(values, m.metadata.IDepend)
	}
	for _, value := range values {
		if strings.TrimSpace(value) == "" {
			continue
		}
		dep, err := atom.ParseDep(value, atom.DepAtoms, m.metadata.EAPI)
		if err != nil {
			all = append(all, Unsatisfied{CPV: cpv, Dependency: err.Error(), Kind: "invalid"})
			continue
		}
		for _, missing := range w.missing(m, dep.Evaluate(m.pkg.USE)) {
			all = append(all, Unsatisfied{CPV: cpv, Dependency: missing.String(), Kind: kindOf(missing), dep: missing})
		}
	}
	sonames, err := atom.ParseSonames(m.metadata.Requires)
	if err != nil {
		return append(all, Unsatisfied{CPV: cpv, Dependency: err.Error(), Kind: "invalid"})
	}
	for _, s := range sonames {
		if !w.provides[s] {
			all = append(all, Unsatisfied{CPV: cpv, Dependency: s.String(), Kind: "soname"})
		}
	}
	return all
}

// missing returns the parts of a reduced dependency that the set does not
// meet.
func (w *world) missing(m *member, dep atom.Dep) []atom.Dep {
	_, missing := dep.Satisfied(func(a atom.Atom) bool { return w.has(m, a, false) })
	kept := missing[:0]
	for _, d := range missing {
		// Satisfied asks has for what a blocker forbids: a package does not
		// block itself.
		if d.Atom != nil && d.Atom.Blocker != atom.NoBlocker && !w.has(m, d.Atom.WithoutBlocker(), true) {
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// satisfies tells whether the set meets what another one did not.
func (w *world) satisfies(m *member, u Unsatisfied) bool {
	return len(w.missing(m, u.dep)) == 0
}

// kindOf names what kind of dependency is not met.
func kindOf(dep atom.Dep) string {
	if dep.Atom == nil {
		return "depend"
	}
	switch {
	case dep.Atom.Blocker != atom.NoBlocker:
		return "blocker"
	case libcs[dep.Atom.CP]:
		return "libc"
	case dep.Atom.SlotBuilt():
		return "slot-operator"
	}
	return "depend"
}
