package atom

import (
	"slices"
	"strings"
)

// Package holds the properties of a package that atoms compare. It is an installed
// package or a binary package.
type Package struct {
	CPV  CPV
	Slot string
	// SubSlot "" means that SLOT names none; the sub-slot is then equal to Slot.
	SubSlot string
	// Repo "" means that the repository is unknown. Like Portage, Match then
	// accepts every ::repository, so that packages without a recorded repository
	// still match.
	Repo string
	// IUSE holds the flags that a USE dependency may name. Take IUSE_EFFECTIVE if
	// it is recorded (EAPI 5 and later), otherwise IUSE.
	IUSE Flags
	// USE holds the enabled flags.
	USE Flags
	// BuildID is 0 if the package has none.
	BuildID int
}

// ParseSlot splits the value of SLOT, "3" or "3/1.1". If the value has no sub-slot,
// the sub-slot is the slot (PMS 7.2). ok is false if either is not a slot name.
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

// Match reports whether the atom matches the package. It ignores the blocker. A
// conditional USE dependency only requires that the package has the flag; use
// [Atom.EvaluateConditionals] first to apply the condition.
func (a Atom) Match(pkg Package) bool {
	return a.MatchIgnoringUSE(pkg) && a.meetsUSE(&pkg)
}

// MatchIgnoringUSE is like Match, but ignores the USE dependencies of the atom.
func (a Atom) MatchIgnoringUSE(pkg Package) bool {
	if !a.matchCP(pkg.CPV) || !a.matchVersion(pkg.CPV.Version) {
		return false
	}
	// Portage compares the build id only if the operator is "=".
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

// meetsUSE reports whether the package meets all USE dependencies, and has the flags
// of those that evaluation removed.
func (a *Atom) meetsUSE(pkg *Package) bool {
	for _, dep := range a.USE {
		if !dep.met(pkg) {
			return false
		}
	}
	for _, dep := range a.unevaluated {
		// The loop above has checked these.
		checked := func(plain USEDep) bool { return plain.Flag == dep.Flag }
		if dep.Default == NoUSEDefault && !pkg.IUSE.Has(dep.Flag) && !slices.ContainsFunc(a.USE, checked) {
			return false
		}
	}
	return true
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
		// Portage compares the spelling: ~foo-1.0 does not match foo-1.00.
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

// matchGlob reports whether version begins with prefix, and prefix ends at the end
// of a version component: 1* matches 1.2 and 1a, but not 10 (bug 560466). It
// ignores zeros before the first number.
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
