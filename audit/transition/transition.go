// Package transition plans the change of some packages of a host: merges of other
// builds, and removals. It answers which state the changes produce, whether that
// state is sound, and in which steps Portage can reach it.
//
// It judges the produced state, not the wish. A package that stays is judged with its
// own metadata. A change that would break something is dropped, and its package stays
// as it is. The remaining changes are the best plan. See [Host.Plan].
//
// The rules are those of Portage: lib/_emerge/depgraph.py for refusals of the
// resolver, lib/portage/dbapi/vartree.py for refusals of a merge, and PMS 8 and 13.4.
// If a caller lacks a fact, the plan has a doubt about it.
package transition

import (
	"slices"

	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
	"emaudit/parse/vdb"
)

// Change is the change of one slot of a package.
type Change struct {
	// From is the package in the slot today, To the package afterwards. Either is nil
	// if the slot is empty.
	From, To *Member
	// Image are the files that To installs. It counts only if ImageKnown is true.
	Image      []binpkg.ImageName
	ImageKnown bool
	// Dropped is why the plan does not carry the change out. It is nil if it does.
	Dropped *Break
}

// Break is something that some changes would break.
type Break struct {
	// CPV is the package that would break or could not be merged.
	CPV string
	// Kind is depend, slot-operator, blocker, soname, libc, set, invalid,
	// file-collision, file-type, empty-image or runs-plan.
	Kind string
	// Detail is the dependency, the atom, or a sentence.
	Detail string
	// Atoms are the atoms of the dependency that CPV lacks, Soname the library.
	Atoms  []atom.Atom
	Soname atom.Soname
}

// Wanted is an atom of @world: from the world file, a set, or the profile.
type Wanted struct {
	Atom atom.Atom
	// Origin is the file or the set with the atom.
	Origin string
	// Selected reports that the atom is in the world file, so that emerge --deselect
	// removes it.
	Selected bool
}

// Host is the host before the changes.
type Host struct {
	Now    *Packages
	Wanted []Wanted
	// Features are the enabled FEATURES.
	Features map[string]bool
	// Protect, ProtectMask and CollisionIgnore are the words of CONFIG_PROTECT,
	// CONFIG_PROTECT_MASK and COLLISION_IGNORE.
	Protect, ProtectMask, CollisionIgnore []string
	// Disk is nil if the files of the root cannot be read.
	Disk Disk
	// Contents calls each for every entry of an installed package's CONTENTS. It
	// returns false if CONTENTS cannot be read. If Contents is nil, files do not
	// count.
	Contents func(m *Member, each func(vdb.ContentsEntry)) bool

	// naming and requiring are the installed packages whose dependencies name a package
	// or need a library.
	naming    map[string][]*Member
	requiring map[atom.Soname][]*Member
	lacking   map[*Member][]Unsatisfied
	runners   map[*Member]bool
	owned     *ownedFiles
	// protect and protectMask are the entries of Protect and ProtectMask that count.
	protect, protectMask []string
	protectionRead       bool
	// scanned is the scan of scannedOf, the changes of one plan.
	scanned   *scan
	scannedOf []*Change
}

// Plan is the best plan for some changes.
type Plan struct {
	// Changes are the requested changes, including dropped ones.
	Changes []*Change
	// Produced is the state afterwards.
	Produced *Packages
	active   []*Change // the changes that are not dropped
	// givers are the replaced packages that own files that another package installs.
	givers map[*Change][]*wanted
	// Early are the changes whose From is unmerged before any merge, with the reason.
	Early map[*Change]string
	// Merges are the changes that merge a package. Each part is one command, in this
	// order. No part is empty.
	Merges [][]*Change
	// Late are the removals at the end.
	Late []*Change
	// Deselect are atoms that must leave the world file before Portage can merge.
	Deselect []Wanted
	// Lost are atoms of @world that nothing satisfies afterwards, because the plan
	// removes their packages.
	Lost []Wanted
	// Doubts are conditions that the plan could not decide.
	Doubts []Doubt
	// Overwritten are files without an owner that a merge replaces, by package.
	Overwritten map[*Change][]string
}

// The kinds of doubts are codes that docs/findings.md explains.
const (
	CodeContentsUnread   = "contents-unread"
	CodeImageNames       = "image-names"
	ImageUnread          = "image-unread" // no finding has it
	CodeSonameUnprovided = "soname-unprovided"
)

// Doubt is a condition that a plan could not decide.
type Doubt struct {
	// Kind is one of these. CodeImageNames means that two names of an image are
	// one file on the disk.
	Kind string
	CPV  string
	// Detail is a library, or "".
	Detail string
}

// Carried counts the changes that the plan carries out.
func (p *Plan) Carried() int { return len(p.active) }

// Plan returns the best plan for some changes. It sets Dropped of the changes that the
// plan does not carry out. It does not try changes that have it set already.
//
// Plan begins with all changes. While the produced state is not sound, or the steps
// have no order, it drops the changes to blame. This ends, because no change leaves
// today's state, which is not judged. Then Plan tries each dropped change again,
// because another one may have been to blame.
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

// Broken returns what would break if all the changes were carried out.
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

// try begins a plan with the changes that are not dropped.
func (h *Host) try(changes []*Change) *Plan {
	p := h.carry(slices.DeleteFunc(slices.Clone(changes), func(c *Change) bool { return c.Dropped != nil }))
	p.Changes = changes
	return p
}

// carry begins a plan with the given changes.
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

// blame is a break with the changes to drop because of it.
type blame struct {
	Break
	changes []*Change
}

// drop drops changes and returns them.
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
