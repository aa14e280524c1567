package userconf

import (
	"bytes"
	"strings"
)

// LicenseGroups maps the name of a license group, without its at sign, to its
// members.
type LicenseGroups map[string][]string

// Parse adds the groups of one license_groups file. If several files define a
// group, it has the licenses of all of them (LicenseManager.py,
// _read_license_groups).
func (g LicenseGroups) Parse(b []byte) {
	for _, l := range ParseLines(b) {
		if name := l.Words[0]; !strings.HasPrefix(name, "@") && !strings.HasPrefix(name, "-") {
			g[name] = append(g[name], l.Words[1:]...)
		}
	}
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

// maxCacheEntry is the largest accepted size of a metadata/md5-cache entry, in
// bytes. The longest have 100 KiB.
const maxCacheEntry = 2 << 20

// CacheEntry holds the metadata/md5-cache entry of one ebuild (PMS 14.2.3,
// md5-dict). The file has a line KEY=VALUE for each key. CacheEntry keeps only keys
// that Portage compares with a binary package.
type CacheEntry struct {
	EAPI, IUSE, RDepend, PDepend, IDepend, Slot string
}

// ParseCacheEntry reads one file of metadata/md5-cache.
func ParseCacheEntry(b []byte) CacheEntry {
	var e CacheEntry
	keys := map[string]*string{"EAPI": &e.EAPI, "IUSE": &e.IUSE, "RDEPEND": &e.RDepend, "PDEPEND": &e.PDepend, "IDEPEND": &e.IDepend, "SLOT": &e.Slot}
	for line := range bytes.Lines(b[:min(len(b), maxCacheEntry)]) {
		key, value, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("="))
		if kept := keys[string(key)]; kept != nil {
			*kept = string(value)
		}
	}
	return e
}
