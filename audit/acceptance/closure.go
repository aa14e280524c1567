package acceptance

import (
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/parse/atom"
	"emaudit/store"
)

// Member is one package of a set that is checked for closure.
type Member struct {
	Pkg      atom.Package
	Metadata *store.Metadata
	Changed  bool // it is put back, and not installed now
	CP       string
}

// World is a set of packages that are installed together.
type World struct {
	Members  []*Member
	ByCP     map[string][]*Member
	Provides map[atom.Soname]bool
	// more returns members of a package that were not added; nil: there are none.
	more func(cp string) []*Member
	// relations are what the metadata of its members, and of those of other
	// worlds, were read as.
	relations map[*store.Metadata]*relations
}

func NewWorld() *World {
	return &World{ByCP: map[string][]*Member{}, Provides: map[atom.Soname]bool{}, relations: map[*store.Metadata]*relations{}}
}

// Beside is an empty world of packages that w mostly has too: what metadata
// says is read once for both.
func (w *World) Beside() *World {
	other := NewWorld()
	other.relations = w.relations
	return other
}

// With is the world with the binary packages of judged that could be merged,
// which may be many: each package of them is looked at when a dependency asks
// for it. It answers what [world.satisfies] asks, and nothing about libraries.
func (w *World) With(judged []*JudgedBinpkg) *World {
	byCP := map[string][]*JudgedBinpkg{}
	for _, j := range judged {
		if j.Metadata != nil && j.CPV != "" {
			cp := audit.PackageOf(j.CPV)
			byCP[cp] = append(byCP[cp], j)
		}
	}
	members := map[string][]*Member{}
	more := func(cp string) []*Member {
		all, ok := members[cp]
		if !ok {
			for _, j := range byCP[cp] {
				all = append(all, &Member{Pkg: j.Pkg, Metadata: j.Metadata})
			}
			members[cp] = all
		}
		return all
	}
	return &World{ByCP: w.ByCP, Provides: w.Provides, relations: w.relations, more: more}
}

// Find returns the member of a version, nil where the world has none.
func (w *World) Find(cpv string) *Member {
	for _, m := range w.ByCP[audit.PackageOf(cpv)] {
		if m.Pkg.CPV.String() == cpv {
			return m
		}
	}
	return nil
}

// relations are the dependencies of a build, for its own USE flags, and its
// libraries.
type relations struct {
	// runtime are those of RDEPEND and PDEPEND, phases those of IDEPEND.
	runtime, phases    []relation
	requires, provides []atom.Soname
	requiresErr        error
	// names are the packages that the runtime dependencies are about.
	Names []string
}

// Concern tells whether any of the relations is about one of some packages, or
// about a library.
func (r *relations) Concern(packages map[string]bool, libraries map[atom.Soname]bool) bool {
	return slices.ContainsFunc(r.Names, func(cp string) bool { return packages[cp] }) ||
		slices.ContainsFunc(r.requires, func(s atom.Soname) bool { return libraries[s] })
}

// relation is one dependency string; err tells that it cannot be read.
type relation struct {
	dep atom.Dep
	err error
}

func (w *World) RelationsOf(m *Member) *relations {
	r := w.relations[m.Metadata]
	if r != nil {
		return r
	}
	r = &relations{}
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
			if item.Atom != nil && !slices.Contains(r.Names, item.Atom.CP) {
				r.Names = append(r.Names, item.Atom.CP)
			}
		}
	}
	r.phases = read(m.Metadata.IDepend)
	r.requires, r.requiresErr = atom.ParseSonames(m.Metadata.Requires)
	// An unreadable PROVIDES provides nothing.
	r.provides, _ = atom.ParseSonames(m.Metadata.Provides)
	w.relations[m.Metadata] = r
	return r
}

// WorldOf is what is installed.
func WorldOf(installed []store.Installed) *World {
	w := NewWorld()
	for i := range installed {
		p := &installed[i]
		if cpv, err := atom.ParseCPV(p.CPV); err == nil && p.Metadata != nil {
			w.Add(&Member{Pkg: PackageOfMetadata(cpv, p.Slot, p.SubSlot, p.Repo, p.BuildID, p.Metadata), Metadata: p.Metadata})
		}
	}
	return w
}

func (w *World) Add(m *Member) {
	if m.CP == "" {
		m.CP = m.Pkg.CPV.CP()
	}
	w.Members = append(w.Members, m)
	w.ByCP[m.CP] = append(w.ByCP[m.CP], m)
	for _, s := range w.RelationsOf(m).provides {
		w.Provides[s] = true
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

// Libcs are the packages that hold the C library.
var Libcs = map[string]bool{"sys-libs/glibc": true, "sys-libs/musl": true}

// Has tells whether the set has a package that an atom of m is true of. A
// package neither blocks nor, as a dependency at runtime of itself, fails.
func (w *World) Has(m *Member, a atom.Atom, blocker bool) bool {
	matches := func(x *Member) bool { return !(blocker && x.Pkg.CPV == m.Pkg.CPV) && a.Match(x.Pkg) }
	return slices.ContainsFunc(w.ByCP[a.CP], matches) || w.more != nil && slices.ContainsFunc(w.more(a.CP), matches)
}

// UnsatisfiedOf returns the dependencies of m that the set does not meet.
// merged tells that m is to be merged: then also those of its phases count.
func (w *World) UnsatisfiedOf(m *Member, merged bool) []Unsatisfied {
	var all []Unsatisfied
	lacks := func(kind, dependency string, dep atom.Dep) {
		all = append(all, Unsatisfied{CPV: m.Pkg.CPV.String(), Dependency: dependency, Kind: kind, dep: dep})
	}
	known := w.RelationsOf(m)
	check := func(relations []relation) {
		for i := range relations {
			if err := relations[i].err; err != nil {
				lacks("invalid", err.Error(), atom.Dep{})
				continue
			}
			for _, missing := range w.missing(m, relations[i].dep) {
				lacks(kindOf(missing), missing.String(), missing)
			}
		}
	}
	check(known.runtime)
	if merged {
		check(known.phases)
	}
	if known.requiresErr != nil {
		lacks("invalid", known.requiresErr.Error(), atom.Dep{})
		return all
	}
	for _, s := range known.requires {
		if !w.Provides[s] {
			lacks("soname", s.String(), atom.Dep{})
		}
	}
	return all
}

// missing returns the parts of a reduced dependency that the set does not
// meet.
func (w *World) missing(m *Member, dep atom.Dep) []atom.Dep {
	_, missing := dep.Satisfied(func(a atom.Atom) bool { return w.Has(m, a, false) })
	kept := missing[:0]
	for _, d := range missing {
		// Satisfied asks has for what a blocker forbids: a package does not
		// block itself.
		if d.Atom != nil && d.Atom.Blocker != atom.NoBlocker && !w.Has(m, d.Atom.WithoutBlocker(), true) {
			continue
		}
		kept = append(kept, d)
	}
	return kept
}

// Satisfies tells whether the set meets what another one did not.
func (w *World) Satisfies(m *Member, u Unsatisfied) bool {
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
	case Libcs[dep.Atom.CP]:
		return "libc"
	case dep.Atom.SlotBuilt():
		return "slot-operator"
	}
	return "depend"
}
