package ingest

import (
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/binpkg"
	"emaudit/store"
)

// The purposes of files in a pkgdir that are not binary packages.
const (
	roleIndex           = "index"            // Packages, Packages.gz
	roleLock            = "lock"             // Portage's lock of another file (locks.py:249)
	rolePartial         = "partial"          // an unfinished fetch or package move, possibly in progress
	roleTemporary       = "temporary"        // an unfinished package or index, possibly in progress
	roleChecksumFailure = "checksum-failure" // Portage renamed it because its digest was wrong at a merge (fetch.py:293)
	roleSymlink         = "symlink"          // Portage ignores symlinks with the name of a package
	roleNotAFile        = "not-a-file"       // a FIFO, socket or device; never opened
	roleStray           = "stray"            // anything else
	roleUnreadable      = store.RoleUnlisted
	roleDeep            = "deep-folder" // deeper than any layout of Portage; not listed
)

// otherFile returns a file that is not a binary package in stored form.
func otherFile(path string, e hostfs.Entry, role string) store.PkgDirFile {
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
func fileRole(p string, e hostfs.Entry) string {
	name := path.Base(p)
	switch {
	case e.Kind == hostfs.Symlink && binpkg.FormatOfName(name) != binpkg.FormatUnknown:
		return roleSymlink
	case e.Kind != hostfs.Regular && e.Kind != hostfs.Symlink:
		return roleNotAFile
	case p == "Packages" || p == "Packages.gz":
		return roleIndex
	case strings.HasPrefix(name, ".") && strings.HasSuffix(name, ".portage_lockfile"):
		return roleLock
	case strings.HasSuffix(name, ".partial"):
		return rolePartial
	case strings.Contains(name, "._checksum_failure_."):
		return roleChecksumFailure
	case strings.Contains(name, ".gpkg.tar") || strings.Contains(name, ".xpak.") || strings.Contains(name, ".tbz2."):
		return roleTemporary
	case p == name && strings.HasPrefix(name, "Packages"):
		return roleTemporary
	case e.Kind == hostfs.Symlink:
		return roleSymlink
	}
	return roleStray
}
