package store

// FileRole is what a file or folder in a pkgdir that is no binary package is there
// for.
type FileRole string

// The roles.
const (
	RoleIndex           FileRole = "index"             // Packages, Packages.gz
	RoleLock            FileRole = "lock"              // Portage's lock of one of the others (locks.py:249)
	RolePartial         FileRole = "partial"           // a fetch or a package move that is going on or was broken off
	RoleTemporary       FileRole = "temporary"         // a package or an index that is being written, or was
	RoleChecksumFailure FileRole = "checksum-failure"  // renamed by Portage when its digest was wrong at a merge (fetch.py:293)
	RoleSymlink         FileRole = "symlink"           // Portage follows none that is named like a package
	RoleNotAFile        FileRole = "not-a-file"        // a FIFO, socket or device; never opened
	RoleStray           FileRole = "stray"             // anything else
	RoleUnlisted        FileRole = "unreadable-folder" // a folder that could not be listed: what lies in it is not known
	RoleDeep            FileRole = "deep-folder"       // deeper than any layout of Portage's; not listed
)
