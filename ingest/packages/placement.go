package packages

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"emaudit/hostfs"
	"emaudit/store/inventory"

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

// pathBuildID returns the build id in the name of a file, or 0: the number after
// the last hyphen, if a package name with a version precedes it (bintree.py,
// _parse_build_id).
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

// placement reports whether Portage would accept a binary package at its location,
// and otherwise why not. The name and folder must agree with the metadata. Portage
// ignores most misplaced files without a message.
func placement(rel string, p *binpkg.Package) (visible bool, code, message string) {
	if p.CPV() == "" || p.Slot == "" {
		return false, "", "" // metadata-incomplete, or the damage, reports it
	}
	dir, name := path.Split(rel)
	dir = strings.TrimSuffix(dir, "/")
	id := pathBuildID(name)
	var want string
	switch {
	case strings.HasSuffix(name, ".xpak"):
		if id < 1 {
			return false, inventory.ProblemMisnamed, fmt.Sprintf("an .xpak is named %s-BUILD_ID.xpak", p.PF)
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
		return false, inventory.ProblemMisnamed, fmt.Sprintf("its metadata say %s, so Portage expects the name %s", p.CPV(), want)
	}
	if id > 0 {
		pn, _, ok := atom.SplitPF(p.PF)
		if !ok || dir != p.Category+"/"+pn {
			return false, inventory.ProblemMisplaced, fmt.Sprintf("its metadata say %s, so Portage expects it in %s/%s", p.CPV(), p.Category, pn)
		}
		return true, "", ""
	}
	if dir != p.Category && dir != "All" {
		return false, inventory.ProblemMisplaced, fmt.Sprintf("its metadata say %s, so Portage expects it in %s", p.CPV(), p.Category)
	}
	return true, "", ""
}

// otherFile returns a file that is not a binary package in stored form.
func otherFile(path string, e hostfs.Entry, role inventory.FileRole) inventory.PkgDirFile {
	kind := "other"
	switch e.Kind {
	case hostfs.Regular:
		kind = inventory.RegularFile
	case hostfs.Symlink:
		kind = "symlink"
	case hostfs.FIFO:
		kind = "fifo"
	case hostfs.Socket:
		kind = "socket"
	case hostfs.CharDevice, hostfs.BlockDevice:
		kind = "device"
	case hostfs.Directory:
		kind = "folder"
	}
	return inventory.PkgDirFile{Path: path, Kind: kind, Role: role, Size: e.Size, MTimeNS: e.MTimeNS}
}

// fileRole returns the purpose of a file that is not a binary package, judged by
// its name.
func fileRole(p string, e hostfs.Entry) inventory.FileRole {
	name := path.Base(p)
	switch {
	case e.Kind == hostfs.Symlink && binpkg.FormatOfName(name) != binpkg.FormatUnknown:
		return inventory.RoleSymlink
	case e.Kind != hostfs.Regular && e.Kind != hostfs.Symlink:
		return inventory.RoleNotAFile
	case p == "Packages" || p == "Packages.gz":
		return inventory.RoleIndex
	case strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".portage_lockfile"):
		return inventory.RoleLock
	case strings.HasSuffix(name, ".partial"):
		return inventory.RolePartial
	case strings.Contains(name, "._checksum_failure_."):
		return inventory.RoleChecksumFailure
	case strings.Contains(name, ".gpkg.tar") || strings.Contains(name, ".xpak.") || strings.Contains(name, ".tbz2."):
		return inventory.RoleTemporary
	case p == name && strings.HasPrefix(name, "Packages"):
		return inventory.RoleTemporary
	case e.Kind == hostfs.Symlink:
		return inventory.RoleSymlink
	}
	return inventory.RoleStray
}
