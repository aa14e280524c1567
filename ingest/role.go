package ingest

import (
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/binpkg"
	"emaudit/store/inventory"
)

// otherFile returns a file that is not a binary package in stored form.
func otherFile(path string, e hostfs.Entry, role inventory.FileRole) inventory.PkgDirFile {
	kind := "other"
	switch e.Kind {
	case hostfs.Regular:
		kind = "file"
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
