package prune

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"sync"

	"golang.org/x/sys/unix"

	"emaudit/hostfs"
)

// Quarantine is the name of the folder below PKGDIR that holds the journals. Above
// PKGDIR the name only begins with it. Its files do not belong to PKGDIR's content.
const Quarantine = ".emaudit-quarantine"

// ErrUntrusted is the cause of an error if another user made or can change a
// quarantine, a journal or a symlink. prune then does nothing, because a journal
// decides what prune writes to PKGDIR.
var ErrUntrusted = errors.New("not to be trusted")

// euid is the effective user. prune trusts only this user and root.
func euid() uint32 { return uint32(os.Geteuid()) }

// othersRename reports whether another user than root and the effective user can
// rename files in a folder. If the folder has an ACL, its group bits are the mask of
// the ACL (acl(5)), so they cover it too.
func othersRename(e entry) bool {
	if e.UID != 0 && e.UID != euid() {
		return true
	}
	return e.Mode&0o022 != 0 && e.Mode&unix.S_ISVTX == 0
}

// ours returns an error unless the effective user alone can write to a folder or
// file of the quarantine. An unprivileged user obeys only what this user made, not
// what root made.
func ours(e entry) error {
	switch {
	case e.UID != euid():
		return fmt.Errorf("belongs to user %d, not to user %d: %w", e.UID, euid(), ErrUntrusted)
	case e.Mode&0o022 != 0:
		return fmt.Errorf("can be written by others (mode %04o): %w", e.Mode, ErrUntrusted)
	}
	return nil
}

// place is a folder in which a quarantine of PKGDIR may lie.
type place struct {
	in   folder
	name string // of the quarantine in it
	path string // of the quarantine, inside the root
	at   entry  // the folder
}

// places returns PKGDIR and the folders above it to which files can be renamed,
// the nearest first.
func (w way) places() ([]place, error) {
	self, err := w.last().stat(".")
	if err != nil {
		return nil, err
	}
	all := []place{{w.last(), Quarantine, path.Join(w.path(), Quarantine), self}}
	for i := len(w) - 2; i >= 0; i-- {
		at, err := w[i].dir.stat(".")
		if err != nil {
			return nil, err
		}
		if !at.sameMount(self) {
			break
		}
		rel := ""
		for _, s := range w[i+1:] {
			rel = path.Join(rel, s.name)
		}
		name := Quarantine + "." + url.PathEscape(rel)
		if len(name) <= unix.NAME_MAX {
			all = append(all, place{w[i].dir, name, path.Join(w[:i+1].path(), name), at})
		}
	}
	return all, nil
}

// choose returns the place for a new journal. That is PKGDIR, unless others can
// rename files there and a folder above it is safe.
func (p *PkgDir) choose() (chosen place, why string) {
	inside, above := p.places[0], p.places[1:]
	if !p.shared {
		return inside, "only its owner and root can rename what lies in PKGDIR"
	}
	if p.onlyInside {
		return inside, "others can write to PKGDIR, but no file can be moved to the folders above it"
	}
	for _, at := range above {
		if !othersRename(at.at) && at.in.writable() == nil {
			return at, "others can write to PKGDIR, but not to " + path.Dir(at.path)
		}
	}
	return inside, "others can write to PKGDIR, but no folder above it is on the same file system and closed to them"
}

// open opens the quarantine of a place and checks the open folder: the name may
// change before the open, but the open folder does not.
func (p place) open() (folder, error) {
	q, err := p.in.open(p.name)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		err = fmt.Errorf("is no folder: %w", ErrUntrusted)
	}
	if err != nil {
		return nil, err
	}
	e, err := q.stat(".")
	if err == nil {
		err = ours(e)
	}
	if err == nil && !e.sameMount(p.at) {
		err = ErrMountPoint
	}
	if err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

// ErrMountPoint is the cause of an error if no file can be renamed to and from a
// quarantine.
var ErrMountPoint = errors.New("is a mount point of its own, so that no file can be moved there or back; unmount it")

// make opens the quarantine of a place, and creates a missing one. Between the two
// steps, a user who can write to the place may put another folder of the effective
// user there, such as a folder of packages.
func (p place) make() (folder, error) {
	if err := p.in.mkdir(p.name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	q, err := p.open()
	if err != nil {
		return nil, err
	}
	names, err := q.names()
	for _, name := range names {
		if err == nil && !journalID().MatchString(name) {
			err = fmt.Errorf("holds %q, which is no journal: %w", name, ErrUntrusted)
		}
	}
	if err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

// remove removes the quarantine of a place if it is empty.
func (p place) remove() error {
	err := p.in.rmdir(p.name)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) || isStuck(err) {
		return nil // ENOTEMPTY is fs.ErrExist too.
	}
	return err
}

// journalID matches the names that newJournalID gives. prune treats nothing else in
// a quarantine as a journal, and removes nothing else.
var journalID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z(-[0-9]+)?$`) })

// eachQuarantine calls do with every quarantine and the journals in it. It opens
// all of them before the first call, so an untrusted one protects the others from
// any change.
func (p *PkgDir) eachQuarantine(do func(place, folder, []string) error) error {
	type found struct {
		place
		dir folder
		ids []string
	}
	var all []found
	defer func() {
		for _, f := range all {
			f.dir.close()
		}
	}()
	for _, at := range p.places {
		q, err := at.open()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return quarantineError(at, err)
		}
		names, err := q.names()
		f := found{at, q, nil}
		all = append(all, f)
		for _, name := range names {
			if err == nil && journalID().MatchString(name) {
				f.ids = append(f.ids, name)
				err = checkJournalFolder(q, name)
			}
		}
		all[len(all)-1] = f
		if err != nil {
			return quarantineError(at, err)
		}
	}
	for _, f := range all {
		if err := do(f.place, f.dir, f.ids); err != nil {
			return err
		}
	}
	return nil
}

// checkJournalFolder returns an error if a journal is untrusted. The quarantine
// belongs to the effective user alone, so nobody replaces the journal later.
func checkJournalFolder(quarantine folder, id string) error {
	e, err := quarantine.stat(id)
	if errors.Is(err, fs.ErrNotExist) || err == nil && e.Kind != hostfs.Directory {
		return nil
	}
	if err == nil {
		err = ours(e)
	}
	if err != nil {
		return fmt.Errorf("journal %s: %w", id, err)
	}
	return nil
}

// QuarantineError is the error of an unusable quarantine.
type QuarantineError struct {
	// Path is the quarantine, inside the root.
	Path string
	Err  error
}

// Error names the quarantine.
func (e *QuarantineError) Error() string { return e.Path + " " + e.Err.Error() }

// Unwrap returns the cause, which is [ErrUntrusted] among others.
func (e *QuarantineError) Unwrap() error { return e.Err }

func quarantineError(p place, err error) error { return &QuarantineError{Path: p.path, Err: err} }

// isStuck reports whether an error will come again until somebody changes
// something: an immutable file or folder, a security module, a mount.
func isStuck(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EACCES, unix.EROFS, unix.EXDEV, unix.EBUSY, unix.EISDIR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
