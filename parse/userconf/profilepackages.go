package userconf

import "strings"

// ProfilePackage is a line about @system in the file "packages" of a profile.
type ProfilePackage struct {
	Text   string // the atom
	Remove bool   // the line removes an atom of a parent profile
}

// ParseProfilePackages reads the file "packages" of a profile (PMS 5.2.6):
//
//	*sys-apps/baselayout       in @system
//	-*sys-apps/baselayout      not in @system, even if a parent profile adds it
//	>=sys-apps/portage-3       in the profile set, but not in @system
//
// It returns only the lines about @system.
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

// ParseFlagNames returns all USE flags in a list of a profile, including removed
// ones. Lists such as use.mask and use.force have one flag on each line. If
// perPackage is set, the list is like package.use.mask or package.use.force: an
// atom and flags on each line.
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
