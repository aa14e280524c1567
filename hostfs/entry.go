package hostfs

import "golang.org/x/sys/unix"

// Kind is the type of a file.
type Kind string

// The types of files, inode(7).
const (
	UnknownKind Kind = "file of unknown kind"
	Regular     Kind = "regular file"
	Directory   Kind = "directory"
	Symlink     Kind = "symlink"
	FIFO        Kind = "FIFO"
	Socket      Kind = "socket"
	CharDevice  Kind = "character device"
	BlockDevice Kind = "block device"
)

func kindOf(mode uint32) Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Regular
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFLNK:
		return Symlink
	case unix.S_IFIFO:
		return FIFO
	case unix.S_IFSOCK:
		return Socket
	case unix.S_IFCHR:
		return CharDevice
	case unix.S_IFBLK:
		return BlockDevice
	default:
		return UnknownKind
	}
}

// Entry describes one file, like stat(2).
type Entry struct {
	// Name is the last path component, unchanged: it may hold any byte except slash
	// and NUL. The root itself has the name "/".
	Name string
	Kind Kind
	// Dev and Inode together identify the file while it exists.
	Dev, Inode uint64
	// Size is the size in bytes.
	Size int64
	// MTimeNS is the modification time in unix nanoseconds.
	MTimeNS int64
	// Mode holds the permission bits, including set-id and sticky bits, without the
	// kind.
	Mode     uint32
	UID, GID uint32
	// Nlink is the number of hard links.
	Nlink uint64
}

// NewEntry describes the file of that name whose status is st.
func NewEntry(name string, st *unix.Stat_t) Entry {
	return Entry{
		Name: name, Kind: kindOf(st.Mode),
		// The types of these fields differ between architectures.
		Dev: uint64(st.Dev), Inode: uint64(st.Ino),
		Size: st.Size, MTimeNS: st.Mtim.Nano(),
		Mode: st.Mode &^ unix.S_IFMT, UID: st.Uid, GID: st.Gid,
		Nlink: uint64(st.Nlink),
	}
}

// fstatat describes name in the folder dir. It does not follow a symlink.
func fstatat(dir int, name string, st *unix.Stat_t) error {
	_, err := Retry(func() (int, error) { return 0, unix.Fstatat(dir, name, st, unix.AT_SYMLINK_NOFOLLOW) })
	return err
}

// Space is the disk space on one file system, in bytes.
type Space struct {
	// Total is the size of the file system.
	Total int64
	// Available is the space that an unprivileged user can use. root can use a
	// reserve in addition.
	Available int64
}

func newSpace(st *unix.Statfs_t) Space {
	block := int64(st.Frsize)
	if block == 0 {
		block = int64(st.Bsize)
	}
	return Space{Total: int64(st.Blocks) * block, Available: int64(st.Bavail) * block}
}
