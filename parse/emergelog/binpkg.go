package emergelog

import (
	"bytes"
	"strconv"
	"strings"
)

// binpkgSuffixes are those that Portage gave to binary packages (bintree.py).
var binpkgSuffixes = []string{".gpkg.tar", ".xpak", ".tbz2"}

// setKind tells source from binary by the path of a "Post-Build Cleaning".
func (m *openMerge) setKind(path []byte) {
	switch {
	case bytes.HasSuffix(path, []byte(".ebuild")):
		m.Kind = KindSource
	case isBinpkg(string(path)):
		m.Kind = KindBinary
		m.setBinpkg(string(path))
	}
}

func isBinpkg(path string) bool {
	for _, suffix := range binpkgSuffixes {
		if strings.HasSuffix(path, suffix) {
			return true
		}
	}
	return false
}

// setBinpkg notes the file of a binary merge. "None" is what Portage logs when
// it does not know the path.
func (m *openMerge) setBinpkg(path string) {
	if path == "None" {
		return
	}
	m.Binpkg, m.BuildID = path, BuildID(path, m.CPV)
}

// BuildID returns the number in the name of a binary package of cpv, CAT/PN/PF-ID.gpkg.tar or .xpak
// (FEATURES=binpkg-multi-instance), 0 where the name has none.
func BuildID(path, cpv string) int {
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
