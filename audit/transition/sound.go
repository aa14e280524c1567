package transition

import (
	"slices"

	"emaudit/parse/atom"
)

// unsound returns the unsatisfied dependencies of the produced state, each with the
// changes to blame.
//
// A package may lack afterwards what it lacks today: Portage only demands that
// satisfied dependencies stay satisfied (depgraph.py, _complete_graph). A merged
// package must lack nothing.
func (h *Host) unsound(p *Plan) (all []blame) {
	packages, libraries := h.differences(p)
	concerned := h.concerned(packages, libraries)
	for _, c := range p.active {
		concerned[c.To] = true
	}
	for _, m := range p.Produced.members {
		if !concerned[m] {
			continue // everything that it needs is as it was
		}
		for _, u := range p.Produced.UnsatisfiedOf(m) {
			switch {
			case u.Kind == NeedSoname && h.Now.provides[u.soname] == 0:
				// No installed package has the library today either. Portage does
				// not demand it (--ignore-soname-deps=y), and the library may
				// belong to no package.
				if m.Merged && len(h.requiring[u.soname]) == 0 {
					p.Doubts = append(p.Doubts, Doubt{CodeSonameUnprovided, u.CPV, u.Dependency})
				}
			case !m.Merged && h.lacksNow(m, u):
			default:
				all = append(all, blame{Break{CPV: u.CPV, Kind: u.Kind, Detail: u.Dependency, Atoms: u.atoms(), Soname: u.soname}, h.toBlame(p, m, u)})
			}
		}
	}
	for _, w := range h.Wanted {
		if packages[w.Atom.CP] {
			all = append(all, h.unwanted(p, w)...)
		}
	}
	return append(all, h.libc(p)...)
}

// differences returns the packages and the libraries that differ between before and
// after.
func (h *Host) differences(p *Plan) (packages map[string]bool, libraries map[atom.Soname]bool) {
	packages, libraries = map[string]bool{}, map[atom.Soname]bool{}
	for _, c := range p.active {
		for _, m := range []*Member{c.From, c.To} {
			if m == nil {
				continue
			}
			packages[m.cp] = true
			for _, s := range p.Produced.relationsOf(m).provides {
				libraries[s] = true
			}
		}
	}
	return packages, libraries
}

// lacksNow reports whether an installed package lacks the same thing today.
func (h *Host) lacksNow(m *Member, u Unsatisfied) bool {
	if h.lacking == nil {
		h.lacking = map[*Member][]Unsatisfied{}
	}
	now, ok := h.lacking[m]
	if !ok {
		now = h.Now.UnsatisfiedOf(m)
		h.lacking[m] = now
	}
	return slices.ContainsFunc(now, func(x Unsatisfied) bool { return x.Kind == u.Kind && x.Dependency == u.Dependency })
}

// concerned returns the installed packages whose dependencies name one of some
// packages, or need one of some libraries.
func (h *Host) concerned(packages map[string]bool, libraries map[atom.Soname]bool) map[*Member]bool {
	if h.naming == nil {
		h.naming, h.requiring = map[string][]*Member{}, map[atom.Soname][]*Member{}
		for _, m := range h.Now.members {
			r := h.Now.relationsOf(m)
			for _, cp := range r.names {
				h.naming[cp] = append(h.naming[cp], m)
			}
			for _, s := range r.requires {
				h.requiring[s] = append(h.requiring[s], m)
			}
		}
	}
	all := map[*Member]bool{}
	for cp := range packages {
		for _, m := range h.naming[cp] {
			all[m] = true
		}
	}
	for s := range libraries {
		for _, m := range h.requiring[s] {
			all[m] = true
		}
	}
	return all
}

// toBlame returns the changes to give up so that m has what it lacks.
func (h *Host) toBlame(p *Plan, m *Member, u Unsatisfied) (all []*Change) {
	if !m.Merged {
		return h.tookAway(p, m, u)
	}
	if u.Kind != NeedBlocker && u.Kind != NeedSoname && u.Kind != NeedInvalid {
		// To keep a package costs less than not to bring one back.
		for _, c := range p.active {
			if c.To == nil && slices.Contains(u.packages(), c.From.cp) && p.Produced.including(c.From).Satisfies(m, u) {
				return []*Change{c}
			}
		}
	}
	for _, c := range p.active {
		if c.To == m {
			all = append(all, c)
		}
	}
	return all
}

// tookAway returns the changes that remove what an unchanged package needs, or that
// bring what it blocks.
func (h *Host) tookAway(p *Plan, m *Member, u Unsatisfied) (all []*Change) {
	for _, c := range p.active {
		switch {
		case u.Kind == NeedBlocker:
			if c.To != nil && slices.Contains(p.Produced.blocked(m, *u.dep.Atom), c.To) {
				all = append(all, c)
			}
		case c.From == nil:
		case u.Kind == NeedSoname:
			if slices.Contains(p.Produced.relationsOf(c.From).provides, u.soname) {
				all = append(all, c)
			}
		case slices.Contains(u.packages(), c.From.cp) && p.Produced.including(c.From).Satisfies(m, u):
			return []*Change{c}
		}
	}
	if len(all) == 0 && u.Kind != NeedBlocker {
		// No single change removed it.
		for _, c := range p.active {
			if c.From != nil && slices.ContainsFunc(u.packages(), func(cp string) bool { return cp == c.From.cp }) {
				all = append(all, c)
			}
		}
	}
	return all
}

// unwanted judges an atom of @world. If the atom demands a newer version, Portage
// does not merge an older one. If the plan removes the package altogether, there is
// no merge that Portage could refuse.
func (h *Host) unwanted(p *Plan, w Wanted) []blame {
	matches := func(m *Member) bool { return w.Atom.Match(m.Pkg) }
	if slices.ContainsFunc(p.Produced.byCP[w.Atom.CP], matches) || !slices.ContainsFunc(h.Now.byCP[w.Atom.CP], matches) {
		return nil
	}
	var changes []*Change
	replaced := false
	for _, c := range p.active {
		if c.From != nil && matches(c.From) {
			changes = append(changes, c)
			replaced = replaced || c.To != nil
		}
	}
	switch {
	case !replaced:
		p.Lost = append(p.Lost, w)
		return nil
	case w.Selected:
		p.Deselect = append(p.Deselect, w)
		return nil
	}
	return []blame{{Break{CPV: changes[0].From.CPV(), Kind: NeedSet, Detail: w.Atom.String() + " of " + w.Origin}, changes}}
}

// olderVersion reports whether a version is older than another one, whatever their
// revisions.
func olderVersion(a, b *Member) bool {
	order, ok := atom.CompareVersions(a.Pkg.CPV.PV(), b.Pkg.CPV.PV())
	return ok && order < 0
}

// Libcs are the packages that hold the C library.
var Libcs = map[string]bool{"sys-libs/glibc": true, "sys-libs/musl": true}

// libc forbids the removal of the C library, and a downgrade that the C library
// itself refuses: glibc does in pkg_pretend (sanity_prechecks of its ebuilds), which
// compares versions without their revision. Programs that were linked with the newer
// one would no longer start.
func (h *Host) libc(p *Plan) (all []blame) {
	for _, c := range p.active {
		switch {
		case c.From == nil || !Libcs[c.From.cp]:
		case c.To == nil:
			if len(p.Produced.byCP[c.From.cp]) == 0 {
				all = append(all, blame{Break{CPV: c.From.CPV(), Kind: NeedLibc, Detail: "it would be removed, and what is installed needs a C library to run"}, []*Change{c}})
			}
		case olderVersion(c.To, c.From) && c.To.phase("preinst", "pretend", "setup"):
			all = append(all, blame{Break{CPV: c.To.CPV(), Kind: NeedLibc, Detail: ">=" + c.From.CPV() + ": its own phases refuse to replace a newer version"}, []*Change{c}})
		}
	}
	return all
}
