package hostfs

import (
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// File is an open regular file. It is for reading thousands of files: unlike
// os.File it does not use the runtime's poller, which regular files do not need.
// Its methods may be called concurrently, but not during or after Close.
type File struct {
	fd    int
	entry Entry
}

// OpenBelow opens the regular file at rel, a path of one or more components below
// the folder. It follows no symlink in rel. For any other kind the error wraps a
// [*KindError]. Hard links and the limit follow the rules of [Root.OpenFile].
func (d *Dir) OpenBelow(rel string, limit int64) (*File, error) {
	fd, entry, err := d.openBelow(rel, limit)
	if err != nil {
		return nil, d.pathError("open", rel, err)
	}
	return &File{fd: fd, entry: entry}, nil
}

func (d *Dir) openBelow(rel string, limit int64) (int, Entry, error) {
	for name := range strings.SplitSeq(rel, "/") {
		if err := checkComponent(name); err != nil {
			return -1, Entry{}, err
		}
	}
	// This check before the open keeps FIFOs and devices from being opened at all.
	// A symlink in rel can mislead the check, but not the open.
	var st unix.Stat_t
	if err := fstatat(d.fd, rel, &st); err != nil {
		return -1, Entry{}, err
	}
	if kind := kindOf(st.Mode); kind != Regular {
		return -1, Entry{}, &KindError{Kind: kind}
	}
	fd, err := d.descend(rel, 0)
	if err != nil {
		return -1, Entry{}, err
	}
	err = unix.Fstat(fd, &st)
	slash := strings.LastIndexByte(rel, '/')
	if err == nil && st.Nlink > 1 && slash >= 0 {
		// The rule for hard links needs the folder that holds the file, so it is
		// opened again from there.
		unix.Close(fd)
		fd, err = d.openLinked(rel[:slash], rel[slash+1:], limit, &st)
	} else if err == nil {
		err = d.owners.admit(fd, &st, &d.status, limit)
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return -1, Entry{}, err
	}
	return fd, NewEntry(rel[slash+1:], &st), nil
}

// openLinked opens the regular file name in the folder at rel.
func (d *Dir) openLinked(rel, name string, limit int64, st *unix.Stat_t) (int, error) {
	fd, err := d.descend(rel, unix.O_DIRECTORY)
	if err != nil {
		return -1, err
	}
	folder, err := newDir(fd, &Dir{inKernel: d.inKernel, owners: d.owners})
	if err != nil {
		return -1, err
	}
	defer folder.Close()
	return folder.openRegular(name, limit, st)
}

// descend opens rel in one system call if the kernel has openat2, otherwise
// component by component.
func (d *Dir) descend(rel string, flags int) (int, error) {
	flags |= openFlags | unix.O_NOFOLLOW
	if d.inKernel {
		how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
		fd, err := Retry(func() (int, error) { return openat2(d.fd, rel, &how) })
		if err != unix.EAGAIN {
			return fd, err
		}
	}
	at := d.fd
	for {
		name, rest, deeper := strings.Cut(rel, "/")
		step := flags
		if deeper {
			step |= unix.O_DIRECTORY
		}
		fd, err := Retry(func() (int, error) { return unix.Openat(at, name, step, 0) })
		if at != d.fd {
			unix.Close(at)
		}
		if err != nil || !deeper {
			return fd, err
		}
		at, rel = fd, rest
	}
}

// Entry describes the file at the time of opening.
func (f *File) Entry() Entry { return f.entry }

// Stat describes the file as it is now.
func (f *File) Stat() (Entry, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd, &st); err != nil {
		return Entry{}, err
	}
	return NewEntry(f.entry.Name, &st), nil
}

// ReadAt implements [io.ReaderAt].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	read := 0
	for read < len(p) {
		n, err := Retry(func() (int, error) { return unix.Pread(f.fd, p[read:], off+int64(read)) })
		if err != nil {
			return read, err
		}
		if n == 0 {
			return read, io.EOF
		}
		read += n
	}
	return read, nil
}

// Close closes the file.
func (f *File) Close() error {
	fd := f.fd
	f.fd = -1
	return unix.Close(fd)
}
