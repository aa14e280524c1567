package ingest

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"emaudit/parse/atom"
	"emaudit/parse/binpkg"
)

// The layouts of a pkgdir (bintree.py:1231-1285):
//
//	cat/PN/PF-ID.gpkg.tar  cat/PN/PF-ID.xpak   FEATURES=binpkg-multi-instance
//	cat/PF.gpkg.tar        cat/PF.tbz2         one file for each version
//	All/PF.tbz2                                before 2014, with symlinks in cat/
//
// One pkgdir may hold all of them.

// pathBuildID returns the build id in the name of a file, 0 where it has none:
// the number behind the last hyphen if what stands before it is a package name
// with a version (bintree.py, _parse_build_id).
func pathBuildID(name string) int64 {
	stem := name
	for _, suffix := range []string{".gpkg.tar", ".xpak", ".tbz2"} {
		stem = strings.TrimSuffix(stem, suffix)
	}
	i := strings.LastIndexByte(stem, '-')
	if i < 0 {
		return 0
	}
	if _, _, ok := atom.SplitPF(stem[:i]); !ok {
		return 0
	}
	id, err := strconv.ParseInt(stem[i+1:], 10, 64)
	if err != nil || id < 1 {
		return 0
	}
	return id
}

// placement tells whether Portage would take up a binary package from where
// it lies, and if not why: its name and folder must say what its metadata say.
// Portage passes over most of these without a word.
func placement(rel string, p *binpkg.Package) (visible bool, code, message string) {
	if p.CPV() == "" || p.Slot == "" {
		return false, "", "" // metadata-incomplete, or damage, says it
	}
	dir, name := path.Split(rel)
	dir = strings.TrimSuffix(dir, "/")
	id := pathBuildID(name)
	var want string
	switch {
	case strings.HasSuffix(name, ".xpak"):
		if id < 1 {
			return false, codeMisnamed, fmt.Sprintf("an .xpak is named %s-BUILD_ID.xpak", p.PF)
		}
		want = fmt.Sprintf("%s-%d.xpak", p.PF, id)
	case strings.HasSuffix(name, ".gpkg.tar") && id > 0:
		want = fmt.Sprintf("%s-%d.gpkg.tar", p.PF, id)
	case strings.HasSuffix(name, ".gpkg.tar"):
		want = p.PF + ".gpkg.tar"
	default:
		want, id = p.PF+".tbz2", 0
	}
	if name != want {
		return false, codeMisnamed, fmt.Sprintf("its metadata say %s, so Portage expects the name %s", p.CPV(), want)
	}
	if id > 0 {
		pn, _, ok := atom.SplitPF(p.PF)
		if !ok || dir != p.Category+"/"+pn {
			return false, codeMisplaced, fmt.Sprintf("its metadata say %s, so Portage expects it in %s/%s", p.CPV(), p.Category, pn)
		}
		return true, "", ""
	}
	if dir != p.Category && dir != "All" {
		return false, codeMisplaced, fmt.Sprintf("its metadata say %s, so Portage expects it in %s", p.CPV(), p.Category)
	}
	return true, "", ""
}

// Problems that only the place of a file shows.
const (
	codeMisnamed  = "binpkg-misnamed"  // the file name is not that of its package
	codeMisplaced = "binpkg-misplaced" // the folder is not that of its package
	codeUnread    = "binpkg-unread"    // the file is there and could not be read
	codeDigest    = "digest-mismatch"  // an xpak whose digest is not that of the index
)
