package look

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"emaudit/hostfs"
	"emaudit/parse/vdb"
)

// libraries checks whether the ELF files of the changed packages find their
// libraries, and also the files of other packages that need a library of theirs.
func (l *looker) libraries() {
	x := &libraryLook{looker: l, now: newLinker(l.After, l.unread), then: newLinker(l.Before, func(string, error) {}), users: map[string][]string{}}
	x.takePreserved()
	for _, cpv := range l.changed {
		x.own(cpv)
		for _, name := range l.objects[cpv] {
			x.object(cpv, name)
		}
	}
	sonames := x.changedSonames()
	for _, cpv := range slices.Sorted(maps.Keys(l.after)) {
		if l.isNew[cpv] || l.ctx.Err() != nil {
			continue
		}
		inPackage := false
		for _, e := range x.needed(l.After, cpv) {
			if slices.ContainsFunc(e.Needed, func(s string) bool { return sonames[s] }) {
				if !inPackage {
					x.own(cpv)
					inPackage = true
				}
				x.object(cpv, e.Path)
			}
		}
	}
	x.sayPreserved()
}

// libraryLook is the state of that check.
type libraryLook struct {
	*looker
	now, then *linker
	// names are the paths of the examined package, by base name.
	names map[string][]string
	// preserved are the libraries that Portage keeps. users are the files that find
	// one, by its path without symbolic links.
	preserved map[string]preserved
	users     map[string][]string
	bySoname  map[string][]string // installed packages, nil until asked for
}

type preserved struct {
	path, cpv string
	old       bool // it was already kept before the drill
}

// own records the files of a package: a program may load its own libraries from
// folders outside the search path of the linker.
func (x *libraryLook) own(cpv string) {
	x.names = map[string][]string{}
	// changedFiles and outside report unreadable files.
	_ = x.eachEntry(x.After, cpv, func(e vdb.ContentsEntry) {
		if e.Kind == vdb.Regular || e.Kind == vdb.Symlink {
			x.names[path.Base(e.Path)] = append(x.names[path.Base(e.Path)], e.Path)
		}
	})
}

// object searches the libraries that a file needs.
func (x *libraryLook) object(cpv, name string) {
	o, ok, err := x.now.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return // file or outside reports it
	}
	if err != nil {
		x.unread(name, err)
		return
	}
	if !ok {
		return
	}
	for _, soname := range o.needed {
		at := x.now.find(o, soname)
		if at == "" {
			at = x.ownLibrary(o, soname)
		}
		if at == "" {
			owner := x.lostBefore(o, soname)
			switch {
			case x.lackedBefore(name, soname):
				x.say(LibraryMissing, name, true, "%s needs %s and does not find it, and did not find it before the drill either", cpv, soname)
			case owner != "":
				x.say(LibraryMissing, name, true, "%s needs %s of %s, which was missing before the drill", cpv, soname, owner)
			default:
				x.say(LibraryMissing, name, false, "%s needs %s and does not find it", cpv, soname)
			}
			continue
		}
		if real, err := x.After.Realpath(at); err == nil {
			for _, found := range []string{real, x.realPath(at)} {
				if _, kept := x.preserved[found]; kept {
					x.users[found] = append(x.users[found], name)
					break
				}
			}
		}
	}
}

// ownLibrary returns a library of the same package, or "".
func (x *libraryLook) ownLibrary(o object, soname string) string {
	for _, name := range x.names[soname] {
		if x.now.ident(name) == o.ident {
			return name
		}
	}
	return ""
}

// lackedBefore reports whether the same library was already missing before the drill,
// for the file at the same path.
func (x *libraryLook) lackedBefore(name, soname string) bool {
	o, ok, err := x.then.read(name)
	return err == nil && ok && slices.Contains(o.needed, soname) && x.then.find(o, soname) == ""
}

// lostBefore returns the package that has a library although its file was already
// missing before the drill, or "". The plan did not change that package.
func (x *libraryLook) lostBefore(o object, soname string) string {
	for _, cpv := range x.owners()[soname] {
		if _, there := x.before[cpv]; there && !x.isNew[cpv] && x.then.find(o, soname) == "" {
			return cpv
		}
	}
	return ""
}

// owners returns the installed packages that have a library, by its soname.
func (x *libraryLook) owners() map[string][]string {
	if x.bySoname == nil {
		x.bySoname = map[string][]string{}
		for _, cpv := range slices.Sorted(maps.Keys(x.after)) {
			entries, _ := x.readNeeded(x.After, cpv) // libraries has reported errors
			for _, e := range entries {
				if e.Soname != "" {
					x.bySoname[e.Soname] = append(x.bySoname[e.Soname], cpv)
				}
			}
		}
	}
	return x.bySoname
}

// changedSonames returns the libraries of the changed packages, before and after.
func (x *libraryLook) changedSonames() map[string]bool {
	all := map[string]bool{}
	add := func(entries []vdb.NeededEntry) {
		for _, e := range entries {
			if e.Soname != "" {
				all[e.Soname] = true
			}
		}
	}
	for _, cpv := range x.changed {
		add(x.needed(x.After, cpv))
	}
	for cpv := range x.before {
		if _, there := x.after[cpv]; !there || x.isNew[cpv] {
			add(x.needed(x.Before, cpv))
		}
	}
	return all
}

// needed reads NEEDED.ELF.2 of a package, and reports what could not be read.
func (x *libraryLook) needed(root *hostfs.Root, cpv string) []vdb.NeededEntry {
	entries, err := x.readNeeded(root, cpv)
	if err != nil {
		x.unread(path.Join(x.VDB, cpv, "NEEDED.ELF.2"), err)
	}
	return entries
}

func (x *libraryLook) readNeeded(root *hostfs.Root, cpv string) ([]vdb.NeededEntry, error) {
	b, err := root.ReadFile(path.Join(x.VDB, cpv, "NEEDED.ELF.2"), vdb.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // a package without ELF files
	}
	entries, diags := vdb.ParseNeeded(b)
	if err == nil && len(diags) > 0 {
		err = errors.New(diags[0].Message)
	}
	return entries, err
}

// takePreserved reads which libraries Portage keeps.
func (x *libraryLook) takePreserved() {
	x.preserved = map[string]preserved{}
	before, _ := x.registry(x.Before)
	after, err := x.registry(x.After)
	if err != nil {
		x.unread(path.Join(x.State, "preserved_libs_registry"), err)
	}
	for name, cpv := range after {
		_, old := before[name]
		x.preserved[x.realPath(name)] = preserved{name, cpv, old}
	}
}

func (x *libraryLook) registry(root *hostfs.Root) (map[string]string, error) {
	all := map[string]string{}
	b, err := root.ReadFile(path.Join(x.State, "preserved_libs_registry"), vdb.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	}
	libs, diags := vdb.ParsePreservedLibs(b)
	if err == nil && len(diags) > 0 {
		err = errors.New(diags[0].Message)
	}
	for _, lib := range libs {
		for _, name := range lib.Paths {
			all[name] = lib.CPV
		}
	}
	return all, err
}

// sayPreserved reports the libraries that Portage keeps, with one of the files that
// find them.
func (x *libraryLook) sayPreserved() {
	for _, real := range slices.Sorted(maps.Keys(x.preserved)) {
		p := x.preserved[real]
		if users := x.users[real]; len(users) > 0 {
			x.say(LibraryPreserved, p.path, p.old, "Portage keeps it, first registered by %s; %s needs it", p.cpv, users[0])
			continue
		}
		x.say(LibraryPreserved, p.path, p.old, "Portage keeps it, first registered by %s", p.cpv)
	}
}
