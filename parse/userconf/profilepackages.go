package userconf

import "strings"

// ProfilePackage is a line of a profile's file "packages" that is about @system.
type ProfilePackage struct {
	Text   string // the atom
	Remove bool   // it takes back what a weaker profile has
}

// ParseProfilePackages reads the file "packages" of a profile (PMS 5.2.6):
//
//	*sys-apps/baselayout       of @system
//	-*sys-apps/baselayout      not of @system, whatever a parent says
//	>=sys-apps/portage-3       of the profile set, and not of @system
//
// Only what is about @system is returned.
func ParseProfilePackages(b []byte) []ProfilePackage {
	b, _ = bounded(b)
	var all []ProfilePackage
	for l := range lines(b) {
		text, remove := strings.CutPrefix(l.words[0], "-")
		if name, ok := strings.CutPrefix(text, "*"); ok && name != "" {
			all = append(all, ProfilePackage{name, remove})
		}
	}
	return all
}

// ParseFlagNames returns the USE flags that a list of a profile names, taken back
// or not: those of use.mask and use.force, a flag on each line, and those of
// package.use.mask and package.use.force, behind an atom.
func ParseFlagNames(b []byte, perPackage bool) []string {
	b, _ = bounded(b)
	var all []string
	for l := range lines(b) {
		words := l.words
		if perPackage {
			words = words[1:]
		}
		for _, w := range words {
			if w = strings.TrimPrefix(w, "-"); w != "" {
				all = append(all, w)
			}
		}
	}
	return all
}
