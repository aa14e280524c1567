package audit

import (
	"slices"
	"strings"

	"emaudit/parse/atom"
	"emaudit/store"
)

// member is one package of a set that is checked for closure.
type member struct {
	pkg      atom.Package
	metadata *store.Metadata
	changed  bool // it is put back, and not installed now
	cp       string
}

// world is a set of packages that are installed together.
type world struct {
	members  []*member
	byCP     map[string][]*member
	provides map[atom.Soname]bool
	// more returns members of a package that were not added; nil: there are none.
	more func(cp string) []*member
	// relations are what the metadata of its members, and of those of other
	// worlds, were read as.
	relations map[*store.Metadata]*relations
}

func newWorld() *world {
	return &world{byCP: map[string][]*member{}, provides: map[atom.Soname]bool{}, relations: map[*store.Metadata]*relations{}}
}

// beside is an empty world of packages that w mostly has too: what metadata
// says is read once for both.
func (w *world) beside() *world {
	other := newWorld()
	other.relations = w.relations
	return other
}

// with is the world with the binary packages of judged that could be merged,
// which may be many: each package of them is looked at when a dependency asks
// for it. It answers what [world.satisfies] asks, and nothing about libraries.
func (w *world) with(judged []*judgedBinpkg) *world {
	byCP := map[string][]*judgedBinpkg{}
	for _, j := range judged {
		if j.Metadata != nil && j.CPV != "" {
			cp := packageOf(j.CPV)
			byCP[cp] = append(byCP[cp], j)
		}
	}
	members := map[string][]*member{}
	more := func(cp string) []*member {
		all, ok := members[cp]
		if !ok {
			for _, j := range byCP[cp] {
				all = append(all, &member{pkg: j.pkg, metadata: j.Metadata})
			}
			members[cp] = all
		}
		return all
	}
	return &world{byCP: w.byCP, provides: w.provides, relations: w.relations, more: more}
}

// find returns the member of a version, nil where the world has none.
func (w *world) find(cpv string) *member {
	for _, m := range w.byCP[packageOf(cpv)] {
		if m.pkg.CPV.String() == cpv {
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
	names []string
}

// concern tells whether any of the relations is about one of some packages, or
// about a library.
func (r *relations) concern(packages map[string]bool, libraries map[atom.Soname]bool) bool {
	return slices.ContainsFunc(r.names, func(cp string) bool { return packages[cp] }) ||
		slices.ContainsFunc(r.requires, func(s atom.Soname) bool { return libraries[s] })
}

// relation is one dependency string; err tells that it cannot be read.
type relation struct {
	dep atom.Dep
	err error
}

func (w *world) relationsOf(m *member) *relations {
	r := w.relations[m.metadata]
	if r != nil {
		return r
	}
	r = &relations{}
	read := func(value string) []relation {
		if strings.TrimSpace(value) == "" {
			return nil
		}
		dep, err := atom.ParseDep(value, atom.DepAtoms, m.metadata.EAPI)
		if err != nil {
			return []relation{{err: err}}
		}
		return []relation{{dep: dep.Evaluate(m.pkg.USE)}}
	}
	r.runtime = append(read(m.metadata.RDepend), read(m.metadata.PDepend)...)
	for i := range r.runtime {
		for item := range r.runtime[i].dep.Items {
			if item.Atom != nil && !slices.Contains(r.names, item.Atom.CP) {
				r.names = append(r.names, item.Atom.CP)
			}
		}
	}
	r.phases = read(m.metadata.IDepend)
	r.requires, r.requiresErr = atom.ParseSonames(m.metadata.Requires)
	// An unreadable PROVIDES provides nothing.
	r.provides, _ = atom.ParseSonames(m.metadata.Provides)
	w.relations[m.metadata] = r
	return r
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
	if m.cp == "" {
		m.cp = m.pkg.CPV.CP()
	}
	w.members = append(w.members, m)
	w.byCP[m.cp] = append(w.byCP[m.cp], m)
	for _, s := range w.relationsOf(m).provides {
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
	matches := func(x *member) bool { return !(blocker && x.pkg.CPV == m.pkg.CPV) && a.Match(x.pkg) }
	return slices.ContainsFunc(w.byCP[a.CP], matches) || w.more != nil && slices.ContainsFunc(w.more(a.CP), matches)
}

// unsatisfiedOf returns the dependencies of m that the set does not meet.
// merged tells that m is to be merged: then also those of its phases count.
func (w *world) unsatisfiedOf(m *member, merged bool) []Unsatisfied {
	var all []Unsatisfied
	lacks := func(kind, dependency string, dep atom.Dep) {
		all = append(all, Unsatisfied{CPV: m.pkg.CPV.String(), Dependency: dependency, Kind: kind, dep: dep})
	}
	known := w.relationsOf(m)
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
		if !w.provides[s] {
			lacks("soname", s.String(), atom.Dep{})
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
