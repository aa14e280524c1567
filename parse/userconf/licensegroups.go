package userconf

import (
	"strings"

	"emaudit/parse"
)

// LicenseGroups are the groups of licenses of the repositories: a name without
// its at sign, and what it stands for.
type LicenseGroups map[string][]string

// Parse adds the groups of one license_groups file. A group that several files
// define has the licenses of all of them (LicenseManager.py,
// _read_license_groups).
func (g LicenseGroups) Parse(b []byte) []parse.Diagnostic {
	b, diags := bounded(b)
	for l := range lines(b) {
		name := l.words[0]
		if strings.HasPrefix(name, "@") || strings.HasPrefix(name, "-") {
			diags = append(diags, parse.Diagnosef(l.offset, CodeLine, "%q: no name of a license group", name))
			continue
		}
		g[name] = append(g[name], l.words[1:]...)
	}
	return diags
}

// maxGroupDepth ends a group that contains itself; Gentoo's nest three deep.
const maxGroupDepth = 32

// Expand returns tokens of ACCEPT_LICENSE or package.license in which "@group"
// and "-@group" are replaced by the licenses of the group. A group that no
// file defines stays as it is, and accepts nothing.
func (g LicenseGroups) Expand(tokens []string) []string {
	var all []string
	for _, t := range tokens {
		all = g.expand(all, t, 0)
	}
	return all
}

func (g LicenseGroups) expand(all []string, token string, depth int) []string {
	name, minus := strings.CutPrefix(token, "-")
	group, is := strings.CutPrefix(name, "@")
	members, known := g[group]
	if !is || !known || depth >= maxGroupDepth {
		return append(all, token)
	}
	for _, m := range members {
		// A group says what it has; a minus in it has no meaning.
		if strings.HasPrefix(m, "-") {
			continue
		}
		if minus {
			m = "-" + m
		}
		all = g.expand(all, m, depth+1)
	}
	return all
}
