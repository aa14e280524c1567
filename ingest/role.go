package ingest

import (
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/binpkg"
	"emaudit/store"
)

// The roles of what lies in a pkgdir and is no binary package.
const (
	roleIndex           = "index"            // Packages, Packages.gz
	roleLock            = "lock"             // Portage's lock of one of the others (locks.py:249)
	rolePartial         = "partial"          // a fetch or a package move that is going on or was broken off
	roleTemporary       = "temporary"        // a package or an index that is being written, or was
	roleChecksumFailure = "checksum-failure" // renamed by Portage when its digest was wrong at a merge (fetch.py:293)
	roleSymlink         = "symlink"          // Portage follows none that is named like a package
	roleNotAFile        = "not-a-file"       // a FIFO, socket or device; never opened
	roleStray           = "stray"            // anything else
	roleUnreadable      = store.RoleUnlisted
	roleDeep            = "deep-folder" // deeper than any layout of Portage's; not listed
)

// otherFile is the stored form of what is no binary package.
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

// fileRole says what a file that is no binary package is there for, by its
// name.
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
