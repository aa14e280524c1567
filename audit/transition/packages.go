package transition

import (
	"maps"
	"slices"
	"strings"

	"emaudit/parse/atom"
	"emaudit/store"
)

// Member is one package of a [Packages].
type Member struct {
	Pkg      atom.Package
	Metadata *store.Metadata
	// Merged reports that the plan merges the package. Portage then also checks
	// IDEPEND, and strong blockers of its own slot.
	Merged bool
	cp     string
}

// NewMember returns the member for a build.
func NewMember(pkg atom.Package, m *store.Metadata) *Member {
	if m == nil {
		m = &store.Metadata{}
	}
	return &Member{Pkg: pkg, Metadata: m, cp: pkg.CPV.CP()}
}

// phase reports whether the package has one of some phases.
func (m *Member) phase(names ...string) bool {
	return slices.ContainsFunc(strings.Fields(m.Metadata.DefinedPhases), func(p string) bool { return slices.Contains(names, p) })
}

// CPV returns category/name-version.
func (m *Member) CPV() string { return m.Pkg.CPV.String() }

// Packages are packages that are installed at the same time.
type Packages struct {
	members  []*Member
	byCP     map[string][]*Member
	provides map[atom.Soname]int // the number of members with a library
	// provided are the packages of package.provided. Portage treats each as
	// installed, for any slot and USE flags (dep_check.py, dep_wordreduce).
	provided map[string][]atom.CPV
	// more returns packages that count as members if a dependency needs one.
	more func(cp string) []*Member
	// relations are the parsed metadata of members. All Packages of a host share
	// them.
	relations map[*store.Metadata]*relations
}

// NewPackages returns an empty set of packages.
func NewPackages() *Packages {
	return &Packages{byCP: map[string][]*Member{}, provides: map[atom.Soname]int{}, relations: map[*store.Metadata]*relations{}}
}

// Provide adds a package of package.provided.
func (w *Packages) Provide(cpv atom.CPV) {
	if w.provided == nil {
		w.provided = map[string][]atom.CPV{}
	}
	w.provided[cpv.CP()] = append(w.provided[cpv.CP()], cpv)
}

// With returns the same packages. In them, the packages from more also satisfy
// dependencies.
func (w *Packages) With(more func(cp string) []*Member) *Packages {
	other := *w
	other.more = more
	return &other
}

// Names returns the packages (category/name) with a member.
func (w *Packages) Names() []string { return slices.Sorted(maps.Keys(w.byCP)) }

// NamesAskedBy returns the packages with a member that the runtime dependencies of a
// package name.
func (w *Packages) NamesAskedBy(cp string) (all []string) {
	for _, m := range w.byCP[cp] {
		for _, name := range w.relationsOf(m).names {
			if len(w.byCP[name]) > 0 {
				all = append(all, name)
			}
		}
	}
	return all
}

// including returns the same packages, in which m also satisfies dependencies.
func (w *Packages) including(m *Member) *Packages {
	return w.With(func(cp string) []*Member {
		if cp == m.cp {
			return []*Member{m}
		}
		return nil
	})
}

// Find returns the member of a version, or nil if there is none.
func (w *Packages) Find(cpv string) *Member {
	c, err := atom.ParseCPV(cpv)
	if err != nil {
		return nil
	}
	for _, m := range w.byCP[c.CP()] {
		if m.Pkg.CPV == c {
			return m
		}
	}
	return nil
}

// Add adds a member.
func (w *Packages) Add(m *Member) {
	w.members = append(w.members, m)
	w.byCP[m.cp] = append(slices.Clip(w.byCP[m.cp]), m) // change shares the lists
	for _, s := range w.relationsOf(m).provides {
		w.provides[s]++
	}
}

// change returns a world without some members and with others.
func (w *Packages) change(out map[*Member]bool, in []*Member) *Packages {
	other := &Packages{
		members: make([]*Member, 0, len(w.members)+len(in)), byCP: maps.Clone(w.byCP),
		provides: maps.Clone(w.provides), provided: w.provided, relations: w.relations,
	}
	for _, m := range w.members {
		if !out[m] {
			other.members = append(other.members, m)
			continue
		}
		if rest := slices.DeleteFunc(slices.Clone(other.byCP[m.cp]), func(x *Member) bool { return x == m }); len(rest) > 0 {
			other.byCP[m.cp] = rest
		} else {
			delete(other.byCP, m.cp)
		}
		for _, s := range w.relationsOf(m).provides {
			other.provides[s]--
		}
	}
	for _, m := range in {
		other.Add(m)
	}
	return other
}

// relations are the dependencies of a build, reduced by its own USE flags, and its
// libraries.
type relations struct {
	// runtime comes from RDEPEND and PDEPEND, phases from IDEPEND.
	runtime, phases    []relation
	requires, provides []atom.Soname
	requiresErr        error
	// names are the packages that the runtime dependencies name.
	names []string
}

// relation is one dependency string. err is set if it cannot be parsed.
type relation struct {
	dep atom.Dep
	err error
}

func (w *Packages) relationsOf(m *Member) *relations {
	r := w.relations[m.Metadata]
	if r == nil {
		if len(w.relations) >= max(maxRelations, 2*len(w.members)) {
			clear(w.relations)
		}
		r = relationsOf(m)
		w.relations[m.Metadata] = r
	}
	return r
}

func relationsOf(m *Member) *relations {
	r := &relations{}
	read := func(value string) []relation {
		if strings.TrimSpace(value) == "" {
			return nil
		}
		dep, err := atom.ParseDep(value, atom.DepAtoms, m.Metadata.EAPI)
		if err != nil {
			return []relation{{err: err}}
		}
		return []relation{{dep: dep.Evaluate(m.Pkg.USE)}}
	}
	r.runtime = append(read(m.Metadata.RDepend), read(m.Metadata.PDepend)...)
	for i := range r.runtime {
		for item := range r.runtime[i].dep.Items {
			if item.Atom != nil && !slices.Contains(r.names, item.Atom.CP) {
				r.names = append(r.names, item.Atom.CP)
			}
		}
	}
	r.phases = read(m.Metadata.IDepend)
	r.requires, r.requiresErr = atom.ParseSonames(m.Metadata.Requires)
	// An unreadable PROVIDES provides nothing.
	r.provides, _ = atom.ParseSonames(m.Metadata.Provides)
	return r
}

// maxRelations bounds the parsed metadata in memory, which take 1 KB each.
const maxRelations = 4096

// Unsatisfied is a dependency of a package that a set of packages does not satisfy.
type Unsatisfied struct {
	CPV        string `json:"cpv"`
	Dependency string `json:"dependency"`
	// Kind is depend, slot-operator, blocker, soname, libc or invalid.
	Kind string `json:"kind"`

	dep    atom.Dep
	soname atom.Soname
}

// atoms returns the atoms of the dependency.
func (u *Unsatisfied) atoms() (all []atom.Atom) {
	for item := range u.dep.Items {
		if item.Atom != nil {
			all = append(all, *item.Atom)
		}
	}
	return all
}

// packages returns the packages that the dependency names.
func (u *Unsatisfied) packages() (all []string) {
	for _, a := range u.atoms() {
		all = append(all, a.CP)
	}
	return all
}

// has reports whether an atom of m matches a package of the world.
func (w *Packages) has(m *Member, a atom.Atom) bool {
	matches := func(x *Member) bool { return a.Match(x.Pkg) }
	if slices.ContainsFunc(w.byCP[a.CP], matches) || w.more != nil && slices.ContainsFunc(w.more(a.CP), matches) {
		return true
	}
	bare := a
	bare.Slot, bare.SubSlot, bare.USE = "", "", nil
	return slices.ContainsFunc(w.provided[a.CP], func(c atom.CPV) bool { return bare.Match(atom.Package{CPV: c}) })
}

// blocked returns the members that a blocker of m forbids. A weak blocker does not
// forbid a package in the slot of m, because m replaces it. A strong one does, and
// forbids even m itself if m is merged (depgraph.py, _validate_blockers).
func (w *Packages) blocked(m *Member, a atom.Atom) (all []*Member) {
	plain := a.WithoutBlocker()
	for _, x := range w.byCP[a.CP] {
		own := x.cp == m.cp && x.Pkg.Slot == m.Pkg.Slot
		if own && (a.Blocker == atom.WeakBlock || !m.Merged) {
			continue
		}
		if plain.Match(x.Pkg) {
			all = append(all, x)
		}
	}
	return all
}

// UnsatisfiedOf returns the dependencies of m that the world does not satisfy.
func (w *Packages) UnsatisfiedOf(m *Member) []Unsatisfied {
	return w.unsatisfied(m, w.relationsOf(m))
}

// UnsatisfiedOnce is like [Packages.UnsatisfiedOf], for one of thousands of packages
// that are judged once: nothing of it stays in memory.
func (w *Packages) UnsatisfiedOnce(m *Member) []Unsatisfied {
	known := w.relations[m.Metadata]
	if known == nil {
		known = relationsOf(m)
	}
	return w.unsatisfied(m, known)
}

func (w *Packages) unsatisfied(m *Member, known *relations) []Unsatisfied {
	var all []Unsatisfied
	lacks := func(kind, dependency string, dep atom.Dep) {
		all = append(all, Unsatisfied{CPV: m.CPV(), Dependency: dependency, Kind: kind, dep: dep})
	}
	check := func(relations []relation) {
		for i := range relations {
			if err := relations[i].err; err != nil {
				lacks(NeedInvalid, err.Error(), atom.Dep{})
				continue
			}
			for _, missing := range w.missing(m, relations[i].dep) {
				lacks(kindOf(missing), missing.String(), missing)
			}
		}
	}
	check(known.runtime)
	if m.Merged {
		check(known.phases)
	}
	if known.requiresErr != nil {
		lacks(NeedInvalid, known.requiresErr.Error(), atom.Dep{})
		return all
	}
	for _, s := range known.requires {
		if w.provides[s] == 0 {
			all = append(all, Unsatisfied{CPV: m.CPV(), Dependency: s.String(), Kind: NeedSoname, soname: s})
		}
	}
	return all
}

// missing returns the parts of a reduced dependency that the set does not satisfy.
func (w *Packages) missing(m *Member, dep atom.Dep) []atom.Dep {
	_, missing := dep.Satisfied(func(a atom.Atom) bool { return w.has(m, a) })
	kept := missing[:0]
	for _, d := range missing {
		// Satisfied calls a blocker unsatisfied if it matches anything, including m
		// itself.
		if d.Atom != nil && d.Atom.Blocker != atom.NoBlocker && len(w.blocked(m, *d.Atom)) == 0 {
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// Satisfies reports whether the set satisfies what another one did not.
func (w *Packages) Satisfies(m *Member, u Unsatisfied) bool {
	return len(w.missing(m, u.dep)) == 0
}

// The kinds of needs that a set of packages can leave unmet.
const (
	NeedDepend       = "depend"
	NeedBlocker      = "blocker" // a blocker that matches an installed package
	NeedSoname       = "soname"
	NeedSlotOperator = "slot-operator" // built against another sub-slot
	NeedLibc         = "libc"
	NeedSet          = "set"     // a package of a set that the administrator selected
	NeedInvalid      = "invalid" // dependencies that cannot be read
)

// kindOf returns the kind of an unsatisfied dependency.
func kindOf(dep atom.Dep) string {
	if dep.Atom == nil {
		return NeedDepend
	}
	switch {
	case dep.Atom.Blocker != atom.NoBlocker:
		return NeedBlocker
	case Libcs[dep.Atom.CP]:
		return NeedLibc
	case dep.Atom.SlotBuilt():
		return NeedSlotOperator
	}
	return NeedDepend
}
