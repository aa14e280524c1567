package config

import (
	"path"
	"slices"
	"strings"

	"emaudit/parse/atom"
	"emaudit/parse/makeconf"
	"emaudit/parse/userconf"
	"emaudit/settings"
	"emaudit/store"
	"emaudit/store/config"
)

// lineKinds are the lists whose lines are stored separately, unchanged.
var lineKinds = []config.Kind{
	config.Mask, config.Unmask, config.AcceptKeywords, config.Keywords, config.License,
	config.Properties, config.Restrict, config.Use, config.Env,
}

// derivedKinds are lines that result from several lists together.
var derivedKinds = []config.Kind{config.LineSet, config.LineSetUnknown, config.LineProvided}

// packageSets adds the files that define package sets, and the files with their
// members.
func (s *configScan) packageSets() {
	for _, name := range s.Settings.SetsConfs() {
		s.list(config.File{Kind: config.SetsConf, Path: name, Layer: config.LayerUser}, 0)
	}
	s.sets = s.Settings.PackageSets()
	for _, set := range s.sets {
		for _, f := range set.Files {
			if f.Atoms && f.Sets { // world and world_sets have their own kind
				s.list(config.File{Kind: config.Sets, Path: f.Path, Layer: config.LayerUser}, 0)
			}
		}
	}
}

// setAtoms is the syntax of atoms in sets (_sets/files.py, StaticFileSet).
var setAtoms = atom.Syntax{Repo: true}

// isMember reports whether a line of a set begins with a member. Portage ignores
// other lines.
func isMember(f settings.SetFile, word string) bool {
	if strings.HasPrefix(word, "@") {
		return f.Sets
	}
	_, err := setAtoms.ParseAtom(word)
	return f.Atoms && err == nil
}

// membersOnly blanks the lines that are not members of a set. A definition can name
// any file, and the database must not disclose its content.
func membersOnly(content []byte) []byte {
	var kept []byte
	for line := range strings.Lines(string(content)) {
		if words := strings.Fields(line); len(words) > 0 && isMember(settings.SetFile{Atoms: true, Sets: true}, words[0]) {
			kept = append(kept, words[0]...)
		}
		kept = append(kept, '\n')
	}
	return kept
}

// lineMaker creates the stored lines from the stored lists.
type lineMaker struct {
	*configScan
	files map[config.Kind][]config.File // in the order in which Portage reads them
	lines []config.Line
}

// storeLines stores the lines of the lists.
func (s *configScan) storeLines(tx *store.Tx) error {
	m := lineMaker{configScan: s, files: map[config.Kind][]config.File{}}
	files, err := config.Files(tx, s.ID, slices.Concat(lineKinds, []config.Kind{
		config.Packages, config.Provided, config.World, config.WorldSets, config.Sets,
	})...)
	if err != nil {
		return err
	}
	written := map[string]int64{}
	for _, f := range files {
		if f.Layer != config.LayerRepository { // lines of repositories change with every sync, and git keeps their history
			m.files[f.Kind] = append(m.files[f.Kind], f)
			written[f.Path] = f.MTimeNS
		}
	}
	for _, kind := range lineKinds {
		m.addUnchanged(kind)
	}
	for _, set := range s.sets {
		m.set(set)
	}
	m.provided()
	_, err = config.PutLines(tx, s.ID, slices.Concat(lineKinds, derivedKinds), m.lines, func(origin string) int64 {
		file, _, _ := cutLast(origin, ":")
		return s.changeTime(s.lastRead, written[file])
	})
	return err
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func originOf(f *config.File, l userconf.Line) string {
	return makeconf.Origin{File: f.Path, Line: l.Number}.String()
}

// addUnchanged adds the lines of a list unchanged.
func (m *lineMaker) addUnchanged(kind config.Kind) {
	for i := range m.files[kind] {
		f := &m.files[kind][i]
		for _, l := range userconf.ParseLines(f.Content) {
			m.lines = append(m.lines, config.Line{
				Kind: kind, Layer: f.Layer, Subject: l.Words[0], Value: strings.Join(l.Words[1:], " "), Origin: originOf(f, l),
			})
		}
	}
}

// set adds a set with its members.
func (m *lineMaker) set(set settings.PackageSet) {
	add := func(kind config.Kind, layer, value, origin string) {
		m.lines = append(m.lines, config.Line{Kind: kind, Layer: layer, Subject: set.Name, Value: value, Origin: origin})
	}
	if set.Unknown != "" {
		add(config.LineSetUnknown, config.LayerUser, set.Unknown, set.Source)
		return
	}
	add(config.LineSet, config.LayerUser, "", set.Source)
	for _, member := range set.Members {
		add(config.LineSet, config.LayerUser, member, set.Source)
	}
	for _, list := range set.Files {
		for _, kind := range []config.Kind{config.World, config.WorldSets, config.Sets} {
			for i := range m.files[kind] {
				f := &m.files[kind][i]
				if f.Path != list.Path && !strings.HasPrefix(f.Path, list.Path+"/") {
					continue
				}
				for _, l := range userconf.ParseLines(f.Content) {
					if isMember(list, l.Words[0]) {
						add(config.LineSet, f.Layer, l.Words[0], originOf(f, l))
					}
				}
			}
		}
	}
	for _, l := range m.profilePackages(set.Profile) {
		add(config.LineSet, config.LayerProfile, l.text, l.origin)
	}
}

// stackedLine is a line of a profile that a later line may remove.
type stackedLine struct{ text, origin string }

// stacked combines lists of a profile: "-x" removes x, and "-*" removes all
// previous lines (util/__init__.py, stack_lists). It ignores lines for which take
// returns false, including their removals.
func (m *lineMaker) stacked(kind config.Kind, take func(p settings.Profile, text string) bool) []stackedLine {
	var all []stackedLine
	for _, p := range m.Settings.Profiles() {
		name := path.Join(p.Dir, string(kind))
		for i := range m.files[kind] {
			f := &m.files[kind][i]
			if f.Path != name && !(p.AllowsFolders() && strings.HasPrefix(f.Path, name+"/")) {
				continue
			}
			for _, l := range userconf.ParseLines(f.Content) {
				text := strings.Join(l.Words, " ")
				if !take(p, text) {
					continue
				}
				taken, remove := strings.CutPrefix(text, "-")
				all = slices.DeleteFunc(all, func(have stackedLine) bool {
					return have.text == text || remove && (have.text == taken || taken == "*")
				})
				if !remove {
					all = append(all, stackedLine{text, originOf(f, l)})
				}
			}
		}
	}
	return all
}

// profilePackages returns the members of a set that come from the profile.
func (m *lineMaker) profilePackages(set settings.ProfileSet) []stackedLine {
	if set == settings.NoProfileSet {
		return nil
	}
	var all []stackedLine
	for _, l := range m.stacked(config.Packages, func(p settings.Profile, text string) bool {
		_, err := p.AtomSyntax().ParseAtom(strings.TrimPrefix(strings.TrimPrefix(text, "-"), "*"))
		return (err == nil || text == "-*") && (set == settings.SystemSet || slices.Contains(p.Formats, "profile-set"))
	}) {
		if text, system := strings.CutPrefix(l.text, "*"); system == (set == settings.SystemSet) {
			all = append(all, stackedLine{text, l.origin})
		}
	}
	return all
}

// provided adds the packages that Portage assumes to be installed (config.py,
// pprovideddict).
func (m *lineMaker) provided() {
	for _, l := range m.stacked(config.Provided, func(p settings.Profile, _ string) bool { return p.AllowsProvided() }) {
		if _, err := atom.ParseCPV(l.text); err == nil {
			m.lines = append(m.lines, config.Line{Kind: config.LineProvided, Layer: config.LayerProfile, Subject: l.text, Origin: l.origin})
		}
	}
}
