package look

import (
	"debug/elf"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/ldconf"
)

// linker looks for libraries as ld.so(8) does, in one root. Of ld.so.cache it takes
// the folders alone, which are those that this glibc searches without being told, and
// looks at the files themselves.
type linker struct {
	root    *hostfs.Root
	folders []string // of ld.so.conf and ld.so.cache, and those that every linker knows
	idents  map[string]ident
	unread  func(path string, err error)
}

// ident says for which programs an ELF file can be loaded. It is the zero value for
// what is no ELF file.
type ident struct {
	class   elf.Class
	machine elf.Machine
}

// object is what an ELF file says of the libraries that it needs.
type object struct {
	ident
	needed  []string
	runpath []string // in the order in which they are searched
}

// standardFolders are searched without being named: by glibc (lib, lib64 and those
// of other ABIs, by the type of the program) and by musl (lib, usr/local/lib).
var standardFolders = []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib32", "/usr/lib32", "/libx32", "/usr/libx32", "/usr/local/lib"}

func newLinker(root *hostfs.Root, unread func(string, error)) *linker {
	l := &linker{root: root, idents: map[string]ident{}, unread: unread}
	l.include("/etc/ld.so.conf", 0)
	b, err := root.ReadFile("/etc/ld.so.cache", maxCache)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		unread("/etc/ld.so.cache", err)
	}
	cached, _ := ldconf.CacheFolders(b) // one of another form has none
	l.folders = append(append(l.folders, cached...), standardFolders...)
	return l
}

const (
	// maxCache is the size in bytes up to which ld.so.cache is read.
	maxCache = 64 << 20
	// maxConf is the size in bytes up to which a file of ld.so.conf is read.
	maxConf = 1 << 20
	// maxIncludes is how deep they may include each other.
	maxIncludes = 10
)

// include adds the folders of a file, and of those that it includes.
func (l *linker) include(name string, depth int) {
	b, err := l.root.ReadFile(name, maxConf)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return
	case err != nil:
		l.unread(name, err)
		return
	case depth > maxIncludes:
		l.unread(name, errors.New("files of ld.so.conf include each other"))
		return
	}
	for _, line := range ldconf.Parse(b) {
		if line.Include == "" {
			l.folders = append(l.folders, line.Folder)
			continue
		}
		pattern := line.Include
		if !path.IsAbs(pattern) {
			pattern = path.Join(path.Dir(name), pattern)
		}
		for _, match := range l.glob(pattern) {
			l.include(match, depth+1)
		}
	}
}

// glob returns the files of a pattern whose last part alone has wildcards, which is
// all that ld.so.conf uses.
func (l *linker) glob(pattern string) (all []string) {
	dir, err := l.root.OpenDir(path.Dir(pattern))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			l.unread(path.Dir(pattern), err)
		}
		return nil
	}
	defer dir.Close()
	names, err := dir.Names()
	if err != nil {
		l.unread(path.Dir(pattern), err)
	}
	for _, name := range names {
		if ok, err := path.Match(path.Base(pattern), name); ok && err == nil {
			all = append(all, path.Join(path.Dir(pattern), name))
		}
	}
	return all
}

// read returns what an ELF file needs. ok is false for what is none, or is not loaded
// by the linker.
func (l *linker) read(name string) (o object, ok bool, err error) {
	f, err := l.root.OpenFile(name, maxFile)
	if err != nil {
		return o, false, err
	}
	defer f.Close()
	if !isELF(f) {
		return o, false, nil
	}
	file, err := elf.NewFile(f)
	if err != nil {
		return o, false, err
	}
	if file.Type != elf.ET_EXEC && file.Type != elf.ET_DYN {
		return o, false, nil
	}
	o.ident = ident{file.Class, file.Machine}
	dynamic := slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_DYNAMIC })
	if dynamic && file.SectionByType(elf.SHT_DYNAMIC) == nil {
		return o, true, errors.New("ELF file without section headers: what it needs is not known")
	}
	if o.needed, err = file.DynString(elf.DT_NEEDED); err != nil {
		return o, true, err
	}
	paths, err := file.DynString(elf.DT_RUNPATH)
	if err == nil && len(paths) == 0 {
		// DT_RUNPATH makes the linker ignore DT_RPATH.
		paths, err = file.DynString(elf.DT_RPATH)
	}
	for _, list := range paths {
		for folder := range strings.SplitSeq(list, ":") {
			o.runpath = append(o.runpath, expand(folder, path.Dir(name), file.Class)...)
		}
	}
	return o, true, err
}

// expand replaces the words that a runpath may have (ld.so(8), dynamic string
// tokens). A relative one depends on who starts the program, and leads nowhere.
func expand(folder, origin string, class elf.Class) []string {
	replace := func(s, word, by string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, "${"+word+"}", by), "$"+word, by)
	}
	folder = replace(folder, "ORIGIN", origin)
	libs := []string{"lib64", "lib"}
	if class == elf.ELFCLASS32 {
		libs = []string{"lib32", "lib"}
	}
	var all []string
	for _, lib := range libs {
		one := path.Clean(replace(folder, "LIB", lib))
		if path.IsAbs(one) && !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// find returns the path of a library that an object needs, "" where there is none.
func (l *linker) find(o object, soname string) string {
	if strings.Contains(soname, "/") {
		if l.ident(soname) == o.ident {
			return soname
		}
		return ""
	}
	for _, folders := range [][]string{o.runpath, l.folders} {
		for _, folder := range folders {
			if name := path.Join(folder, soname); l.ident(name) == o.ident {
				return name
			}
		}
	}
	return ""
}

// ident reads for which programs a file can be loaded.
func (l *linker) ident(name string) (id ident) {
	id, ok := l.idents[name]
	if ok {
		return id
	}
	defer func() { l.idents[name] = id }()
	f, err := l.root.OpenFile(name, maxFile)
	if err != nil {
		var kind *hostfs.KindError
		if !errors.Is(err, fs.ErrNotExist) && !errors.As(err, &kind) {
			l.unread(name, err)
		}
		return id
	}
	defer f.Close()
	if !isELF(f) {
		return id // a script of ld(1), for instance
	}
	file, err := elf.NewFile(f)
	if err != nil {
		l.unread(name, err)
		return id
	}
	return ident{file.Class, file.Machine}
}

// isELF reports whether a file begins as an ELF file does.
func isELF(f io.ReaderAt) bool {
	head := make([]byte, len(elf.ELFMAG))
	n, _ := f.ReadAt(head, 0) // what cannot be read, elf.NewFile would say
	return string(head[:n]) == elf.ELFMAG
}
