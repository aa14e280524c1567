package store

// FileRole is the purpose of a file or folder in a pkgdir that is not a binary
// package.
type FileRole string

// The roles.
const (
	RoleIndex           FileRole = "index"             // Packages, Packages.gz
	RoleLock            FileRole = "lock"              // Portage's lock of another file (locks.py:249)
	RolePartial         FileRole = "partial"           // an unfinished fetch or package move, possibly in progress
	RoleTemporary       FileRole = "temporary"         // an unfinished package or index, possibly in progress
	RoleChecksumFailure FileRole = "checksum-failure"  // Portage renamed it because its digest was wrong at a merge (fetch.py:293)
	RoleSymlink         FileRole = "symlink"           // Portage ignores symlinks with the name of a package
	RoleNotAFile        FileRole = "not-a-file"        // a FIFO, socket or device; never opened
	RoleStray           FileRole = "stray"             // anything else
	RoleUnlisted        FileRole = "unreadable-folder" // a folder that could not be listed, so that its content is unknown
	RoleDeep            FileRole = "deep-folder"       // deeper than any layout of Portage; not listed
)
