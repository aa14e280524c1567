package prune

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
)

// folder is one open folder. This package touches a file system only through it.
// Names are single components, and no method follows a symlink. Tests use a folder
// that fails at a chosen step.
type folder interface {
	// stat describes name, or the folder itself for ".".
	stat(name string) (entry, error)
	names() ([]string, error)
	open(name string) (folder, error)
	// read returns the content of a regular file, and a description of the file
	// that it read.
	read(name string, limit int64) ([]byte, entry, error)
	mkdir(name string, mode uint32) error
	// create makes a new file; an existing one is an error.
	create(name string, mode uint32) (newFile, error)
	// rename moves a file. If the name exists in to, rename replaces it if replace
	// is true, and returns fs.ErrExist otherwise.
	rename(name string, to folder, newName string, replace bool) error
	unlink(name string) error
	rmdir(name string) error
	// setMTime sets the time of name, or of the folder itself for ".", to a
	// time in nanoseconds since 1970 or to mtimeNow.
	setMTime(name string, ns int64) error
	// own sets owner and mode of the folder itself.
	own(a attributes) error
	// writable returns an error if nothing can be renamed out of the folder.
	writable() error
	// lock takes the lock of a file in the folder, and creates a missing file. It
	// returns errLocked if another process has the lock.
	lock(name string, a attributes) (locked, error)
	// sync writes the names in the folder to disk.
	sync() error
	// syncAll writes everything on the file system to disk.
	syncAll() error
	close() error
}

// newFile is a file during its writing.
type newFile interface {
	write(b []byte) error
	own(a attributes) error
	sync() error
	close() error
}

// mtimeNow means the time of the call by the clock of the file system.
const mtimeNow = math.MinInt64

// attributes are what must stay the same of a file, apart from its bytes.
type attributes struct {
	Mode    uint32 `json:"mode"`
	UID     uint32 `json:"uid"`
	GID     uint32 `json:"gid"`
	MTimeNS int64  `json:"mtime_ns"`
}

// entry describes a file as the kernel sees it.
type entry struct {
	hostfs.Entry
	mount uint64 // id of its mount; 0 means unknown
	fixed bool   // immutable or append-only (chattr(1)): no name in it, or of it, can go
}

// sameMount reports whether files can be renamed from one folder to the other.
func (e entry) sameMount(other entry) bool { return e.Dev == other.Dev && e.mount == other.mount }

func attributesOf(e entry) attributes {
	return attributes{Mode: e.Mode, UID: e.UID, GID: e.GID, MTimeNS: e.MTimeNS}
}

// errNotName is returned for a name that is no single component.
var errNotName = errors.New("not the name of a file in a folder")

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return errNotName
	}
	return nil
}

// osFolder is a folder of the operating system.
type osFolder struct{ fd int }

func (d *osFolder) openDir(name string) (*osFolder, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	fd, err := hostfs.Retry(func() (int, error) {
		return unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return &osFolder{fd}, nil
}

func (d *osFolder) open(name string) (folder, error) {
	sub, err := d.openDir(name)
	if err != nil {
		return nil, err
	}
	return sub, nil
}

func (d *osFolder) close() error { return unix.Close(d.fd) }

func (d *osFolder) stat(name string) (entry, error) {
	var st unix.Stat_t
	var err error
	if name == "." {
		err = unix.Fstat(d.fd, &st)
	} else if err = checkName(name); err == nil {
		err = unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW)
	}
	if err != nil {
		return entry{}, err
	}
	e := entry{Entry: hostfs.NewEntry(name, &st)}
	var more unix.Statx_t
	if name == "." {
		err = unix.Statx(d.fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &more)
	} else {
		err = unix.Statx(d.fd, name, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_MNT_ID, &more)
	}
	if err == nil { // A sandbox may forbid calls that are newer than Linux 4.11.
		e.mount = more.Mnt_id
		e.fixed = more.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0
	}
	return e, nil
}

func (d *osFolder) names() ([]string, error) {
	fd, err := unix.Openat(d.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var names []string
	buf := make([]byte, 32<<10)
	for {
		n, err := hostfs.Retry(func() (int, error) { return unix.ReadDirent(fd, buf) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			slices.Sort(names)
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

func (d *osFolder) read(name string, limit int64) ([]byte, entry, error) {
	if err := checkName(name); err != nil {
		return nil, entry{}, err
	}
	// O_NONBLOCK, because the name may be a FIFO.
	fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, entry{}, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, entry{}, err
	}
	e := entry{Entry: hostfs.NewEntry(name, &st)}
	switch {
	case e.Kind != hostfs.Regular:
		return nil, e, fmt.Errorf("is a %s; only a regular file is read", e.Kind)
	case e.Size > limit:
		return nil, e, hostfs.ErrTooLarge
	}
	data := make([]byte, e.Size)
	for n := 0; n < len(data); {
		got, err := hostfs.Retry(func() (int, error) { return unix.Read(fd, data[n:]) })
		if err != nil {
			return nil, e, err
		}
		if got == 0 {
			return data[:n], e, nil
		}
		n += got
	}
	return data, e, nil
}

// readlink returns the target of a symlink.
func (d *osFolder) readlink(name string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(d.fd, name, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func (d *osFolder) mkdir(name string, mode uint32) error {
	if err := checkName(name); err != nil {
		return err
	}
	return unix.Mkdirat(d.fd, name, mode)
}

func (d *osFolder) create(name string, mode uint32) (newFile, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	if err != nil {
		return nil, err
	}
	return &osNewFile{fd}, nil
}

func (d *osFolder) rename(name string, to folder, newName string, replace bool) error {
	if err := errors.Join(checkName(name), checkName(newName)); err != nil {
		return err
	}
	target := to.(*osFolder)
	if replace {
		return unix.Renameat(d.fd, name, target.fd, newName)
	}
	err := unix.Renameat2(d.fd, name, target.fd, newName, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		// NFS and some FUSE file systems cannot do it in one step. Nobody else
		// writes to PKGDIR, because this process has the lock.
		if _, err := target.stat(newName); err == nil {
			return unix.EEXIST
		}
		return unix.Renameat(d.fd, name, target.fd, newName)
	}
	return err
}

func (d *osFolder) unlink(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return unix.Unlinkat(d.fd, name, 0)
}

func (d *osFolder) rmdir(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR)
}

func (d *osFolder) setMTime(name string, ns int64) error {
	if name != "." {
		if err := checkName(name); err != nil {
			return err
		}
	}
	mtime := unix.Timespec{Nsec: unix.UTIME_NOW}
	if ns != mtimeNow {
		mtime = unix.NsecToTimespec(ns)
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, mtime}
	return unix.UtimesNanoAt(d.fd, name, times, unix.AT_SYMLINK_NOFOLLOW)
}

func (d *osFolder) own(a attributes) error { return own(d.fd, a) }

func (d *osFolder) writable() error {
	return unix.Faccessat(d.fd, ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS)
}

func (d *osFolder) sync() error    { return unix.Fsync(d.fd) }
func (d *osFolder) syncAll() error { return unix.Syncfs(d.fd) }

// own sets owner and mode of an open file, the owner first, because a change of
// owner clears the set-id bits.
func own(fd int, a attributes) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Uid != a.UID || st.Gid != a.GID {
		if err := unix.Fchown(fd, int(a.UID), int(a.GID)); err != nil {
			return err
		}
	}
	return unix.Fchmod(fd, a.Mode)
}

type osNewFile struct{ fd int }

func (f *osNewFile) write(b []byte) error {
	for len(b) > 0 {
		n, err := hostfs.Retry(func() (int, error) { return unix.Write(f.fd, b) })
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// own never sets set-id bits: the mode comes from a file that others may have
// made.
func (f *osNewFile) own(a attributes) error {
	a.Mode &= 0o777
	return own(f.fd, a)
}

func (f *osNewFile) sync() error  { return unix.Fsync(f.fd) }
func (f *osNewFile) close() error { return unix.Close(f.fd) }
