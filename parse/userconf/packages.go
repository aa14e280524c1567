package userconf

import (
	"strings"

	"emaudit/parse"
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
func ParseAtoms(b []byte) ([]Entry, []parse.Diagnostic) {
	return parseEntries(b, func(l line) (Entry, string) {
		if len(l.words) > 1 {
			return Entry{}, "one atom is expected"
		}
		text, remove := strings.CutPrefix(l.words[0], "-")
		return Entry{Text: text, Remove: remove}, ""
	})
}

// ParseValues reads lists such as package.accept_keywords: an atom and values on
// each line. A line may have no values; its meaning then depends on the list.
func ParseValues(b []byte) ([]Entry, []parse.Diagnostic) {
	return parseEntries(b, func(l line) (Entry, string) {
		return Entry{Text: l.words[0], Values: l.words[1:]}, ""
	})
}

// parseEntries reads a list. The function split parses one line and returns the
// problem of an invalid line.
func parseEntries(b []byte, split func(line) (Entry, string)) ([]Entry, []parse.Diagnostic) {
	b, diags := bounded(b)
	var entries []Entry
	for l := range lines(b) {
		e, wrong := split(l)
		if wrong == "" {
			a, err := atom.ConfigFileSyntax.ParseAtom(e.Text)
			switch {
			case err != nil:
				wrong = err.Error()
			case a.Blocker != atom.NoBlocker:
				wrong = "a blocker"
			}
			e.Atom, e.Offset = a, l.offset
		}
		if wrong != "" {
			diags = append(diags, parse.Diagnosef(l.offset, CodeLine, "%q: %s", strings.Join(l.words, " "), wrong))
			continue
		}
		entries = append(entries, e)
	}
	return entries, diags
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
