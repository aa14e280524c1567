package acceptance

import (
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/transition"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/store"
	"emaudit/store/inventory"
)

// judgeEbuild compares a build with the current ebuild of its version. --usepkg
// prefers binary packages, but builds a package if its USE flags
// (--binpkg-respect-use) or runtime dependencies (--binpkg-changed-deps) have
// changed. --usepkgonly, which a rollback uses, does not compare (depgraph.py,
// _iter_match_pkgs_any and _changed_deps). So the reasons are notes.
func judgeEbuild(p *atom.Package, m *store.Metadata, ebuild userconf.CacheEntry) []Reason {
	var reasons []Reason
	c := ChangesOf(p.USE, m, ebuild)
	if len(c.Came)+len(c.Went) > 0 {
		reasons = append(reasons, Reason{
			Code: "iuse-changed", Effect: EffectNote,
			Detail: "the ebuild's USE flags changed since (" + c.Flags() + "): with --usepkg Portage may build it again",
		})
	}
	if len(c.Dependencies) > 0 {
		reasons = append(reasons, Reason{
			Code: "dependencies-changed", Effect: EffectNote,
			Detail: "the ebuild's " + strings.Join(c.Dependencies, ", ") + " changed since: with --usepkg Portage builds it again",
		})
	}
	return reasons
}

// ChangedEbuild is an ebuild that differs from a binary package of its version.
type ChangedEbuild struct {
	Repo, CPV string
	Entry     userconf.CacheEntry
}

// ChangedEbuilds returns the ebuilds of which [AuditCompatibility] tells that they
// changed since a binary package was built, for the packages that were first seen at
// from or later.
func ChangedEbuilds(db audit.Database, ebuild func(repo, cpv string) (userconf.CacheEntry, bool), from int64) ([]ChangedEbuild, error) {
	inv, err := binpkgs.TakeInventory(db, true)
	if err != nil {
		return nil, err
	}
	later, err := inventory.InstancesSince(db.Tx, db.Host, from)
	if err != nil {
		return nil, err
	}
	var all []ChangedEbuild
	known := map[[2]string]bool{}
	for i := range inv.Binpkgs {
		b := &inv.Binpkgs[i]
		if b.Metadata == nil || !later[b.ID] || known[[2]string{b.Repo, b.CPV}] {
			continue
		}
		entry, ok := ebuild(b.Repo, b.CPV)
		if !ok {
			continue
		}
		if c := ChangesOf(atom.ParseFlags(b.Metadata.Use), b.Metadata, entry); len(c.Came)+len(c.Went)+len(c.Dependencies) > 0 {
			known[[2]string{b.Repo, b.CPV}] = true
			all = append(all, ChangedEbuild{b.Repo, b.CPV, entry})
		}
	}
	return all, nil
}

// ebuildChanges are the differences between a build and its current ebuild.
type ebuildChanges struct {
	Came, Went   []string // flags of IUSE
	Dependencies []string // the variables that differ
}

// Flags returns the changes of IUSE as "+came -went".
func (c *ebuildChanges) Flags() string {
	var parts []string
	for _, f := range c.Came {
		parts = append(parts, "+"+f)
	}
	for _, f := range c.Went {
		parts = append(parts, "-"+f)
	}
	return strings.Join(parts, " ")
}

// ChangesOf compares a build with the enabled flags use to its ebuild.
func ChangesOf(use atom.Flags, m *store.Metadata, ebuild userconf.CacheEntry) ebuildChanges {
	var c ebuildChanges
	c.Came, c.Went = flagChanges(m.IUse, ebuild.IUSE)
	for _, pair := range []struct{ name, built, now string }{
		{"RDEPEND", m.RDepend, ebuild.RDepend}, {"PDEPEND", m.PDepend, ebuild.PDepend}, {"IDEPEND", m.IDepend, ebuild.IDepend},
	} {
		built, ok := comparableDep(pair.built, m.EAPI, use)
		now, okNow := comparableDep(pair.now, ebuild.EAPI, use)
		if ok && okNow && !slices.Equal(built, now) {
			c.Dependencies = append(c.Dependencies, pair.name)
		}
	}
	return c
}

// flagChanges returns the flags that only the ebuild has, and those that only the
// build has. It ignores the defaults in IUSE.
func flagChanges(built, ebuild string) (came, went []string) {
	a, b := atom.ParseFlags(built), atom.ParseFlags(ebuild)
	for _, f := range b {
		if !a.Has(f) {
			came = append(came, f)
		}
	}
	for _, f := range a {
		if !b.Has(f) {
			went = append(went, f)
		}
	}
	return came, went
}

// comparableDep returns a dependency in the form that Portage compares: for the USE
// of the build, without slots, which are filled in during a build, and without the
// C library, which Portage adds. ok is false if value cannot be parsed.
func comparableDep(value, eapi string, use atom.Flags) (words []string, ok bool) {
	dep, err := atom.ParseDep(value, atom.DepAtoms, eapi)
	if err != nil {
		return nil, false
	}
	for item := range dep.Evaluate(use).Items {
		a := *item.Atom
		if transition.Libcs[a.CP] || a.CP == "virtual/libc" {
			continue
		}
		a.Slot, a.SubSlot, a.SlotOperator = "", "", atom.NoSlotOperator
		words = append(words, a.String())
	}
	slices.Sort(words)
	return slices.Compact(words), true
}

// EbuildState says whether the ebuild of a version is still available.
type EbuildState uint8

// The states of an ebuild.
const (
	EbuildUnknown EbuildState = iota // there is no repository to search
	EbuildThere
	EbuildGone
)
