package atom

import (
	"slices"
	"strings"
)

// Package is what an atom is matched against: one installed package, or one
// binary package.
type Package struct {
	CPV  CPV
	Slot string
	// SubSlot "" is that of a SLOT without one: equal to Slot.
	SubSlot string
	// Repo "" is an unknown repository, which matches every ::repository, as
	// for Portage: an old package is not lost because nobody wrote it down.
	Repo string
	// IUSE has the flags that a USE dependency may name: those of
	// IUSE_EFFECTIVE where it is recorded (EAPI 5 and later), else of IUSE.
	IUSE Flags
	// USE has the enabled flags.
	USE Flags
	// BuildID is 0 where there is none.
	BuildID int
}

// ParseSlot splits the value of SLOT, "3" or "3/1.1". The sub-slot of a value
// without one is the slot (PMS 7.2). It is not ok if either is no slot name.
func ParseSlot(s string) (slot, subSlot string, ok bool) {
	slot, subSlot, found := strings.Cut(s, "/")
	if !found {
		subSlot = slot
	}
	if !ValidSlotName(slot) || !ValidSlotName(subSlot) {
		return "", "", false
	}
	return slot, subSlot, true
}

// Match reports whether the atom, less its blocker, is true of the package. A
// conditional USE dependency asks for nothing until [Atom.EvaluateConditionals]
// has made it plain, save that the package has the flag.
func (a Atom) Match(pkg Package) bool {
	return a.MatchIgnoringUSE(pkg) && a.unmetUSE(&pkg, nil)
}

// MatchIgnoringUSE is Match as if the atom had no USE dependencies.
func (a Atom) MatchIgnoringUSE(pkg Package) bool {
	if !a.matchCP(pkg.CPV) || !a.matchVersion(pkg.CPV.Version) {
		return false
	}
	// Portage regards a build id behind "=" and ignores it behind the others.
	if a.BuildID > 0 && a.Operator == Equal && a.BuildID != pkg.BuildID {
		return false
	}
	if a.Slot != "" && a.Slot != pkg.Slot {
		return false
	}
	if a.SubSlot != "" {
		subSlot := pkg.SubSlot
		if subSlot == "" {
			subSlot = pkg.Slot
		}
		if a.SubSlot != subSlot {
			return false
		}
	}
	return a.Repo == "" || pkg.Repo == "" || a.Repo == pkg.Repo
}

// UnmetUSE returns the USE dependencies of the atom that the package does not
// meet, and those that name a flag it must have and has not.
func (a Atom) UnmetUSE(pkg Package) []USEDep {
	var unmet []USEDep
	a.unmetUSE(&pkg, func(dep USEDep) { unmet = append(unmet, dep) })
	return unmet
}

// unmetUSE calls report, unless nil, for each unmet dependency, and returns
// whether all were met.
func (a *Atom) unmetUSE(pkg *Package, report func(USEDep)) bool {
	met := true
	fail := func(dep USEDep) {
		met = false
		if report != nil {
			report(dep)
		}
	}
	for _, dep := range a.USE {
		if !dep.met(pkg) {
			fail(dep)
		}
	}
	for _, dep := range a.unevaluated {
		// The plain ones and those still needed were looked at above.
		lookedAt := func(plain USEDep) bool { return plain.Flag == dep.Flag }
		if dep.Default == NoUSEDefault && !pkg.IUSE.Has(dep.Flag) && !slices.ContainsFunc(a.USE, lookedAt) {
			fail(dep)
		}
	}
	return met
}

func (u USEDep) met(pkg *Package) bool {
	enabled := false
	switch {
	case pkg.IUSE.Has(u.Flag):
		enabled = pkg.USE.Has(u.Flag)
	case u.Default == NoUSEDefault:
		return false
	default:
		enabled = u.Default == DefaultEnabled
	}
	switch u.Form {
	case USEEnabled:
		return enabled
	case USEDisabled:
		return !enabled
	}
	return true
}

func (a *Atom) matchCP(cpv CPV) bool {
	if a.Wildcard {
		category, pn, found := strings.Cut(a.CP, "/")
		return found && matchPattern(category, cpv.Category) && matchPattern(pn, cpv.PN)
	}
	n := len(cpv.Category)
	return len(a.CP) == n+1+len(cpv.PN) && n > 0 &&
		a.CP[n] == '/' && a.CP[:n] == cpv.Category && a.CP[n+1:] == cpv.PN
}

func (a *Atom) matchVersion(version string) bool {
	switch a.Operator {
	case AnyVersion:
		return true
	case EqualGlob:
		return matchGlob(a.Version, version)
	case EqualAnyRev:
		// Portage wants the same spelling: ~foo-1.0 is not true of foo-1.00.
		return WithoutRevision(version) == WithoutRevision(a.Version)
	case VersionHas:
		return strings.Contains(version, a.Version)
	}
	c, ok := CompareVersions(version, a.Version)
	if !ok {
		return false
	}
	switch a.Operator {
	case Equal:
		return c == 0
	case Less:
		return c < 0
	case LessOrEqual:
		return c <= 0
	case Greater:
		return c > 0
	case GreaterOrEqual:
		return c >= 0
	}
	return false
}

// matchGlob reports whether version begins with prefix and the prefix ends
// where a part of the version does: 1* is true of 1.2 and 1a, not of 10
// (bug 560466). Zeros before the first number do not count.
func matchGlob(prefix, version string) bool {
	prefix, version = withoutLeadingZeros(prefix), withoutLeadingZeros(version)
	rest, found := strings.CutPrefix(version, prefix)
	if !found {
		return false
	}
	if rest == "" || rest[0] == '.' || rest[0] == '_' || rest[0] == '-' {
		return true
	}
	last := prefix[len(prefix)-1]
	return hasClass(last, isDigit) != hasClass(rest[0], isDigit)
}

func withoutLeadingZeros(version string) string {
	for len(version) > 1 && version[0] == '0' && hasClass(version[1], isDigit) {
		version = version[1:]
	}
	return version
}
