package cleanup

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit/binpkgs"
	"emaudit/parse/atom"
	"emaudit/store"
)

// Excludes name binary packages that always stay: whole categories, packages, and
// atoms.
type Excludes struct {
	categories map[string]bool
	packages   map[string]bool
	anti       map[string]bool // not excluded although its category is
	atoms      []atom.Atom
}

// empty reports whether nothing is excluded.
func (x Excludes) empty() bool {
	return len(x.categories) == 0 && len(x.packages) == 0 && len(x.atoms) == 0
}

// Add excludes what one line of a file, or one flag, names. The format is that of
// eclean's packages.exclude, and atoms in addition:
//
//	app-misc            a category; also app-misc/*
//	app-misc/hello      a package
//	!app-misc/hello     not this one of an excluded category
//	=app-misc/hello-1*  an atom
//
// Empty lines and lines that begin with # have no effect. Any other line is an error
// and excludes nothing.
func (x *Excludes) Add(line string) error {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	name, anti := strings.CutPrefix(line, "!")
	category := strings.TrimSuffix(name, "/*")
	a, err := atom.ConfigFileSyntax.ParseAtom(name)
	switch {
	case !anti && !strings.Contains(category, "/") && atom.ValidCategory(category):
		put(&x.categories, category)
	case err != nil:
		return fmt.Errorf("exclude %q: neither a category nor an atom: %w", line, err)
	case anti && name == a.CP:
		put(&x.anti, a.CP)
	case anti:
		return fmt.Errorf("exclude %q: after ! there is a package without a version", line)
	case name == a.CP && !a.Wildcard:
		put(&x.packages, a.CP)
	default:
		x.atoms = append(x.atoms, a)
	}
	return nil
}

func put(set *map[string]bool, name string) {
	if *set == nil {
		*set = map[string]bool{}
	}
	(*set)[name] = true
}

// binpkg reports whether a binary package is excluded. If its metadata could not be
// read, the name in its path decides.
func (x Excludes) binpkg(b *binpkgs.Binpkg) bool {
	switch {
	case x.empty():
		return false
	case b.CPV == "":
		return x.path(b.Path)
	}
	return x.excludes(b.CPV, b.Slot, b.SubSlot, b.Repo, useOf(b.Metadata))
}

// path reports whether the name in the path of a file is excluded.
func (x Excludes) path(file string) bool {
	category, rest, _ := strings.Cut(file, "/")
	pn, _, multi := strings.Cut(rest, "/")
	if x.categories[category] && !(multi && x.anti[category+"/"+pn]) {
		return true
	}
	return multi && x.packages[path.Join(category, pn)]
}

func (x Excludes) excludes(cpv, slot, subSlot, repo, use string) bool {
	c, err := atom.ParseCPV(cpv)
	if err != nil {
		return false
	}
	switch {
	case x.packages[c.CP()]:
		return true
	case x.categories[c.Category] && !x.anti[c.CP()]:
		return true
	}
	pkg := atom.Package{CPV: c, Slot: slot, SubSlot: subSlot, Repo: repo, USE: atom.ParseFlags(use)}
	return slices.ContainsFunc(x.atoms, func(a atom.Atom) bool { return a.MatchIgnoringUSE(pkg) })
}

// matchesCPV reports whether an atom matches a cpv, for any slot and USE.
func matchesCPV(a atom.Atom, c atom.CPV) bool {
	a.Slot, a.SubSlot, a.Repo = "", "", ""
	return a.MatchIgnoringUSE(atom.Package{CPV: c})
}

// useOf returns the flags of a build, or "" if they could not be read.
func useOf(m *store.Metadata) string {
	if m == nil {
		return ""
	}
	return m.Use
}
