// Package stage fills a new folder with binary packages and an index, so that
// Portage can use it as a PKGDIR that holds these packages and no other.
//
// It writes only in the folder that it makes. Copies leave PKGDIR as it is. On file
// systems that can share blocks between files (Btrfs, XFS) a copy takes no room. A
// hard link ([Options].Link) takes no room on any file system, but changes the
// number of names and the ctime of the file in PKGDIR, and whoever writes to one
// name writes to both. Portage itself replaces a file or breaks the link first
// (xpak.py, recompose).
package stage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
	"emaudit/parse/pkgindex"
)

// Errors of a folder that packages are not staged in.
var (
	ErrExists = errors.New("exists already; name a new folder")
	ErrInside = errors.New("is inside a PKGDIR; name a folder outside")
)

// File is one binary package as it was judged.
type File struct {
	PkgDir    string // inside the root
	Path      string // relative to PkgDir, and to the new folder
	CPV       string // of its metadata
	BuildTime int64  // unix seconds; 0 means unknown
	Size      int64  // bytes
	MTimeNS   int64  // unix nanoseconds
}

// Options say how files are staged.
type Options struct {
	PkgDirs []string // of the host, inside the root; the first gives the header of the index
	Now     int64    // unix seconds
	Link    bool     // make hard links where that is possible and safe
}

// Result counts what was staged.
type Result struct {
	Linked int   // files that are hard links
	Size   int64 // of all files, in bytes
}

// Make makes the folder dir, an absolute path of the running system, and stages the
// files in it. All of them are staged or none: if Make fails, or ctx ends, it
// removes the folder. Only the user can read the folder until it is complete. Then
// all users can, if they can reach the PKGDIRs.
//
// The error wraps [ErrExists], [ErrInside] or a [*hostfs.UntrustedError] if dir is
// refused.
func Make(ctx context.Context, root *hostfs.Root, dir string, files []File, o Options) (_ Result, err error) {
	above, name := filepath.Split(filepath.Clean(dir))
	if os.Geteuid() == 0 {
		if err := hostfs.Trusted(above, false); err != nil {
			return Result{}, err
		}
	}
	parent, err := os.OpenRoot(above)
	if err != nil {
		return Result{}, err
	}
	defer parent.Close()
	if err := checkOutside(root, above, o.PkgDirs); err != nil {
		return Result{}, fmt.Errorf("%s: %w", dir, err)
	}
	if err := parent.Mkdir(name, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%s: %w", dir, ErrExists)
		}
		return Result{}, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, parent.RemoveAll(name))
		}
	}()
	to, err := parent.OpenRoot(name)
	if err != nil {
		return Result{}, err
	}
	defer to.Close()
	s := &staging{root: root, to: to, link: o.Link}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return Result{}, err
		}
		if err := s.add(ctx, f); err != nil {
			return Result{}, fmt.Errorf("%s: %w", path.Join(f.PkgDir, f.Path), err)
		}
	}
	if err := s.writeIndex(o); err != nil {
		return Result{}, err
	}
	mode := fs.FileMode(0o755)
	for _, f := range files {
		if !isPublic(root, f.PkgDir) {
			mode = 0o700
		}
	}
	return s.result, to.Chmod(".", mode)
}

// checkOutside returns an error if a folder is a PKGDIR or inside one. It compares
// folders, not paths: a PKGDIR can have several paths.
func checkOutside(root *hostfs.Root, folder string, pkgdirs []string) error {
	inside := map[[2]uint64]bool{}
	for _, p := range pkgdirs {
		d, err := root.OpenDir(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		dev, inode := d.ID()
		inside[[2]uint64{dev, inode}] = true
		if err := d.Close(); err != nil {
			return err
		}
	}
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	for at := real; ; at = filepath.Dir(at) {
		var st unix.Stat_t
		if err := unix.Stat(at, &st); err != nil {
			return &fs.PathError{Op: "stat", Path: at, Err: err}
		}
		if inside[[2]uint64{uint64(st.Dev), st.Ino}] {
			return ErrInside
		}
		if at == "/" {
			return nil
		}
	}
}

// isPublic reports whether every user can reach a PKGDIR. It returns false if that
// is unknown.
func isPublic(root *hostfs.Root, pkgdir string) bool {
	real, err := root.Realpath(pkgdir)
	if err != nil {
		return false
	}
	for at := real; ; at = path.Dir(at) {
		if e, err := root.Stat(at); err != nil || e.Mode&0o001 == 0 {
			return false
		}
		if at == "/" {
			break
		}
	}
	for at := root.Name(); at != "/"; at = filepath.Dir(at) {
		if info, err := os.Stat(at); err != nil || info.Mode()&0o001 == 0 {
			return false
		}
	}
	return true
}

// staging is a folder that is being filled.
type staging struct {
	root    *hostfs.Root
	to      *os.Root
	link    bool
	entries []pkgindex.Entry
	result  Result
}

// writeIndex writes Packages, with the header of the host's index.
func (s *staging) writeIndex(o Options) error {
	index := pkgindex.Index{Header: pkgindex.Fields{{Key: "VERSION", Value: "0"}}, Entries: s.entries}
	if len(o.PkgDirs) > 0 {
		text, err := s.root.ReadFile(path.Join(o.PkgDirs[0], "Packages"), pkgindex.MaxSize)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if host, _ := pkgindex.Parse(text); err == nil && host.Refused == "" {
			index.Header = host.Header
			// They say where the files of the host's index can be fetched.
			index.Header.Set("BASE_URI", "")
			index.Header.Set("PKGINDEX_URI", "")
		}
	}
	index.Header.Set("TIMESTAMP", strconv.FormatInt(o.Now, 10))
	index.Header.Set("PACKAGES", strconv.Itoa(len(s.entries)))
	if err := s.write("Packages", o.Now, func(w io.Writer) error { return pkgindex.Write(w, &index) }); err != nil {
		return err
	}
	// With this feature Portage misses the compressed index (emaint --check binhost);
	// without it Portage would not keep it up to date.
	if !slices.Contains(strings.Fields(index.Header.Get("FEATURES")), "compress-index") {
		return nil
	}
	return s.write("Packages.gz", o.Now, func(w io.Writer) error { return pkgindex.WriteGzip(w, &index) })
}

// write makes a file of the index. Portage gives it the time of the index.
func (s *staging) write(name string, now int64, content func(io.Writer) error) error {
	f, err := s.to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(content(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return s.to.Chtimes(name, time.Unix(now, 0), time.Unix(now, 0))
}
