package hostfs

import (
	"io"

	"golang.org/x/sys/unix"
)

// owners are the users who may control any file in a root: uid 0, the owner of the
// root's top folder (root inside a container with shifted ids), and the user who
// reads.
type owners struct {
	reader, top uint32
}

// includes reports whether a user is one of the owners.
func (o owners) includes(uid uint32) bool { return uid == 0 || uid == o.reader || uid == o.top }

// othersCanWrite reports whether any other user can write into a folder. If an
// access control list lets somebody write, the group bits show it (acl(5)).
func (o owners) othersCanWrite(folder *unix.Stat_t) bool {
	return !o.includes(folder.Uid) || folder.Mode&(unix.S_IWGRP|unix.S_IWOTH) != 0
}

// admit decides, before the first byte is read, whether the open file fd may be
// read. It checks the kind of the file, who may have put it into its folder, and
// its size. All these decisions are made here. folder may be nil if the file has
// only one link.
func (o owners) admit(fd int, file, folder *unix.Stat_t, limit int64) error {
	if kind := kindOf(file.Mode); kind != Regular {
		return &KindError{Kind: kind}
	}
	if file.Nlink > 1 && o.othersCanWrite(folder) && !o.readableByWriters(file, folder) {
		return &LinkError{Kind: Regular, Owner: folder.Uid, Target: file.Uid}
	}
	if file.Size > limit {
		return &sizeError{size: file.Size, limit: limit}
	}
	return checkHoles(fd, file)
}

// readableByWriters reports whether all users who can write into the folder can
// also read the file. A hard link to it then discloses nothing. To make a hard
// link, a user must reach the file by its path, so only the mode of the file itself
// counts.
func (o owners) readableByWriters(file, folder *unix.Stat_t) bool {
	switch {
	case file.Mode&unix.S_IROTH != 0:
		return true
	case folder.Mode&unix.S_IWOTH != 0:
		return false
	case file.Uid == folder.Uid && !o.includes(folder.Uid):
		return true
	}
	return file.Mode&unix.S_IRGRP != 0 && file.Gid == folder.Gid
}

// A file may be larger than its blocks on disk, because file systems that compress
// reduce text to a tenth. A file beyond these limits consists of holes. It costs
// its owner nothing to make, but minutes to read.
const (
	blockSize    = 512 // the unit of st_blocks, stat(2)
	mostInflated = 16
	freeSize     = 1 << 20
)

// checkHoles refuses a file that consists mostly of holes. If st_blocks suggests
// it, checkHoles asks the file system for a hole, because some file systems do not
// maintain st_blocks.
func checkHoles(fd int, file *unix.Stat_t) error {
	stored := int64(file.Blocks) * blockSize
	if file.Size <= freeSize || (file.Size-freeSize)/mostInflated <= stored {
		return nil
	}
	hole, err := unix.Seek(fd, 0, unix.SEEK_HOLE)
	if err != nil || hole >= file.Size {
		// A file system without SEEK_HOLE has no relevant holes.
		_, err = unix.Seek(fd, 0, io.SeekStart)
		return err
	}
	return &holesError{size: file.Size, stored: stored}
}
