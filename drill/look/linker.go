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

// linker searches libraries in one root as ld.so(8) does. It uses only the folders of
// ld.so.cache, which this glibc searches by default, and examines the files
// themselves.
type linker struct {
	root    *hostfs.Root
	folders []string // of ld.so.conf, of ld.so.cache, and the default ones
	idents  map[string]ident
	unread  func(path string, err error)
}

// ident identifies the programs that can load an ELF file. It is the zero value if a
// file is not ELF.
type ident struct {
	class   elf.Class
	machine elf.Machine
}

// object describes the libraries that an ELF file needs.
type object struct {
	ident
	needed  []string
	runpath []string // in the order of the search
}

// standardFolders are searched by default: by glibc (lib, lib64 and those of other
// ABIs, depending on the type of the program) and by musl (lib, usr/local/lib).
var standardFolders = []string{"/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib32", "/usr/lib32", "/libx32", "/usr/libx32", "/usr/local/lib"}

func newLinker(root *hostfs.Root, unread func(string, error)) *linker {
	l := &linker{root: root, idents: map[string]ident{}, unread: unread}
	l.include("/etc/ld.so.conf", 0)
	b, err := root.ReadFile("/etc/ld.so.cache", maxCache)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		unread("/etc/ld.so.cache", err)
	}
	cached, _ := ldconf.CacheFolders(b) // none if it has another format
	l.folders = append(append(l.folders, cached...), standardFolders...)
	return l
}

const (
	// maxCache is the maximum size of ld.so.cache in bytes.
	maxCache = 64 << 20
	// maxConf is the maximum size of a file of ld.so.conf in bytes.
	maxConf = 1 << 20
	// maxIncludes is the maximum depth of includes.
	maxIncludes = 10
)

// include adds the folders of a file and of the files that it includes.
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

// glob returns the files that match a pattern. Only its last part may have wildcards,
// as in ld.so.conf.
func (l *linker) glob(pattern string) (all []string) {
	names, err := l.root.Names(path.Dir(pattern))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.unread(path.Dir(pattern), err)
	}
	for _, name := range names {
		if ok, err := path.Match(path.Base(pattern), name); ok && err == nil {
			all = append(all, path.Join(path.Dir(pattern), name))
		}
	}
	return all
}

// read returns the needs of an ELF file. ok is false if the file is not ELF or is not
// loaded by the linker.
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

// expand replaces the tokens of a runpath (ld.so(8), dynamic string tokens). A
// relative path depends on the working directory and is dropped.
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

// find returns the path of a library that an object needs, or "".
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

// ident returns which programs can load a file.
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
		return id // for example a linker script of ld(1)
	}
	file, err := elf.NewFile(f)
	if err != nil {
		l.unread(name, err)
		return id
	}
	return ident{file.Class, file.Machine}
}

// isELF reports whether a file begins with the ELF magic.
func isELF(f io.ReaderAt) bool {
	head := make([]byte, len(elf.ELFMAG))
	n, _ := f.ReadAt(head, 0) // elf.NewFile reports read errors
	return string(head[:n]) == elf.ELFMAG
}
