package look

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
)

const (
	// maxContents is the maximum size of CONTENTS in bytes. The largest, of a kernel
	// source, have about ten million.
	maxContents = 1 << 30
	// maxFile is the maximum size of an installed file in bytes.
	maxFile = 8 << 30
)

// eachEntry calls visit for each entry in the CONTENTS of an installed package. It
// returns an error if part of it could not be read.
func (l *looker) eachEntry(root *hostfs.Root, cpv string, visit func(vdb.ContentsEntry)) error {
	name := path.Join(l.VDB, cpv, "CONTENTS")
	f, err := root.OpenFile(name, maxContents)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a package without files
	}
	if err != nil {
		return err
	}
	defer f.Close()
	diags, err := vdb.ReadContents(f, func(e vdb.ContentsEntry) error {
		visit(e)
		return l.ctx.Err()
	})
	if err == nil && len(diags) > 0 {
		err = errors.New(diags[0].Message)
	}
	return err
}

// changedFiles examines every file of the changed packages.
func (l *looker) changedFiles() {
	for _, cpv := range l.changed {
		err := l.eachEntry(l.After, cpv, func(e vdb.ContentsEntry) { l.file(cpv, e) })
		if err != nil {
			l.unread(path.Join(l.VDB, cpv, "CONTENTS"), err)
		}
	}
}

// file examines one file. config examines the content of protected files.
func (l *looker) file(cpv string, e vdb.ContentsEntry) {
	there, err := l.After.Lstat(e.Path)
	if err == nil && e.Kind == vdb.Directory && there.Kind == hostfs.Symlink {
		// An administrator may have moved the folder and left a link.
		there, err = l.After.Stat(e.Path)
	}
	protected := e.Kind == vdb.Regular && l.Protected(e.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if !protected && !l.linkOffered(cpv, e) {
			l.say(FileMissing, e.Path, false, "%s installed it", cpv)
		}
		return
	case err != nil:
		l.unread(e.Path, err)
		return
	case there.Kind != fileKinds[e.Kind] && !(e.Kind == vdb.Device && there.Kind == hostfs.BlockDevice):
		l.say(FileType, e.Path, false, "it is a %s, and %s installed a %s", there.Kind, cpv, fileKinds[e.Kind])
		return
	}
	switch e.Kind {
	case vdb.Symlink:
		target, err := l.After.Readlink(e.Path)
		switch {
		case err != nil:
			l.unread(e.Path, err)
		case strings.HasSuffix(target, "/image"+e.Target):
			// Portage writes the target without the folder of the image to CONTENTS, but
			// renames the link as it is if it can (lib/portage/util/movefile.py).
			l.say(FileTarget, e.Path, true, "%s has a link into the folder in which it was built: %s", cpv, target)
		case target != e.Target && !l.linkOffered(cpv, e):
			l.say(FileTarget, e.Path, false, "it leads to %s, and %s installed it as a link to %s", target, cpv, e.Target)
		}
	case vdb.Regular:
		sum, object, err := digest(l.After, e.Path)
		switch {
		case err != nil:
			l.unread(e.Path, err)
		case !strings.EqualFold(sum, e.MD5) && !protected:
			l.say(FileContent, e.Path, false, "its MD5 is %s, and %s installed it with %s", sum, cpv, e.MD5)
		}
		if err == nil && object {
			l.objects[cpv] = append(l.objects[cpv], e.Path)
		}
	}
}

// fileKinds maps the words of CONTENTS to file types.
var fileKinds = map[vdb.ContentsKind]hostfs.Kind{
	vdb.Directory: hostfs.Directory, vdb.Regular: hostfs.Regular, vdb.Symlink: hostfs.Symlink, vdb.FIFO: hostfs.FIFO, vdb.Device: hostfs.CharDevice,
}

// digest returns the MD5 of a file in hexadecimal, and whether it is an ELF file.
func digest(root *hostfs.Root, name string) (sum string, object bool, err error) {
	f, err := root.OpenFile(name, maxFile)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	// CONTENTS has no other digest than MD5.
	h := md5.New()
	if _, err := io.Copy(h, io.LimitReader(f, maxFile)); err != nil {
		return "", false, err
	}
	return hex.EncodeToString(h.Sum(nil)), isELF(f), nil
}

// realPath returns a path without symbolic links in its folder. A missing folder is
// resolved as far as it exists.
func (l *looker) realPath(name string) string {
	dir := path.Dir(name)
	real, ok := l.real[dir]
	if !ok {
		var err error
		if real, err = l.After.Realpath(dir); err != nil && dir != "/" {
			real = l.realPath(dir)
		}
		l.real[dir] = real
	}
	return path.Join(real, path.Base(name))
}
