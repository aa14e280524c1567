// Package transition says what becomes of a host when some of its packages are
// put back, replaced or removed: which state that produces, whether Portage and
// the host can live with it, and in which steps Portage gets there.
//
// It judges the state that a plan produces and never the wish: what stays is
// judged with its own metadata. A change that would break something is not
// carried out, and its package stays as it is; what is left of the changes is
// the best plan. See [Host.Plan].
//
// The rules are those of Portage: lib/_emerge/depgraph.py for what the resolver
// refuses, lib/portage/dbapi/vartree.py for what a merge refuses, and PMS 8 and
// 13.4. What a caller does not know it says so, and gets a doubt back.
package transition

import (
	"slices"

	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
)

// Change is what is to become of one slot of a package.
type Change struct {
	// From is what the slot holds, nil for nothing; To what it is to hold, nil for
	// nothing.
	From, To *Member
	// Image is what To installs; it counts where ImageKnown.
	Image      []binpkg.ImageName
	ImageKnown bool
	// Dropped is why the change is not carried out; nil: it is.
	Dropped *Break
}

// Break is something that a set of changes would break.
type Break struct {
	// CPV is the package that would be broken or could not be merged.
	CPV string
	// Kind is depend, slot-operator, blocker, soname, libc, set, invalid,
	// file-collision, file-type, empty-image or runs-plan.
	Kind string
	// Detail is the dependency, the atom, or a sentence.
	Detail string
	// Atoms are those of the dependency, and Soname is the library, that CPV lacks.
	Atoms  []atom.Atom
	Soname atom.Soname
}

// Wanted is an atom that @world asks for: of the world file, of a set, or of the
// profile.
type Wanted struct {
	Atom atom.Atom
	// Origin is the file or the set that has it.
	Origin string
	// Selected tells that it is of the world file, from which emerge --deselect
	// takes it.
	Selected bool
}

// Host is what a transition begins with.
type Host struct {
	Now    *World
	Wanted []Wanted
	// Features are those that are on.
	Features map[string]bool
	// Protect, ProtectMask and CollisionIgnore are the words of the variables of
	// these names.
	Protect, ProtectMask, CollisionIgnore []string
	// Disk is nil where nobody can look at the files of the root.
	Disk Disk
	// Contents calls each with what an installed package owns, and returns false
	// where that cannot be read. nil: nobody asks for files.
	Contents func(m *Member, each func(vdb.ContentsEntry)) bool

	lacking map[*Member][]Unsatisfied
	runners map[*Member]bool
	owned   *ownedFiles
	// scanned is about scannedOf, the changes of one plan.
	scanned   *scan
	scannedOf []*Change
}

// Plan is the best plan for some changes.
type Plan struct {
	// Changes are the changes asked for, those with Dropped set included.
	Changes []*Change
	// Produced is the state afterwards.
	Produced *World
	active   []*Change // those that are carried out
	// givers are the replaced packages that own what another one is to install.
	givers map[*Change][]*wanted
	// Early are the changes whose From is unmerged before anything is merged, and
	// why each is.
	Early map[*Change]string
	// Merges are the changes that merge, one command for each part, in this
	// order; none is empty.
	Merges [][]*Change
	// Late are the removals that come last.
	Late []*Change
	// Deselect are atoms of the world file that must go before Portage can merge.
	Deselect []Wanted
	// Lost are atoms of @world that nothing satisfies afterwards any more, for
	// their packages are removed.
	Lost []Wanted
	// Doubts are conditions that could not be decided.
	Doubts []Doubt
	// Overwritten are files that no package owns and that a merge replaces, by
	// package.
	Overwritten map[*Change][]string
}

// Doubt is a condition that could not be decided.
type Doubt struct {
	// Kind is soname-unprovided, contents-unread, image-unread or image-names: two
	// names of an image are one on the disk.
	Kind string
	CPV  string
	// Detail is a library, or nothing.
	Detail string
}

// Carried counts the changes that are carried out.
func (p *Plan) Carried() int { return len(p.active) }

// Plan returns the best plan for some changes. It sets Dropped of those that are
// not carried out; those that have it set already are not tried.
//
// It begins with all of them. As long as the state that they produce is not sound
// or there is no order for the steps, it gives up the changes that are to blame.
// That ends: without any change, the state is that of today, of which nothing is
// asked. Then it tries whether one of those that were given up can be carried out
// after all, since another one was to blame.
func (h *Host) Plan(changes []*Change) *Plan {
	var given []*Change
	p := h.try(changes)
	for {
		dropped := drop(h.unsound(p))
		if len(dropped) == 0 {
			dropped = drop(h.steps(p))
		}
		if len(dropped) == 0 {
			break
		}
		given = append(given, dropped...)
		p = h.try(changes)
	}
	for more := len(given) > 1; more; {
		more = false
		for _, c := range given {
			why := c.Dropped
			if why == nil {
				continue
			}
			c.Dropped = nil
			if q := h.try(changes); len(h.unsound(q)) == 0 && len(h.steps(q)) == 0 {
				p, more = q, true
			} else {
				c.Dropped = why
			}
		}
	}
	return p
}

// Broken returns what would break if all of some changes were carried out.
func (h *Host) Broken(changes []*Change) (all []Break) {
	p := h.carry(changes)
	p.Changes = changes
	broken := h.unsound(p)
	if len(broken) == 0 {
		broken = h.steps(p)
	}
	for _, b := range broken {
		all = append(all, b.Break)
	}
	return all
}

// try begins a plan that carries out what is not given up.
func (h *Host) try(changes []*Change) *Plan {
	p := h.carry(slices.DeleteFunc(slices.Clone(changes), func(c *Change) bool { return c.Dropped != nil }))
	p.Changes = changes
	return p
}

// carry begins a plan that carries out some changes.
func (h *Host) carry(changes []*Change) *Plan {
	p := &Plan{active: changes, Early: map[*Change]string{}, givers: map[*Change][]*wanted{}, Overwritten: map[*Change][]string{}}
	out := map[*Member]bool{}
	var in []*Member
	for _, c := range changes {
		if c.From != nil {
			out[c.From] = true
		}
		if c.To != nil {
			in = append(in, c.To)
		}
	}
	p.Produced = h.Now.change(out, in)
	return p
}

// blame is a break with the changes that have to be given up for it.
type blame struct {
	Break
	changes []*Change
}

// drop gives changes up, and returns them.
func drop(all []blame) (given []*Change) {
	for _, b := range all {
		for _, c := range b.changes {
			if c.Dropped == nil {
				broken := b.Break
				c.Dropped, given = &broken, append(given, c)
			}
		}
	}
	return given
}
