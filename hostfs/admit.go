package hostfs

import (
	"io"

	"golang.org/x/sys/unix"
)

// owners are the users who may put anything anywhere in a root: uid 0, the owner
// of the root's top folder (who is root inside a container with shifted ids), and
// the user who reads.
type owners struct {
	reader, top uint32
}

// trust tells whether a user is one of them.
func (o owners) trust(uid uint32) bool { return uid == 0 || uid == o.reader || uid == o.top }

// share tells whether anybody else can write into a folder. An access control list
// that lets somebody write shows in the bits of the group, acl(5).
func (o owners) share(folder *unix.Stat_t) bool {
	return !o.trust(folder.Uid) || folder.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0
}

// admit decides before the first byte whether the open file fd is read: by its
// kind, by who may have put it into its folder, and by its size. It is the only
// place that decides so. The folder may be nil where the file has one link.
func (o owners) admit(fd int, file, folder *unix.Stat_t, limit int64) error {
	if kind := kindOf(file.Mode); kind != Regular {
		return &KindError{Kind: kind}
	}
	if file.Nlink > 1 && o.share(folder) && !o.readableByWriters(file, folder) {
		return &LinkError{Kind: Regular, Owner: folder.Uid, Target: file.Uid}
	}
	if file.Size > limit {
		return &sizeError{size: file.Size, limit: limit}
	}
	return checkHoles(fd, file)
}

// readableByWriters tells whether those who can write into the folder can read the
// file by themselves, so that a hard link to it discloses nothing. Whoever makes a
// hard link reaches the file by its path, so its own mode decides.
func (o owners) readableByWriters(file, folder *unix.Stat_t) bool {
	switch {
	case file.Mode&unix.S_IROTH != 0:
		return true
	case folder.Mode&unix.S_IWOTH != 0:
		return false
	case file.Uid == folder.Uid && !o.trust(folder.Uid):
		return true
	}
	return file.Mode&unix.S_IRGRP != 0 && file.Gid == folder.Gid
}

// A file may be larger than what it takes on disk: a file system that compresses
// makes text a tenth. What is larger than these say is a file of holes, which costs
// its owner nothing and its reader minutes.
const (
	blockSize    = 512 // the unit of st_blocks, stat(2)
	mostInflated = 16
	freeSize     = 1 << 20
)

// checkHoles refuses a file that is little but holes. Where st_blocks says so, the
// file system is asked for a hole: some say nothing in st_blocks.
func checkHoles(fd int, file *unix.Stat_t) error {
	stored := int64(file.Blocks) * blockSize
	if file.Size <= freeSize || (file.Size-freeSize)/mostInflated <= stored {
		return nil
	}
	hole, err := unix.Seek(fd, 0, unix.SEEK_HOLE)
	if err != nil || hole >= file.Size {
		// No file system without this question has holes worth the name.
		_, err = unix.Seek(fd, 0, io.SeekStart)
		return err
	}
	return &holesError{size: file.Size, stored: stored}
}
