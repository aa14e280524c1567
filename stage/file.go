package stage

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
	"emaudit/parse/binpkg"
	"emaudit/parse/pkgindex"
)

// ErrChanged is the error of a file that is not as it was judged.
var ErrChanged = errors.New("is not the file that was judged; type the command again")

// add stages one file, and reads what was staged for its index entry.
func (s *staging) add(ctx context.Context, f File) error {
	src, err := s.root.OpenFile(path.Join(f.PkgDir, f.Path), f.Size)
	if errors.Is(err, hostfs.ErrTooLarge) {
		return ErrChanged
	}
	if err != nil {
		return err
	}
	defer src.Close()
	if err := s.to.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
		return err
	}
	linked := false
	if s.link {
		if linked, err = s.hardLink(src, f.Path); err != nil {
			return err
		}
	}
	if !linked {
		if err := s.copy(ctx, src, f); err != nil {
			return err
		}
	}
	staged, err := s.to.Open(f.Path)
	if err != nil {
		return err
	}
	defer staged.Close()
	info, err := staged.Stat()
	if err != nil {
		return err
	}
	if info.Size() != f.Size || info.ModTime().UnixNano() != f.MTimeNS {
		return ErrChanged
	}
	entry, err := entryOf(ctx, staged, f)
	if err != nil {
		return err
	}
	s.entries = append(s.entries, entry)
	s.result.Size += f.Size
	if linked {
		s.result.Linked++
	}
	return nil
}

// hardLink gives the open file another name. It returns false if the file has to be
// copied: it is on another file system, the kernel refuses the link
// (fs.protected_hardlinks in proc_sys_fs(5)), or another user can write the file.
func (s *staging) hardLink(src *os.File, name string) (bool, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(src.Fd()), &st); err != nil {
		return false, err
	}
	if st.Mode&0o022 != 0 || st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return false, nil
	}
	dir, err := s.to.Open(path.Dir(name))
	if err != nil {
		return false, err
	}
	defer dir.Close()
	// The name in PKGDIR may lead to another file by now.
	err = unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", src.Fd()), int(dir.Fd()), path.Base(name), unix.AT_SYMLINK_FOLLOW)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrExist):
		return false, err
	}
	return false, nil
}

// copy copies a file with its time, and the part of its mode that lets others read.
func (s *staging) copy(ctx context.Context, src *os.File, f File) (err error) {
	before, err := src.Stat()
	if err != nil {
		return err
	}
	dst, err := s.to.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	// Without a wrapper around the files the kernel copies, and shares blocks if it
	// can (copy_file_range(2)).
	for n := int64(1); n > 0; {
		if err := ctx.Err(); err != nil {
			return err
		}
		if n, err = io.CopyN(dst, src, 64<<20); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	after, err := src.Stat()
	if err != nil {
		return err
	}
	if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		return ErrChanged
	}
	if err := dst.Chmod(before.Mode() & 0o644); err != nil {
		return err
	}
	return s.to.Chtimes(f.Path, time.Time{}, before.ModTime())
}

// entryOf reads a staged file and returns its index entry.
func entryOf(ctx context.Context, staged *os.File, f File) (pkgindex.Entry, error) {
	p, err := binpkg.Read(staged, f.Size, binpkg.FormatOfName(f.Path))
	if err != nil {
		return pkgindex.Entry{}, err
	}
	if p.CPV() != f.CPV || p.BuildTime != f.BuildTime {
		return pkgindex.Entry{}, ErrChanged
	}
	md5sum, sha1sum := md5.New(), sha1.New()
	all := io.NewSectionReader(staged, 0, f.Size)
	for n := int64(1); n > 0; {
		if err := ctx.Err(); err != nil {
			return pkgindex.Entry{}, err
		}
		if n, err = io.CopyN(io.MultiWriter(md5sum, sha1sum), all, 64<<20); err != nil && !errors.Is(err, io.EOF) {
			return pkgindex.Entry{}, err
		}
	}
	e := pkgindex.Entry{}
	e.Fields = pkgindex.Fields{
		{Key: "CPV", Value: f.CPV},
		{Key: "PATH", Value: f.Path},
		{Key: "SIZE", Value: strconv.FormatInt(f.Size, 10)},
		{Key: "MTIME", Value: strconv.FormatInt(time.Unix(0, f.MTimeNS).Unix(), 10)},
		{Key: "MD5", Value: fmt.Sprintf("%x", md5sum.Sum(nil))},
		{Key: "SHA1", Value: fmt.Sprintf("%x", sha1sum.Sum(nil))},
		{Key: "BUILD_ID", Value: number(p.BuildID)},
		{Key: "BUILD_TIME", Value: number(p.BuildTime)},
		{Key: "BDEPEND", Value: p.BDepend},
		{Key: "CHOST", Value: p.CHost},
		{Key: "DEFINED_PHASES", Value: p.Phases},
		{Key: "DEPEND", Value: p.Depend},
		{Key: "EAPI", Value: p.EAPI},
		{Key: "IDEPEND", Value: p.IDepend},
		{Key: "IUSE", Value: p.IUse},
		{Key: "KEYWORDS", Value: p.Keywords},
		{Key: "LICENSE", Value: p.License},
		{Key: "PDEPEND", Value: p.PDepend},
		{Key: "PROPERTIES", Value: p.Properties},
		{Key: "PROVIDES", Value: p.Provides},
		{Key: "RDEPEND", Value: p.RDepend},
		{Key: "REPO", Value: p.Repository},
		{Key: "REQUIRES", Value: p.Requires},
		{Key: "RESTRICT", Value: p.Restrict},
		{Key: "SLOT", Value: p.Slot},
		{Key: "USE", Value: strings.Join(strings.Fields(p.Use), " ")},
	}
	return e, nil
}

// number returns "" for 0, which means that the metadata has no number.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
