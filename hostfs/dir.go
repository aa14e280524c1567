package hostfs

import (
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Dir is an open folder of a [Root]. All names are single path components: its
// methods neither follow symlinks nor leave the folder. They may be called
// concurrently, but not during or after Close.
type Dir struct {
	fd       int
	status   unix.Stat_t // at the time of opening
	inKernel bool        // openat2 is available
	owners   owners

	listing sync.Mutex
	listed  bool // the read position is at the end
	// The path is computed only for errors and reports, because most of the
	// thousands of opened folders never need it.
	parent *Dir
	root   string
	name   string
}

// newDir completes d, whose parent and name are set, with the open descriptor fd.
func newDir(fd int, d *Dir) (*Dir, error) {
	if err := unix.Fstat(fd, &d.status); err != nil {
		unix.Close(fd)
		return nil, err
	}
	d.fd = fd
	return d, nil
}

// Close releases the folder's descriptor.
func (d *Dir) Close() error {
	fd := d.fd
	d.fd = -1
	return unix.Close(fd)
}

// Path returns the path of the folder inside the root, as it was opened.
func (d *Dir) Path() string {
	if d.parent == nil {
		return d.name
	}
	return strings.TrimSuffix(d.parent.Path(), "/") + "/" + d.name
}

// ID returns the device and the inode of the folder. Together they identify the
// folder while it exists.
func (d *Dir) ID() (dev, inode uint64) { return uint64(d.status.Dev), d.status.Ino }

// ModTimeNS returns the mtime of the folder when it was opened, in unix
// nanoseconds.
func (d *Dir) ModTimeNS() int64 { return d.status.Mtim.Nano() }

// Names returns the names in the folder without "." and "..", sorted by bytes.
func (d *Dir) Names() ([]string, error) {
	names, err := d.readNames()
	if err != nil {
		return nil, d.pathError("list", "", err)
	}
	slices.Sort(names)
	return names, nil
}

func (d *Dir) readNames() ([]string, error) {
	// The read position belongs to the descriptor. Without the lock, two concurrent
	// calls would each get a part of the names.
	d.listing.Lock()
	defer d.listing.Unlock()
	if d.listed {
		if _, err := unix.Seek(d.fd, 0, io.SeekStart); err != nil {
			return nil, err
		}
	}
	d.listed = true
	var names []string
	buf := direntBuffers.Get().(*[8 << 10]byte)
	defer direntBuffers.Put(buf)
	for {
		n, err := Retry(func() (int, error) { return unix.ReadDirent(d.fd, buf[:]) })
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

var direntBuffers = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// Entries describes all files in the folder, sorted by name. It describes symlinks
// themselves. It omits files that vanish during the call.
func (d *Dir) Entries() ([]Entry, error) {
	names, err := d.readNames()
	if err != nil {
		return nil, d.pathError("list", "", err)
	}
	slices.Sort(names)
	entries := make([]Entry, 0, len(names))
	var st unix.Stat_t
	for _, name := range names {
		switch err := fstatat(d.fd, name, &st); err {
		case nil:
			entries = append(entries, NewEntry(name, &st))
		case unix.ENOENT:
		default:
			return nil, d.pathError("lstat", name, err)
		}
	}
	return entries, nil
}

// Lstat describes the file name. It does not follow a symlink.
func (d *Dir) Lstat(name string) (Entry, error) {
	if err := checkComponent(name); err != nil {
		return Entry{}, d.pathError("lstat", name, err)
	}
	var st unix.Stat_t
	if err := fstatat(d.fd, name, &st); err != nil {
		return Entry{}, d.pathError("lstat", name, err)
	}
	return NewEntry(name, &st), nil
}

// OpenFile opens the regular file name for reading. For any other kind, including a
// symlink, the error wraps a [*KindError]. Hard links and the limit follow the
// rules of [Root.OpenFile].
func (d *Dir) OpenFile(name string, limit int64) (*os.File, error) {
	var st unix.Stat_t
	fd, err := d.openRegular(name, limit, &st)
	if err != nil {
		return nil, d.pathError("open", name, err)
	}
	return newFile(fd, strings.TrimSuffix(d.Path(), "/")+"/"+name), nil
}

// ReadFile returns the content of the regular file name. Its rules and errors are
// those of [Dir.OpenFile].
func (d *Dir) ReadFile(name string, limit int64) ([]byte, error) {
	var st unix.Stat_t
	fd, err := d.openRegular(name, limit, &st)
	if err != nil {
		return nil, d.pathError("read", name, err)
	}
	data, err := readAll(fd, st.Size, limit)
	unix.Close(fd)
	if err != nil {
		return nil, d.pathError("read", name, err)
	}
	return data, nil
}

// OpenDir opens the folder name in this folder.
func (d *Dir) OpenDir(name string) (*Dir, error) {
	if err := checkComponent(name); err != nil {
		return nil, d.pathError("open", name, err)
	}
	fd, err := Retry(func() (int, error) {
		return unix.Openat(d.fd, name, openFlags|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	})
	if err != nil {
		return nil, d.pathError("open", name, err)
	}
	sub, err := newDir(fd, &Dir{parent: d, root: d.root, name: name, inKernel: d.inKernel, owners: d.owners})
	if err != nil {
		return nil, d.pathError("open", name, err)
	}
	return sub, nil
}

// openRegular opens the regular file name and fills st. For a single component,
// O_NOFOLLOW has the effect of RESOLVE_BENEATH with RESOLVE_NO_SYMLINKS, on every
// kernel.
func (d *Dir) openRegular(name string, limit int64, st *unix.Stat_t) (fd int, err error) {
	if err := checkComponent(name); err != nil {
		return -1, err
	}
	if err := fstatat(d.fd, name, st); err != nil {
		return -1, err
	}
	if kind := kindOf(st.Mode); kind != Regular {
		return -1, &KindError{Kind: kind}
	}
	fd, err = Retry(func() (int, error) { return unix.Openat(d.fd, name, openFlags|unix.O_NOFOLLOW, 0) })
	if err != nil {
		return -1, err
	}
	if err = unix.Fstat(fd, st); err == nil {
		err = d.owners.admit(fd, st, &d.status, limit)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func (d *Dir) pathError(op, name string, err error) error {
	path := d.Path()
	if name != "" {
		path = strings.TrimSuffix(path, "/") + "/" + name
	}
	return newPathError(op, d.root, path, err)
}

// checkComponent returns an error unless name is a single path component.
func checkComponent(name string) error {
	if name == "" || name == "." || name == ".." || strings.IndexByte(name, '/') >= 0 {
		return errNotComponent
	}
	return nil
}

// readAll reads a file that had size bytes, at most limit, when it was opened. If
// the file has grown, readAll reads only size bytes. A size of 0 may be wrong, as
// in procfs, so such a file is read to its end.
func readAll(fd int, size, limit int64) ([]byte, error) {
	want := size
	if size == 0 {
		want = min(limit+1, 4<<10)
	}
	data := make([]byte, want)
	n := 0
	for {
		got, err := Retry(func() (int, error) { return unix.Read(fd, data[n:]) })
		if err != nil {
			return nil, err
		}
		n += got
		switch {
		case got == 0:
			return data[:n], nil
		case size > 0 && n == len(data):
			return data, nil
		case int64(n) > limit:
			return nil, &sizeError{size: int64(n), limit: limit}
		case n == len(data):
			data = append(data, make([]byte, min(int64(n), limit+1-int64(n)))...)
		}
	}
}

// newFile returns an os.File for the descriptor of a regular file. It clears
// O_NONBLOCK, which would make the runtime try to poll the file.
func newFile(fd int, path string) *os.File {
	_ = unix.SetNonblock(fd, false)
	return os.NewFile(uintptr(fd), path)
}
