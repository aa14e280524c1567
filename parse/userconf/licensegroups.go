package userconf

import (
	"strings"

	"emaudit/parse"
)

// LicenseGroups maps the name of a license group, without its at sign, to its
// members.
type LicenseGroups map[string][]string

// Parse adds the groups of one license_groups file. If several files define a
// group, it has the licenses of all of them (LicenseManager.py,
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

// maxGroupDepth stops a group that contains itself. Gentoo's groups nest three
// deep.
const maxGroupDepth = 32

// Expand replaces "@group" and "-@group" in tokens of ACCEPT_LICENSE or
// package.license by the licenses of the group. An undefined group stays unchanged
// and accepts nothing.
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
		// A minus inside a group has no meaning.
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
