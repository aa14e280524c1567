package settings

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
)

// PkgDirKind is the purpose of a folder of binary packages.
type PkgDirKind string

// The kinds of folders with binary packages.
const (
	// PKGDIR is the folder that Portage builds binary packages into. Only this kind
	// has a Packages index of its own.
	PKGDIR PkgDirKind = "pkgdir"
	// Binhost holds binary packages that Portage fetched from a binary repository:
	// /var/cache/binhost/NAME since 3.0.77, or the location in binrepos.conf.
	Binhost PkgDirKind = "binhost"
	// Extra is a folder that only a command line flag names.
	Extra PkgDirKind = "extra"
)

// PkgDirFlag is the source of a folder from the command line.
const PkgDirFlag = "--pkgdir"

// PkgDir is one folder of binary packages.
type PkgDir struct {
	// Path is absolute and clean, but may contain symlinks.
	Path string
	Kind PkgDirKind
	// Source is the place that names the folder: a source as in [Setting], or the
	// folder that contains it.
	Source string
}

// findPkgDirs finds all folders that may hold binary packages: PKGDIR, even if it
// does not exist, the folders in flags, and the folders of binary repositories.
func (s *Settings) findPkgDirs(opts Options) {
	if pkgdir, _ := s.Lookup("PKGDIR"); pkgdir.Value != "" {
		s.addPkgDir(PkgDir{pkgdir.Value, PKGDIR, pkgdir.Source})
	}
	for i, extra := range opts.PkgDirs {
		if i > 0 {
			s.addPkgDir(PkgDir{extra, Extra, PkgDirFlag})
		}
	}

	f := s.binrepos()
	for _, name := range f.names {
		if location, ok := f.get(name, "location"); ok && s.isDir(location.value) {
			s.addPkgDir(PkgDir{location.value, Binhost, location.origin.String()})
		}
	}

	binhosts := s.inEPREFIX("var/cache/binhost")
	dir, err := s.root.OpenDir(binhosts)
	if err != nil {
		return
	}
	defer dir.Close()
	entries, err := dir.Entries()
	if err != nil {
		s.report(binhosts, "unreadable", "%v", err)
		return
	}
	for _, e := range entries {
		if e.Kind == hostfs.Directory || e.Kind == hostfs.Symlink && s.isDir(path.Join(binhosts, e.Name)) {
			s.addPkgDir(PkgDir{path.Join(binhosts, e.Name), Binhost, binhosts})
		}
	}
}

// addPkgDir adds a folder unless the list has it, under any name.
func (s *Settings) addPkgDir(dir PkgDir) {
	dir.Path = path.Clean("/" + dir.Path)
	for _, known := range s.pkgDirs {
		if known.Path == dir.Path || s.sameFile(known.Path, dir.Path) {
			return
		}
	}
	s.pkgDirs = append(s.pkgDirs, dir)
}

func (s *Settings) sameFile(a, b string) bool {
	x, errX := s.root.Stat(a)
	y, errY := s.root.Stat(b)
	return errX == nil && errY == nil && x.Dev == y.Dev && x.Inode == y.Inode
}

// PkgDirs returns the folders that may hold binary packages, PKGDIR first. PKGDIR
// may not exist; the other folders exist.
func (s *Settings) PkgDirs() []PkgDir { return slices.Clone(s.pkgDirs) }

// EPREFIX returns the path of a Gentoo Prefix, or "" without one.
func (s *Settings) EPREFIX() string { return s.eprefix }

// EROOT returns ROOT and EPREFIX combined: the folder below which packages are
// installed, usually "/".
func (s *Settings) EROOT() string { return s.inEROOT("") }

// VDB returns the path of the database of installed packages.
func (s *Settings) VDB() string { return s.vdb }

// EmergeLog returns the path of emerge.log. It is below EPREFIX, not below ROOT
// (_emerge/actions.py).
func (s *Settings) EmergeLog() string { return s.emergeLog }

// LogDir returns PORTAGE_LOGDIR, the folder of build logs. It is "" if unset; then
// only failed builds leave a log, in BuildDir.
func (s *Settings) LogDir() string {
	if dir := s.Get("PORTAGE_LOGDIR"); dir != "" {
		return path.Clean("/" + dir)
	}
	return ""
}

// ElogDir returns the folder of elog messages and summary.log. It exists even if
// PORTAGE_LOGDIR is unset (elog/mod_save_summary.py).
func (s *Settings) ElogDir() string {
	return path.Join(cmp.Or(s.LogDir(), s.inEPREFIX("var/log/portage")), "elog")
}

// BuildDir returns the folder in which packages are built. A failed build leaves
// its log there.
func (s *Settings) BuildDir() string {
	return path.Join("/", cmp.Or(s.Get("PORTAGE_TMPDIR"), s.inEPREFIX("var/tmp")), "portage")
}

// LogFileSep returns the separator in the names of build logs, by default ":"
// (prepare_build_dirs.py).
func (s *Settings) LogFileSep() string { return cmp.Or(s.Get("PORTAGE_LOG_FILE_SEP"), ":") }

// WorldFile returns the path of the list of packages that the administrator
// selected.
func (s *Settings) WorldFile() string { return s.inEROOT("var/lib/portage/world") }

// WorldSetsFile returns the path of the list of sets that the administrator
// selected.
func (s *Settings) WorldSetsFile() string { return s.inEROOT("var/lib/portage/world_sets") }

// PreservedLibsFile returns the path of the registry of preserved libraries.
func (s *Settings) PreservedLibsFile() string {
	return s.inEROOT("var/lib/portage/preserved_libs_registry")
}

// UserConfigDir returns the folder of the administrator's configuration, usually
// /etc/portage.
func (s *Settings) UserConfigDir() string { return s.userConfig("") }

// MakeConf returns the path of the administrator's make.conf.
func (s *Settings) MakeConf() string { return s.userConfig("make.conf") }

func (s *Settings) userConfig(name string) string {
	return path.Join(s.configRoot, "etc/portage", name)
}

func (s *Settings) inEPREFIX(name string) string {
	return path.Join("/", s.eprefix, strings.TrimLeft(name, "/"))
}

func (s *Settings) inEROOT(name string) string { return path.Join("/", s.target, s.eprefix, name) }
