package packages

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/vdb"
	"emaudit/settings"
)

const (
	// maxContents is the largest accepted size of CONTENTS, in bytes. The largest,
	// of kernel sources, have about ten million.
	maxContents = 1 << 30

	// maxInstalledFile is the largest size of an installed file that is read for
	// comparison, in bytes.
	maxInstalledFile = 1 << 30
)

// Installation looks at the installed packages of a root and at their files, which
// the store does not keep. It looks at each folder once, and is not safe for
// concurrent use.
type Installation struct {
	root     *hostfs.Root
	settings *settings.Settings
	real     map[string]string // folder -> its path without symbolic links
}

// NewInstallation returns the installation of a root.
func NewInstallation(root *hostfs.Root, s *settings.Settings) *Installation {
	return &Installation{root: root, settings: s, real: map[string]string{}}
}

// Contents calls each with what an installed package owns. It reports whether all of
// CONTENTS was read.
func (i *Installation) Contents(cpv string, each func(vdb.ContentsEntry)) bool {
	return eachOwned(i.root, i.settings, cpv, func(e vdb.ContentsEntry) error {
		each(e)
		return nil
	})
}

// Changed reports whether a regular file differs from what its package installed,
// or is gone. known is false if it cannot be read.
func (i *Installation) Changed(e vdb.ContentsEntry) (changed, known bool) {
	sum, err := md5Of(i.root, e.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, true
	}
	return !strings.EqualFold(sum, e.MD5), err == nil
}

// Lstat returns the type and the mtime, in unix seconds, of the file at a path,
// without following a symbolic link at its end. The type is a folder, a symbolic
// link or anything else. found is false if nothing is seen there.
func (i *Installation) Lstat(name string) (mode fs.FileMode, mtime int64, found bool) {
	e, err := i.root.Lstat(name)
	if err != nil {
		return 0, 0, false
	}
	switch e.Kind {
	case hostfs.Directory:
		mode = fs.ModeDir
	case hostfs.Symlink:
		mode = fs.ModeSymlink
	}
	return mode, floorSecond(e.MTimeNS), true
}

// Real returns the path of a folder without symbolic links, or "" if there is no
// such folder.
func (i *Installation) Real(folder string) string {
	real, ok := i.real[folder]
	if !ok {
		if e, err := i.root.Stat(folder); err == nil && e.Kind == hostfs.Directory {
			real, _ = i.root.Realpath(folder) // "" if it was removed meanwhile
		}
		i.real[folder] = real
	}
	return real
}

// Names returns the names in a folder. ok is false if it cannot be read.
func (i *Installation) Names(folder string) (names []string, ok bool) {
	dir, err := i.root.OpenDir(folder)
	if err != nil {
		return nil, false
	}
	defer dir.Close()
	names, err = dir.Names()
	return names, err == nil
}

// eachOwned calls visit with each entry in the CONTENTS of an installed package. It
// reports whether all of CONTENTS was read.
func eachOwned(root *hostfs.Root, s *settings.Settings, cpv string, visit func(vdb.ContentsEntry) error) bool {
	f, err := root.OpenFile(path.Join(s.VDB(), cpv, "CONTENTS"), maxContents)
	if err != nil {
		// A package without files has no CONTENTS, or an empty one.
		entry, statErr := root.Stat(path.Join(s.VDB(), cpv))
		return errors.Is(err, fs.ErrNotExist) && statErr == nil && entry.Kind == hostfs.Directory
	}
	defer f.Close()
	diags, err := vdb.ReadContents(f, visit)
	return err == nil && len(diags) == 0
}

// md5Of returns the MD5 of a file in hexadecimal. CONTENTS has no other digest.
func md5Of(root *hostfs.Root, name string) (string, error) {
	f, err := root.OpenFile(name, maxInstalledFile)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := md5.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxInstalledFile)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
