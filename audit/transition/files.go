package transition

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"emaudit/parse/binpkg"
	"emaudit/parse/makeconf"
	"emaudit/parse/vdb"
)

// Kind is the type of the file at a path of a root.
type Kind uint8

// The kinds. To Portage, a device, a FIFO or a socket is a File.
const (
	Missing Kind = iota
	File
	Folder
	Link
)

// Node describes the file at a path of a root. If the path ends in a symbolic link, it
// describes the link.
type Node struct {
	Kind  Kind
	MTime int64 // unix seconds
}

// Disk looks at a root as if chrooted into it.
type Disk interface {
	// Lstat returns the type and the mtime, in unix seconds, of the file at a path. It
	// does not follow a final symbolic link. found is false if there is no file.
	Lstat(path string) (mode fs.FileMode, mtime int64, found bool)
	// Real returns the path of a folder without symbolic links, or "" if there is no
	// such folder.
	Real(folder string) string
	// Names returns the names in a folder. ok is false if it cannot be read.
	Names(folder string) (names []string, ok bool)
}

// At describes the file at a path of a disk.
func At(d Disk, path string) Node {
	mode, mtime, found := d.Lstat(path)
	switch {
	case !found:
		return Node{}
	case mode.IsDir():
		return Node{Folder, mtime}
	case mode&fs.ModeSymlink != 0:
		return Node{Link, mtime}
	}
	return Node{File, mtime}
}

// wanted is a path that a package would install and that exists already.
type wanted struct {
	change *Change
	name   binpkg.ImageName
	at     string // without symbolic links, if the disk is known
	node   Node
	// clash reports that the existing file has another type. Portage moves it out of
	// the way or refuses to replace it (vartree.py, mergeme; PMS 13.4).
	clash  bool
	owners []*Member
}

// files compares the images to merge with the disk and with the files that packages
// own. It adds to p.Early what must be unmerged first. It returns the conflicts that
// have no solution.
func (h *Host) files(p *Plan, merges []*Change) (all []blame) {
	if h.Contents == nil {
		return nil
	}
	if h.owned == nil {
		h.owned = &ownedFiles{h: h, real: map[string]string{}}
	}
	found := h.scan(p.Changes)
	for _, m := range found.unread {
		p.Doubts = append(p.Doubts, Doubt{Kind: CodeContentsUnread, CPV: m.CPV()})
	}
	for _, c := range merges {
		if !c.ImageKnown {
			p.Doubts = append(p.Doubts, Doubt{Kind: ImageUnread, CPV: c.To.CPV()})
			continue
		}
		if found.empty[c] {
			p.Early[c] = c.To.CPV() + " installs no files"
		}
		for _, w := range found.wanted[c] {
			if b := h.collide(p, w); b != nil {
				all = append(all, *b)
			}
		}
	}
	all = append(all, h.ownedTwice(p)...)
	h.give(p)
	return all
}

// give handles files that move from one package to another. The package that gives a
// file up must change first. It gets a command of its own if the state between both
// commands is sound. Otherwise it is unmerged first.
func (h *Host) give(p *Plan) {
	var first, second []*Change
	ring := false
	for _, c := range p.Merges[0] {
		if p.givers[c] == nil {
			second = append(second, c)
		} else {
			first = append(first, c)
		}
	}
	for _, ws := range p.givers {
		for _, w := range ws {
			ring = ring || p.givers[w.change] != nil
		}
	}
	switch {
	case len(first) == 0:
	case !ring && len(second) > 0 && len(p.Early) == 0 && len(h.unsound(h.carry(first))) == 0:
		p.Merges = [][]*Change{first, second}
	default:
		for _, c := range first {
			w := p.givers[c][0]
			p.Early[c] = w.change.To.CPV() + " takes " + w.name.Path
		}
	}
}

// want returns the paths of an image that are not free.
func (h *Host) want(c *Change) (all []*wanted) {
	folders := map[string]bool{}
	for _, n := range c.Image {
		if n.Kind == binpkg.ImageFolder {
			folders[n.Path] = true
		}
	}
	for _, n := range c.Image {
		w := &wanted{change: c, name: n, at: n.Path}
		if h.Disk == nil {
			if n.Kind != binpkg.ImageFolder {
				all = append(all, w)
			}
			continue
		}
		dir := path.Dir(n.Path)
		real := h.Disk.Real(dir)
		if real == "" {
			// The folder does not exist, or another file has its name. The entry
			// of the folder reports that.
			continue
		}
		w.at = path.Join(real, path.Base(n.Path))
		w.node = At(h.Disk, w.at)
		switch {
		case w.node.Kind == Missing:
			continue
		case n.Kind == binpkg.ImageFolder:
			w.clash = w.node.Kind == File || w.node.Kind == Link && h.Disk.Real(w.at) == ""
			if !w.clash {
				continue
			}
		default:
			w.clash = w.node.Kind == Folder
		}
		all = append(all, w)
	}
	return all
}

// scan holds the results of a search for conflicts in the files of some changes.
type scan struct {
	wanted map[*Change][]*wanted
	// empty are the packages without files that would replace a package with files.
	// Portage refuses that (PORTAGE_PACKAGE_EMPTY_ABORT in make.globals), unless the
	// other package is unmerged first.
	empty  map[*Change]bool
	unread []*Member
}

// scan finds the existing files at the paths that some changes install, and their
// owners. It runs once for the changes of a plan.
//
// Portage compares folders by device and inode, not by name (vartree.py, isowner), so
// a file has one owner under all its names.
func (h *Host) scan(changes []*Change) *scan {
	if h.scanned != nil && slices.Equal(h.scannedOf, changes) {
		return h.scanned
	}
	s := &scan{wanted: map[*Change][]*wanted{}, empty: map[*Change]bool{}}
	byName := map[string][]*wanted{}
	for _, c := range changes {
		if c.To == nil || !c.ImageKnown {
			continue
		}
		list := h.want(c)
		if c.From != nil {
			// A package may overwrite files of the package that it replaces.
			own, any := map[string]bool{}, false
			ok := h.Contents(c.From, func(e vdb.ContentsEntry) {
				any = true
				if e.Kind != vdb.Directory {
					own[h.owned.at(e.Path)] = true
				}
			})
			if !ok {
				s.unread = append(s.unread, c.From)
			}
			s.empty[c] = any && !slices.ContainsFunc(c.Image, func(n binpkg.ImageName) bool { return n.Kind != binpkg.ImageFolder })
			list = slices.DeleteFunc(list, func(w *wanted) bool { return !w.clash && own[w.at] })
		}
		s.wanted[c] = list
		for _, w := range list {
			byName[path.Base(w.name.Path)] = append(byName[path.Base(w.name.Path)], w)
		}
	}
	if len(byName) > 0 {
		for _, m := range h.Now.members {
			ok := h.Contents(m, func(e vdb.ContentsEntry) {
				for _, w := range byName[path.Base(e.Path)] {
					if (e.Kind != vdb.Directory || w.clash) && h.owned.at(e.Path) == w.at && !slices.Contains(w.owners, m) {
						w.owners = append(w.owners, m)
					}
				}
			})
			if !ok && !slices.Contains(s.unread, m) {
				s.unread = append(s.unread, m)
			}
		}
	}
	h.scanned, h.scannedOf = s, slices.Clone(changes)
	return s
}

// collide decides what a wanted path means for the plan.
func (h *Host) collide(p *Plan, w *wanted) *blame {
	if w.clash {
		return h.clash(p, w)
	}
	if h.ignored(w.name.Path) {
		return nil
	}
	protected := h.Protected(w.name.Path)
	for _, m := range w.owners {
		c := changeFrom(p, m)
		switch {
		case c == w.change || c != nil && p.Early[c] != "":
		case protected:
		case !h.Features["protect-owned"] && !h.Features["collision-protect"]:
			p.Overwritten[w.change] = append(p.Overwritten[w.change], w.name.Path)
		case c == nil:
			return &blame{Break{CPV: w.change.To.CPV(), Kind: "file-collision", Detail: w.name.Path + ": " + m.CPV() + " owns it and stays, and Portage does not overwrite what another package owns"}, []*Change{w.change}}
		case c.To == nil:
			p.Early[c] = w.change.To.CPV() + " takes " + w.name.Path
		default:
			p.givers[c] = append(p.givers[c], w)
		}
	}
	if len(w.owners) > 0 || protected || h.Disk == nil {
		return nil
	}
	if h.Features["collision-protect"] {
		return &blame{Break{CPV: w.change.To.CPV(), Kind: "file-collision", Detail: w.name.Path + ": no package owns it, and FEATURES=collision-protect lets none overwrite it"}, []*Change{w.change}}
	}
	p.Overwritten[w.change] = append(p.Overwritten[w.change], w.name.Path)
	return nil
}

// clash handles an existing file of another type. It must be gone before the merge.
// That is possible if the packages that own all of it are unmerged first.
func (h *Host) clash(p *Plan, w *wanted) *blame {
	owners := map[*Change]bool{}
	if !h.owned.goes(p, w.at, owners) {
		kind := map[Kind]string{File: "a file", Folder: "a folder", Link: "a symbolic link"}[w.node.Kind]
		what := map[binpkg.ImageKind]string{binpkg.ImageFile: "a file", binpkg.ImageFolder: "a folder", binpkg.ImageSymlink: "a symbolic link"}[w.name.Kind]
		return &blame{Break{CPV: w.change.To.CPV(), Kind: "file-type", Detail: w.name.Path + " is " + kind + " that does not go, and the package has " + what + " there"}, []*Change{w.change}}
	}
	for c := range owners {
		if p.Early[c] == "" {
			p.Early[c] = w.change.To.CPV() + " has something else at " + w.name.Path
		}
	}
	return nil
}

// ownedTwice finds the paths that two of the merged packages install. The second would
// overwrite a file of the first.
func (h *Host) ownedTwice(p *Plan) (all []blame) {
	type place struct{ dir, base string }
	if !h.Features["protect-owned"] && !h.Features["collision-protect"] {
		return nil
	}
	first := map[place]*Change{}
	for _, c := range p.Merges[0] {
		for _, n := range c.Image {
			if n.Kind == binpkg.ImageFolder {
				continue
			}
			dir := path.Dir(n.Path)
			if h.Disk != nil {
				if real := h.Disk.Real(dir); real != "" {
					dir = real
				}
			}
			at := place{dir, path.Base(n.Path)}
			other := first[at]
			first[at] = c
			if other == c {
				p.Doubts = append(p.Doubts, Doubt{CodeImageNames, c.To.CPV(), n.Path})
			}
			if other != nil && other != c && !h.ignored(n.Path) && !h.Protected(n.Path) {
				all = append(all, blame{Break{CPV: c.To.CPV(), Kind: "file-collision", Detail: n.Path + ": " + other.To.CPV() + " has it, too"}, []*Change{c}})
				first[at] = other
			}
		}
	}
	return all
}

// changeFrom returns the active change that removes or replaces a package.
func changeFrom(p *Plan, m *Member) *Change {
	for _, c := range p.active {
		if c.From == m {
			return c
		}
	}
	return nil
}

// ignored reports whether COLLISION_IGNORE matches a path.
func (h *Host) ignored(name string) bool {
	return slices.ContainsFunc(h.CollisionIgnore, func(pattern string) bool {
		if h.Disk != nil && At(h.Disk, pattern).Kind == Folder {
			return strings.HasPrefix(name, strings.TrimSuffix(pattern, "/")+"/")
		}
		return fnmatch(pattern, name)
	})
}

// fnmatch matches like Python's fnmatch, whose asterisk also matches a slash.
func fnmatch(pattern, name string) bool {
	// path.Match does not let an asterisk match a slash.
	ok, err := path.Match(strings.ReplaceAll(pattern, "/", "\x01"), strings.ReplaceAll(name, "/", "\x01"))
	return err == nil && ok
}

// Protected reports whether CONFIG_PROTECT protects a path from being overwritten.
func (h *Host) Protected(name string) bool {
	if !h.protectionRead {
		h.protectionRead = true
		for _, w := range h.Protect {
			if w = path.Clean("/" + w); h.Disk == nil || h.Disk.Real(path.Dir(w)) != "" {
				h.protect = append(h.protect, w)
			}
		}
		for _, w := range h.ProtectMask {
			if w = path.Clean("/" + w); h.Disk == nil || At(h.Disk, w).Kind != Missing {
				h.protectMask = append(h.protectMask, w)
			}
		}
	}
	return makeconf.Protected(name, h.protect, h.protectMask)
}

// ownedFiles caches facts about the disk and the owners of files.
type ownedFiles struct {
	h    *Host
	real map[string]string
	// owners are the entries of CONTENTS of all packages, by path. It is nil until
	// first needed.
	owners map[string][]ownedEntry
}

type ownedEntry struct {
	m     *Member
	entry vdb.ContentsEntry
}

// at returns a path whose folder has no symbolic links.
func (o *ownedFiles) at(name string) string {
	if o.h.Disk == nil {
		return name
	}
	dir := path.Dir(name)
	real, ok := o.real[dir]
	if !ok {
		real = o.h.Disk.Real(dir)
		o.real[dir] = real
	}
	if real == "" {
		return name
	}
	return path.Join(real, path.Base(name))
}

// goes reports whether unmerging some packages removes the file at a path. It adds
// the changes that unmerge them. Portage removes a file that is as it was merged, and
// then a folder that is empty (vartree.py, _unmerge_pkgfiles).
func (o *ownedFiles) goes(p *Plan, at string, changes map[*Change]bool) bool {
	if o.owners == nil {
		o.owners = map[string][]ownedEntry{}
		for _, m := range o.h.Now.members {
			// scan reports CONTENTS that cannot be read.
			_ = o.h.Contents(m, func(e vdb.ContentsEntry) {
				name := o.at(e.Path)
				o.owners[name] = append(o.owners[name], ownedEntry{m, e})
			})
		}
	}
	node := At(o.h.Disk, at)
	owners := o.owners[at]
	if node.Kind == Folder {
		names, ok := o.h.Disk.Names(at)
		if !ok {
			return false
		}
		for _, name := range names {
			if !o.goes(p, path.Join(at, name), changes) {
				return false
			}
		}
	}
	for _, x := range owners {
		c := changeFrom(p, x.m)
		unchanged := x.entry.Kind == vdb.Directory && node.Kind == Folder || x.entry.Kind != vdb.Directory && x.entry.MTime == node.MTime
		if c == nil || !unchanged {
			return false
		}
		changes[c] = true
	}
	return len(owners) > 0
}
