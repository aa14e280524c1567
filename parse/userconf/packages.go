package userconf

import (
	"strings"

	"emaudit/parse/atom"
)

// Entry is one line of a package list.
type Entry struct {
	Atom atom.Atom
	// Text is the original text of the atom, with which a "-atom" line must agree.
	Text string
	// Remove reports that the line removes an atom of a weaker list ("-atom").
	Remove bool
	// Values are the words after the atom: keywords, licenses or flags.
	Values []string
	// Offset is the position of the line in the file, in bytes.
	Offset int64
}

// ParseAtoms reads package.mask or package.unmask: one atom on each line.
func ParseAtoms(b []byte) []Entry {
	var entries []Entry
	for _, l := range ParseLines(b) {
		text, remove := strings.CutPrefix(l.Words[0], "-")
		if a, ok := parseAtom(text); ok && len(l.Words) == 1 {
			entries = append(entries, Entry{Atom: a, Text: text, Remove: remove, Offset: l.Offset})
		}
	}
	return entries
}

// ParseValues reads lists such as package.accept_keywords: an atom and values on
// each line. A line may have no values; its meaning then depends on the list.
func ParseValues(b []byte) []Entry {
	var entries []Entry
	for _, l := range ParseLines(b) {
		if a, ok := parseAtom(l.Words[0]); ok {
			entries = append(entries, Entry{Atom: a, Text: l.Words[0], Values: l.Words[1:], Offset: l.Offset})
		}
	}
	return entries
}

func parseAtom(text string) (atom.Atom, bool) {
	a, err := atom.ConfigFileSyntax.ParseAtom(text)
	return a, err == nil && a.Blocker == atom.NoBlocker
}

// ParseWorld reads EROOT/var/lib/portage/world: the packages that the user requested by
// name, which depclean keeps. Only the first word of a line counts, an atom without
// wildcards and build id (files.py, WorldSelectedPackagesSet).
func ParseWorld(b []byte) []atom.Atom {
	var atoms []atom.Atom
	for _, l := range ParseLines(b) {
		if a, err := (atom.Syntax{Repo: true}).ParseAtom(l.Words[0]); err == nil {
			atoms = append(atoms, a)
		}
	}
	return atoms
}

// EveryPackage is the atom that matches every package. In some lists, Portage moves
// lines with this atom into a variable of make.conf: see [GlobalVariable].
const EveryPackage = "*/*"

// globalVariables maps these lists to the variables (config.py; extract_global_...
// of LicenseManager.py and UseManager.py). package.accept_keywords is not among
// them: Portage leaves the line in the list.
var globalVariables = map[string]string{
	"package.use":             "USE",
	"package.license":         "ACCEPT_LICENSE",
	"package.properties":      "ACCEPT_PROPERTIES",
	"package.accept_restrict": "ACCEPT_RESTRICT",
}

// GlobalVariable returns the variable to which Portage moves the [EveryPackage]
// lines of a list below /etc/portage, or "" if they remain in the list.
func GlobalVariable(list string) string { return globalVariables[list] }

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
	var all []ProfilePackage
	for _, l := range ParseLines(b) {
		text, remove := strings.CutPrefix(l.Words[0], "-")
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
	var all []string
	for _, l := range ParseLines(b) {
		words := l.Words
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
