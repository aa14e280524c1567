package settings

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"emaudit/parse/makeconf"
)

// Repository is an ebuild repository of repos.conf.
type Repository struct {
	Name string
	// Location is the folder of the repository.
	Location string
	// Main reports that this is the main repository, usually "gentoo".
	Main bool
	// Priority decides between repositories with the same version. The highest
	// wins.
	Priority int
	// SyncType says how Portage updates it, such as git or rsync. It is empty if
	// Portage does not.
	SyncType string
	// Source is the file and line that set the location.
	Source string
}

// mainPriority is the default priority of the main repository
// (repository/config.py).
const mainPriority = -1000

// defaultReposConf replaces Portage's own repos.conf (cnf/repos.conf) if the root
// has none.
const defaultReposConf = `[DEFAULT]
main-repo = gentoo
[gentoo]
location = %(EPREFIX)s/var/db/repos/gentoo
`

// section is a section of repos.conf before validation.
type section struct {
	name, location, source string
	syncType               string
	priority               *int // nil if not set
	aliases                []string
	builtIn                bool
}

// readRepositories reads Portage's own repos.conf and then the administrator's,
// which overrides it. It adds the repositories in PORTDIR and PORTDIR_OVERLAY, and
// drops repositories whose folder does not exist. It returns PORTDIR and
// PORTDIR_OVERLAY as Portage sets them afterwards.
func (s *Settings) readRepositories(globals layer, environment map[string]string) (portdir, overlays value) {
	f := newIni(s.iniDefaults())
	_, given := environment["PORTAGE_REPOSITORIES"]
	if given {
		s.parseIni(f, "environment", []byte(environment["PORTAGE_REPOSITORIES"]))
	} else {
		if !s.readIni(f, s.inEPREFIX("usr/share/portage/config/repos.conf")) {
			s.parseIni(f, builtInSource, []byte(defaultReposConf))
		}
		s.readIni(f, s.userConfig("repos.conf"))
		for _, l := range []layer{globals, s.earlyConf, layerOf(environment)} {
			if v, ok := l["PORTDIR"]; ok {
				portdir = v
			}
			if v, ok := l["PORTDIR_OVERLAY"]; ok {
				overlays = v
			}
		}
	}
	var sections []section
	for _, name := range f.names {
		location, _ := f.get(name, "location")
		c := section{name: name, location: location.value, source: location.origin.String(), builtIn: location.origin.File == builtInSource}
		if text, ok := f.get(name, "priority"); ok {
			if n, err := strconv.Atoi(text.value); err == nil {
				c.priority = &n
			}
		}
		aliases, _ := f.get(name, "aliases")
		c.aliases = strings.Fields(aliases.value)
		syncType, _ := f.get(name, "sync-type")
		c.syncType = syncType.value
		sections = append(sections, c)
	}
	mainName, _ := f.get(defaultSection, "main-repo")
	sections = s.withOverlays(sections, mainName.value, portdir, overlays)
	main, location := s.keepRepositories(sections, mainName.value, portdir.text)
	if main != "" {
		portdir = location
	}
	return portdir, s.overlayList(portdir.text)
}

// layerOf returns the environment as a layer.
func layerOf(environment map[string]string) layer {
	l := layer{}
	for name, text := range environment {
		l[name] = value{text, "environment"}
	}
	return l
}

// withOverlays adds the repositories in PORTDIR and PORTDIR_OVERLAY to those in
// repos.conf (RepoConfigLoader, _add_repositories). If repos.conf has the same
// repository, its priority counts.
func (s *Settings) withOverlays(sections []section, mainName string, portdir, overlays value) []section {
	type overlay struct {
		value
		main bool
	}
	var all []overlay
	if portdir.text != "" {
		all = append(all, overlay{portdir, true})
	}
	for text := range strings.FieldsSeq(overlays.text) {
		all = append(all, overlay{value{strings.Trim(text, `"'`), overlays.source}, false})
	}
	priority := 0
	for _, o := range all {
		if !s.isDir(o.text) && !o.main {
			s.report(o.source, "repository-missing", "PORTDIR_OVERLAY: no folder %s", o.text)
			continue
		}
		fallback := ""
		if o.main {
			fallback = mainName
		}
		c := section{name: s.repositoryName(o.text, fallback), location: o.text, source: o.source}
		i := slices.IndexFunc(sections, func(have section) bool { return have.name == c.name })
		if i < 0 {
			i, sections = len(sections), append(sections, section{})
		}
		c.syncType = sections[i].syncType
		if c.priority, c.aliases = sections[i].priority, sections[i].aliases; c.priority == nil && !o.main {
			n := priority
			c.priority = &n
			priority++
		}
		sections[i] = c
	}
	return sections
}

// keepRepositories sets the repositories to the sections that Portage accepts. It
// returns the name and location of the main repository.
func (s *Settings) keepRepositories(sections []section, mainName, portdir string) (main string, location value) {
	for _, c := range sections {
		switch {
		case c.location == "":
			s.report(c.source, "repository-missing", "repository %s: no location", c.name)
			continue
		case !s.isDir(c.location):
			// The built-in section is only a guess, so nothing is missing.
			if !c.builtIn {
				s.report(c.source, "repository-missing", "repository %s: no folder %s", c.name, c.location)
			}
			// Portage keeps it, so that the first sync can create it.
			if c.name == "gentoo" && c.name == mainName {
				main, location = c.name, value{path.Clean("/" + c.location), c.source}
			}
			continue
		}
		if own := s.repositoryName(c.location, c.name); own != c.name && !slices.Contains(c.aliases, c.name) && !slices.Contains(s.layout(c.location).aliases, c.name) {
			s.report(c.source, "repository-missing", "repository %s: the folder %s is repository %s: Portage leaves it out", c.name, c.location, own)
			continue
		}
		r := Repository{Name: c.name, Location: path.Clean("/" + c.location), SyncType: c.syncType, Source: c.source}
		if c.priority != nil {
			r.Priority = *c.priority
		}
		r.Main = r.Name == mainName
		s.repositories = append(s.repositories, r)
	}
	isMain := func(r Repository) bool { return r.Main }
	if main == "" && !slices.ContainsFunc(s.repositories, isMain) && portdir != "" {
		for i := range s.repositories {
			s.repositories[i].Main = s.sameFile(s.repositories[i].Location, portdir)
		}
	}
	if i := slices.IndexFunc(s.repositories, isMain); i >= 0 {
		r := &s.repositories[i]
		if !slices.ContainsFunc(sections, func(c section) bool { return c.name == r.Name && c.priority != nil }) {
			r.Priority = mainPriority
		}
		main, location = r.Name, value{r.Location, r.Source}
	}
	slices.SortFunc(s.repositories, func(a, b Repository) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
	})
	return main, location
}

// overlayList returns PORTDIR_OVERLAY as Portage sets it for compatibility.
func (s *Settings) overlayList(portdir string) value {
	var texts, sources []string
	for i, r := range s.repositories {
		if i > 0 || r.Location != portdir {
			texts, sources = append(texts, r.Location), append(sources, r.Source)
		}
	}
	return value{strings.Join(texts, " "), strings.Join(sources, ", ")}
}

// repositoryName returns the name in profiles/repo_name, or fallback if there is
// none.
func (s *Settings) repositoryName(location, fallback string) string {
	return cmp.Or(s.layout(location).name, s.firstLine(path.Join(location, "profiles/repo_name")), fallback, "x-"+path.Base(location))
}

func (s *Settings) parseIni(f *ini, name string, content []byte) {
	f.parse(name, content, func(line int, message string) {
		s.reportAt(makeconf.Origin{File: name, Line: line}, "bad-line", "%s", message)
	})
}

// readIni adds a file, or the files of a folder. It reports whether name exists.
func (s *Settings) readIni(f *ini, name string) bool {
	files, there := s.filesOf(name)
	for _, file := range files {
		content, err := s.root.ReadFile(file, makeconf.MaxFileSize)
		if err != nil {
			s.report(file, "unreadable", "%v", err)
			continue
		}
		s.parseIni(f, file, content)
	}
	return there
}

// iniDefaults returns the options that repos.conf, binrepos.conf and sets.conf may
// refer to.
func (s *Settings) iniDefaults() map[string]string {
	return map[string]string{
		"EPREFIX": s.eprefix, "EROOT": withSlash(s.inEROOT("")), "PORTAGE_CONFIGROOT": withSlash(s.configRoot), "ROOT": withSlash(s.target),
	}
}
