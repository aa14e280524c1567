package transition

import (
	"slices"

	"emaudit/parse/atom"
)

// steps finds an order of the changes that Portage can carry out. It returns the
// conflicts without such an order, each with the changes to blame.
//
// One command merges all packages, because the resolver must see the whole state at
// once. The resolver chooses the order of the merges. So packages that block any of
// them are unmerged before the command. Packages that only go are unmerged last:
// something may need them until the older packages are installed.
func (h *Host) steps(p *Plan) (all []blame) {
	var merges []*Change
	for _, c := range p.active {
		if c.To != nil {
			merges = append(merges, c)
		}
	}
	if len(merges) > 0 {
		for _, c := range p.active {
			if c.From != nil {
				if why := h.inTheWay(p, c, merges); why != "" {
					p.Early[c] = why
				}
			}
		}
		p.Merges = [][]*Change{merges}
		all = h.files(p, merges)
	}
	for c := range p.Early {
		if h.runs(c.From) {
			all = append(all, blame{Break{CPV: c.From.CPV(), Kind: "runs-plan", Detail: "it would have to be unmerged first, and the plan cannot go on without it"}, []*Change{c}})
		}
	}
	for _, c := range p.active {
		if c.To != nil {
			continue
		}
		if why := h.neverGoes(p, c.From); why != "" {
			all = append(all, blame{Break{CPV: c.From.CPV(), Kind: "runs-plan", Detail: why}, []*Change{c}})
		}
		if p.Early[c] == "" {
			p.Late = append(p.Late, c)
		}
	}
	return all
}

// inTheWay says why the old package of a change must be unmerged before any merge. It
// returns "" if it need not be.
func (h *Host) inTheWay(p *Plan, c *Change, merges []*Change) string {
	from := c.From
	for _, m := range merges {
		for _, b := range p.Produced.blockers(m.To) {
			own := m.To.cp == from.cp && m.To.Pkg.Slot == from.Pkg.Slot
			switch {
			case !b.WithoutBlocker().Match(from.Pkg):
			case b.Blocker == atom.StrongBlock:
				return m.To.CPV() + " has " + b.String()
			case c.To == nil && !own:
				// Portage would unmerge it itself, but perhaps too late.
				return m.To.CPV() + " has " + b.String()
			}
		}
	}
	for _, b := range h.Now.blockers(from) {
		if b.Blocker != atom.StrongBlock && c.To != nil {
			continue // the merge replaces it, in an order that the resolver finds
		}
		plain := b.WithoutBlocker()
		for _, m := range merges {
			own := m.To.cp == from.cp && m.To.Pkg.Slot == from.Pkg.Slot
			if plain.Match(m.To.Pkg) && (b.Blocker == atom.StrongBlock || !own) {
				return "it has " + b.String()
			}
		}
	}
	if c.To != nil {
		return ""
	}
	// While it is installed, the resolver keeps what it needs.
	for _, u := range p.Produced.UnsatisfiedOf(from) {
		if u.Kind != NeedSoname && u.Kind != NeedInvalid && u.Kind != NeedBlocker && !h.lacksNow(from, u) {
			return "it needs " + u.Dependency
		}
	}
	return ""
}

// blockers returns the blockers of a package. Those in IDEPEND count during its
// merge.
func (w *Packages) blockers(m *Member) (all []atom.Atom) {
	r := w.relationsOf(m)
	lists := [][]relation{r.runtime}
	if m.Merged {
		lists = append(lists, r.phases)
	}
	for _, list := range lists {
		for i := range list {
			for item := range list[i].dep.Items {
				if item.Atom != nil && item.Atom.Blocker != atom.NoBlocker {
					all = append(all, *item.Atom)
				}
			}
		}
	}
	return all
}

// mergers are packages of @system without which Portage merges nothing, although no
// package depends on them: the shell, the programs that ebuilds may call (PMS 12), and
// the programs that unpack a binary package.
var mergers = []string{
	"sys-apps/portage", "sys-apps/baselayout", "app-shells/bash", "sys-apps/coreutils", "sys-apps/findutils", "sys-apps/gawk", "sys-apps/grep", "sys-apps/sed",
	"sys-apps/util-linux", "app-arch/tar", "app-arch/gzip", "app-arch/bzip2", "app-arch/xz-utils", "app-arch/zstd", "app-arch/lz4", "app-arch/lzip", "app-arch/lzop",
	"sys-libs/glibc", "sys-libs/musl", "sys-devel/gcc", "dev-lang/python", "dev-lang/python-exec", "app-misc/pax-utils",
}

// runs reports whether a merge needs an installed package: it is one of [mergers], or
// one of these needs it, directly or indirectly.
func (h *Host) runs(m *Member) bool {
	if h.runners == nil {
		h.runners = map[*Member]bool{}
		var due []*Member
		for _, cp := range mergers {
			due = append(due, h.Now.byCP[cp]...)
		}
		for len(due) > 0 {
			x := due[len(due)-1]
			due = due[:len(due)-1]
			if h.runners[x] {
				continue
			}
			h.runners[x] = true
			r := h.Now.relationsOf(x)
			for i := range r.runtime {
				for item := range r.runtime[i].dep.Items {
					if item.Atom == nil || item.Atom.Blocker != atom.NoBlocker {
						continue
					}
					for _, y := range h.Now.byCP[item.Atom.CP] {
						if item.Atom.Match(y.Pkg) {
							due = append(due, y)
						}
					}
				}
			}
			for _, y := range h.Now.members {
				if slices.ContainsFunc(h.Now.relationsOf(y).provides, func(s atom.Soname) bool { return slices.Contains(r.requires, s) }) {
					due = append(due, y)
				}
			}
		}
	}
	return h.runners[m]
}

// neverGoes says why no plan may remove a package. It returns "" if a plan may.
// Portage unmerges neither itself nor the Python that runs it (unmerge.py).
func (h *Host) neverGoes(p *Plan, m *Member) string {
	if m.cp == "sys-apps/portage" {
		return "Portage does not unmerge itself"
	}
	if slices.Contains(mergers, m.cp) && len(p.Produced.byCP[m.cp]) == 0 {
		return "nothing could be merged any more without it"
	}
	return ""
}
