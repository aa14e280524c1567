package settings

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"emaudit/parse/makeconf"
)

// PackageSet is a set of packages. emerge refers to it by a name with an at sign
// (portage/_sets/__init__.py).
type PackageSet struct {
	// Name is the name without the at sign.
	Name string
	// Source is the file and line of the definition.
	Source string
	// Members are the members in the definition itself.
	Members []string
	// Files list further members, one on each line. They include files that do not
	// exist, which are empty.
	Files []SetFile
	// Profile selects members from the files "packages" of the profile.
	Profile ProfileSet
	// Unknown says why only Portage can determine the members. It is "" if the
	// fields above are complete.
	Unknown string
}

// SetFile is a file with members.
type SetFile struct {
	Path string
	// Atoms and Sets say which members a line may hold.
	Atoms, Sets bool
}

// ProfileSet selects lines of the files "packages".
type ProfileSet uint8

// The sets of the profile (PMS 5.2.6, portage/_sets/ProfilePackageSet.py).
const (
	NoProfileSet ProfileSet = iota
	SystemSet               // the lines with an asterisk
	ProfileOnly             // the other lines, in profiles of the format profile-set
)

// defaultSets replaces Portage's own definitions (cnf/sets/portage.conf) if the
// root has none. It holds the sets whose members are determined by files.
const defaultSets = `[world]
class = portage.sets.base.DummyPackageSet
packages = @profile @selected @system
[profile]
class = portage.sets.ProfilePackageSet.ProfilePackageSet
[selected]
class = portage.sets.files.WorldSelectedSet
[selected-packages]
class = portage.sets.files.WorldSelectedPackagesSet
[selected-sets]
class = portage.sets.files.WorldSelectedSetsSet
[system]
class = portage.sets.profiles.PackagesSystemSet
[usersets]
class = portage.sets.files.StaticFileSet
multiset = true
directory = %(PORTAGE_CONFIGROOT)setc/portage/sets
`

// SetsConfs returns the files and folders that define sets, in ascending
// precedence. Some may not exist.
func (s *Settings) SetsConfs() []string {
	all := []string{s.inEPREFIX("usr/share/portage/config/sets")}
	for _, r := range s.repositories {
		all = append(all, path.Join(r.Location, "sets.conf"))
	}
	return append(all, s.userConfig("sets.conf"))
}

// PackageSets returns the defined sets. Like Portage, it omits a set with an
// invalid definition, which is in Diagnostics.
func (s *Settings) PackageSets() []PackageSet { return slices.Clone(s.packageSets) }

func (s *Settings) findPackageSets() {
	f := newIni(s.iniDefaults())
	for i, name := range s.SetsConfs() {
		if !s.readIni(f, name) && i == 0 {
			s.parseIni(f, builtInSource, []byte(defaultSets))
		}
	}
	for _, section := range f.names {
		b := setBuilder{Settings: s, ini: f, section: section}
		sets, problem := b.build()
		if problem != "" {
			s.reportAt(b.origin(), "set-invalid", "set %s: %s", section, problem)
		}
		s.packageSets = append(s.packageSets, sets...)
	}
}

// setBuilder builds the sets of one section.
type setBuilder struct {
	*Settings
	ini     *ini
	section string
}

func (b *setBuilder) option(name string) string {
	o, _ := b.ini.get(b.section, name)
	return o.value
}

// origin returns the first line of the section with an option.
func (b *setBuilder) origin() makeconf.Origin {
	first := makeconf.Origin{}
	for _, o := range b.ini.sections[b.section] {
		if first.File == "" || o.origin.File == first.File && o.origin.Line < first.Line {
			first = o.origin
		}
	}
	return first
}

func (b *setBuilder) build() (sets []PackageSet, problem string) {
	class := cmp.Or(b.option("class"), "files.StaticFileSet")
	for _, prefix := range []string{"portage.sets.", "portage._sets."} {
		class = strings.TrimPrefix(class, prefix)
	}
	multi := isTrue(b.option("multiset"))
	set := PackageSet{Name: cmp.Or(b.option("name"), b.section), Source: b.origin().String()}
	world := SetFile{Path: b.WorldFile(), Atoms: true}
	worldSets := SetFile{Path: b.WorldSetsFile(), Sets: true}
	switch class {
	case "files.StaticFileSet":
		if multi {
			return b.folder()
		}
		name, ok := b.inRepository(b.option("filename"))
		if !ok || name == "" {
			return nil, "no filename, or one in a repository that does not exist"
		}
		set.Files = []SetFile{{Path: name, Atoms: true, Sets: true}}
	case "base.DummyPackageSet":
		set.Members = strings.Fields(b.option("packages"))
	case "files.WorldSelectedSet":
		set.Files = []SetFile{world, worldSets}
	case "files.WorldSelectedPackagesSet":
		set.Files = []SetFile{world}
	case "files.WorldSelectedSetsSet":
		set.Files = []SetFile{worldSets}
	case "profiles.PackagesSystemSet":
		set.Profile = SystemSet
	case "ProfilePackageSet.ProfilePackageSet":
		set.Profile = ProfileOnly
	default:
		set.Unknown = "Portage computes its members (" + class + ")"
	}
	if isTrue(b.option("greedy")) {
		set.Unknown = greedySet
	}
	return []PackageSet{set}, ""
}

// folder builds a set for each file below a folder (files.py, multiBuilder).
func (b *setBuilder) folder() (sets []PackageSet, problem string) {
	dir, ok := b.inRepository(cmp.Or(b.option("directory"), b.userConfig("sets")))
	if !ok {
		return nil, "its folder is in a repository that does not exist"
	}
	pattern := cmp.Or(b.option("name_pattern"), "${name}")
	if !strings.Contains(pattern, "$name") && !strings.Contains(pattern, "${name}") {
		return nil, "name_pattern has no ${name}"
	}
	files, _ := b.filesOf(path.Clean("/" + dir))
	for _, file := range files {
		name := strings.TrimPrefix(strings.TrimPrefix(file, path.Clean("/"+dir)), "/")
		if name == "" || strings.HasSuffix(name, ".metadata") {
			continue
		}
		set := PackageSet{
			Name: strings.NewReplacer("${name}", name, "$name", name).Replace(pattern), Source: b.origin().String(),
			Files: []SetFile{{Path: file, Atoms: true, Sets: true}},
		}
		if isTrue(b.option("greedy")) {
			set.Unknown = greedySet
		}
		sets = append(sets, set)
	}
	return sets, ""
}

// greedySet says why the members of a greedy set are unknown.
const greedySet = "it is greedy: Portage adds the slots of each member that are installed"

// inRepository resolves "${repository:NAME}" in a path. ok is false if the
// repository does not exist.
func (b *setBuilder) inRepository(name string) (string, bool) {
	before, rest, found := strings.Cut(name, "${repository:")
	if !found {
		return name, true
	}
	repo, after, _ := strings.Cut(rest, "}")
	location, ok := b.repositoryOf(repo, "")
	return before + location + after, ok && repo != ""
}

// isTrue reports whether text switches an option on (_sets/__init__.py,
// get_boolean).
func isTrue(text string) bool {
	return slices.Contains([]string{"1", "yes", "on", "true"}, strings.ToLower(text))
}
