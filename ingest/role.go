package ingest

import (
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/binpkg"
	"emaudit/store"
)

// otherFile returns a file that is not a binary package in stored form.
func otherFile(path string, e hostfs.Entry, role store.FileRole) store.PkgDirFile {
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
	return store.PkgDirFile{Path: path, Kind: kind, Role: role, Size: e.Size, MTimeNS: e.MTimeNS}
}

// fileRole returns the purpose of a file that is not a binary package, judged by
// its name.
func fileRole(p string, e hostfs.Entry) store.FileRole {
	name := path.Base(p)
	switch {
	case e.Kind == hostfs.Symlink && binpkg.FormatOfName(name) != binpkg.FormatUnknown:
		return store.RoleSymlink
	case e.Kind != hostfs.Regular && e.Kind != hostfs.Symlink:
		return store.RoleNotAFile
	case p == "Packages" || p == "Packages.gz":
		return store.RoleIndex
	case strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".portage_lockfile"):
		return store.RoleLock
	case strings.HasSuffix(name, ".partial"):
		return store.RolePartial
	case strings.Contains(name, "._checksum_failure_."):
		return store.RoleChecksumFailure
	case strings.Contains(name, ".gpkg.tar") || strings.Contains(name, ".xpak.") || strings.Contains(name, ".tbz2."):
		return store.RoleTemporary
	case p == name && strings.HasPrefix(name, "Packages"):
		return store.RoleTemporary
	case e.Kind == hostfs.Symlink:
		return store.RoleSymlink
	}
	return store.RoleStray
}
