package emergelog

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// binpkgSuffixes are the suffixes of binary packages in Portage (bintree.py).
var binpkgSuffixes = []string{".gpkg.tar", ".xpak", ".tbz2"}

// setKind derives source or binary from the path in a "Post-Build Cleaning" line.
func (m *openMerge) setKind(path []byte) {
	switch {
	case bytes.HasSuffix(path, []byte(".ebuild")):
		m.Kind = KindSource
	case slices.ContainsFunc(binpkgSuffixes, func(suffix string) bool { return bytes.HasSuffix(path, []byte(suffix)) }):
		m.Kind = KindBinary
		m.setBinpkg(string(path))
	}
}

// setBinpkg records the file of a binary merge. Portage logs "None" if it does not
// know the path.
func (m *openMerge) setBinpkg(path string) {
	if path == "None" {
		return
	}
	m.Binpkg, m.BuildID = path, buildID(path, m.CPV)
}

// buildID returns the build id in the file name of a binary package of cpv,
// CAT/PN/PF-ID.gpkg.tar or .xpak (FEATURES=binpkg-multi-instance). It returns 0 if
// the name has none.
func buildID(path, cpv string) int {
	name := lastElement(path)
	for _, suffix := range binpkgSuffixes {
		name = strings.TrimSuffix(name, suffix)
	}
	id, found := strings.CutPrefix(name, lastElement(cpv)+"-")
	if !found {
		return 0
	}
	n, err := strconv.Atoi(id)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
