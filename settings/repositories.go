package settings

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"emaudit/parse/makeconf"
)

// Repository is an ebuild repository of repos.conf.
type Repository struct {
	Name string
	// Location is its folder.
	Location string
	// Main is the repository on which the others rest, usually "gentoo".
	Main bool
	// Priority decides between repositories that hold the same version: the
	// higher wins.
	Priority int
	// Source is the file and line of the location.
	Source string
}

// mainPriority is that of the main repository if it states none
// (repository/config.py).
const mainPriority = -1000

// defaultReposConf is what counts where the root has no repos.conf of Portage's
// own (cnf/repos.conf).
const defaultReposConf = `[DEFAULT]
main-repo = gentoo
[gentoo]
location = %(EPREFIX)s/var/db/repos/gentoo
`

// readRepositories reads Portage's own repos.conf and, over it, that of the
// administrator. A repository whose folder does not exist is no repository.
func (s *Settings) readRepositories(environment map[string]string) []Repository {
	f := newIni(map[string]string{
		"EPREFIX": s.eprefix, "ROOT": s.target, "EROOT": s.inEROOT(""), "PORTAGE_CONFIGROOT": s.configRoot,
	})
	if text, ok := environment["PORTAGE_REPOSITORIES"]; ok {
		s.parseIni(f, "environment", []byte(text))
	} else {
		if !s.readIni(f, s.inEPREFIX("usr/share/portage/config/repos.conf")) {
			s.parseIni(f, builtInSource, []byte(defaultReposConf))
		}
		s.readIni(f, s.userConfig("repos.conf"))
	}

	var repositories []Repository
	main, _ := f.get(defaultSection, "main-repo")
	for _, name := range f.names {
		location, ok := f.get(name, "location")
		switch {
		case !ok || location.value == "":
			s.report(location.origin.File, "repository-missing", "repository %s: no location", name)
			continue
		case !s.isDir(location.value):
			// The one that is built in is a guess, nothing that is missing.
			if location.origin.File != builtInSource {
				s.report(location.origin.File, "repository-missing", "repository %s: no folder %s", name, location.value)
			}
			continue
		}
		r := Repository{
			Name: name, Location: path.Clean("/" + location.value),
			Main: name == main.value, Source: location.origin.String(),
		}
		if r.Main {
			r.Priority = mainPriority
		}
		if text, ok := f.get(name, "priority"); ok {
			if n, err := strconv.Atoi(text.value); err == nil {
				r.Priority = n
			}
		}
		repositories = append(repositories, r)
	}
	slices.SortFunc(repositories, func(a, b Repository) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
	return repositories
}

// Limits of a repos.conf or binrepos.conf that is a directory, against circular
// symlinks in it.
const (
	maxIniDepth = 16
	maxIniFiles = 1024
)

// readIni adds a file, or the files of a directory, and reports whether it was
// there.
func (s *Settings) readIni(f *ini, name string) bool {
	files := 0
	return s.readIniAt(f, name, 0, &files)
}

func (s *Settings) readIniAt(f *ini, name string, depth int, files *int) bool {
	if *files++; depth > maxIniDepth || *files > maxIniFiles {
		s.report(name, "directory-too-deep", "not read: more than %d folders deep or %d files", maxIniDepth, maxIniFiles)
		return true
	}
	names, err := hostFiles{root: s.root}.ReadDir(name)
	switch {
	case err == nil:
		for _, child := range names {
			if !strings.HasPrefix(child, ".") && !strings.HasSuffix(child, "~") && child != "CVS" {
				s.readIniAt(f, name+"/"+child, depth+1, files)
			}
		}
		return true
	case errors.Is(err, fs.ErrNotExist):
		return false
	case !errors.Is(err, syscall.ENOTDIR):
		s.report(name, "unreadable", "%v", err)
		return false
	}
	content, err := s.root.ReadFile(name, makeconf.MaxFileSize)
	if err != nil {
		s.report(name, "unreadable", "%v", err)
		return false
	}
	s.parseIni(f, name, content)
	return true
}

func (s *Settings) parseIni(f *ini, name string, content []byte) {
	f.parse(name, content, func(line int, message string) {
		s.reportAt(makeconf.Origin{File: name, Line: line}, "bad-line", "%s", message)
	})
}
