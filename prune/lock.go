package prune

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// lockName is the file whose lock Portage holds while it rewrites the index:
// "." + "Packages" + ".portage_lockfile" (locks.py, lockfile with
// wantnewlockfile).
const lockName = ".Packages.portage_lockfile"

// lockPoll is the time between two attempts to take the lock. Portage holds it
// while it writes the index, and longer if it first reads thousands of packages.
const lockPoll = 100 * time.Millisecond

// maxLockRetries is how often a lock file may vanish between open and lock. Beyond
// it, something other than Portage removes it.
const maxLockRetries = 1000

// ErrLocked is the cause of an error if another process has the lock of PKGDIR:
// emerge, emaint, quickpkg, or another prune.
var ErrLocked = errors.New("locked by another process")

// lockedError says who has the lock.
type lockedError struct{ pid int }

func (e *lockedError) Error() string {
	if e.pid > 0 {
		return fmt.Sprintf("locked by process %d", e.pid)
	}
	return ErrLocked.Error()
}

func (e *lockedError) Is(target error) bool { return target == ErrLocked }

// locked is a lock that is held.
type locked interface {
	// release unlinks the file, as Portage does, and releases the lock.
	release() error
}

// lock takes the lock of a file in the folder.
//
// Portage locks by fcntl(2), which flock(2) does not see. An open file
// description lock conflicts with it as a classic one does, and is not lost
// when some other part of the process closes the same file.
func (d *osFolder) lock(name string, a attributes) (locked, error) {
	for range maxLockRetries {
		fd, created, err := d.openLock(name)
		if errors.Is(err, unix.ENOENT) {
			continue // It was unlinked between the two attempts to open it.
		}
		if err != nil {
			return nil, err
		}
		if created {
			// Portage gives the file to its own group, which is that of PKGDIR,
			// so that its unprivileged users can wait for the lock as well. A
			// file of root's alone would be an error to them.
			_ = unix.Fchown(fd, -1, int(a.GID))
			_ = unix.Fchmod(fd, a.Mode)
		}
		whole := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0}
		if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &whole); err != nil {
			holder := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0}
			_ = unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &holder)
			unix.Close(fd)
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
				return nil, &lockedError{int(holder.Pid)}
			}
			return nil, fmt.Errorf("the file system has no locks: %w", err)
		}
		// The last owner of the lock may have unlinked the file between our open
		// and our lock. Then our lock protects nothing.
		var have, there unix.Stat_t
		err = unix.Fstat(fd, &have)
		errThere := unix.Fstatat(d.fd, name, &there, unix.AT_SYMLINK_NOFOLLOW)
		if err == nil && errThere == nil && have.Dev == there.Dev && have.Ino == there.Ino {
			return &osLock{dir: d, name: name, fd: fd}, nil
		}
		unix.Close(fd)
	}
	return nil, errors.New("its lock file vanishes again and again")
}

func (d *osFolder) openLock(name string) (fd int, created bool, err error) {
	if err := checkName(name); err != nil {
		return -1, false, err
	}
	const flags = unix.O_RDWR | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err = unix.Openat(d.fd, name, flags|unix.O_CREAT|unix.O_EXCL, 0o660)
	if errors.Is(err, unix.EEXIST) {
		// No O_CREAT: the kernel refuses it even to root for a file of another
		// user in a sticky folder (fs.protected_regular). O_NONBLOCK, because that
		// user may have put a FIFO there.
		fd, err = unix.Openat(d.fd, name, flags|unix.O_NONBLOCK, 0)
		return fd, false, err
	}
	return fd, err == nil, err
}

type osLock struct {
	dir  *osFolder
	name string
	fd   int
}

func (l *osLock) release() error {
	// Unlink while the lock is held: a process that waits finds another file and
	// tries again.
	err := l.dir.unlink(l.name)
	return errors.Join(err, l.letGo())
}

// letGo unlocks before it closes: a child that was forked and has not yet
// called exec has a copy of the descriptor, and with it the lock.
func (l *osLock) letGo() error {
	whole := unix.Flock_t{Type: unix.F_UNLCK, Whence: 0}
	err := unix.FcntlFlock(uintptr(l.fd), unix.F_OFD_SETLK, &whole)
	return errors.Join(err, unix.Close(l.fd))
}

// acquire waits for Portage's lock of the index and takes it. It returns the mtime
// that PKGDIR had before the lock file was created.
func acquire(ctx context.Context, dir folder, wait time.Duration) (held locked, mtimeNS int64, err error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	for {
		self, err := dir.stat(".")
		if err != nil {
			return nil, 0, err
		}
		held, err := dir.lock(lockName, attributes{Mode: 0o660, GID: self.GID})
		if !errors.Is(err, ErrLocked) || wait <= 0 {
			return held, self.MTimeNS, err
		}
		poll := time.NewTimer(lockPoll)
		select {
		case <-ctx.Done():
			poll.Stop()
			return nil, 0, ctx.Err()
		case <-timeout.C:
			poll.Stop()
			return nil, 0, err
		case <-poll.C:
		}
	}
}
