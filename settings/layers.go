package settings

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse"
	"emaudit/parse/makeconf"
)

// maxDiagnostics bounds the diagnostics of files full of garbage.
const maxDiagnostics = 1000

// unset is the source of a variable that no layer sets.
const unset = "unset"

// layer is one level of the precedence and the variables that it sets.
type layer map[string]value

// value is the value of a variable in one layer.
type value struct {
	text string
	// source is the place of the value, or several separated by commas if they
	// accumulate.
	source string
}

// hostFiles implements makeconf.Files for the root.
type hostFiles struct {
	root *hostfs.Root
	read *[]string // receives the paths of read files; may be nil
}

func (h hostFiles) ReadFile(name string, limit int64) ([]byte, error) {
	content, err := h.root.ReadFile(name, limit)
	if err == nil && h.read != nil {
		*h.read = append(*h.read, name)
	}
	return content, err
}

func (h hostFiles) ReadDir(name string) ([]string, error) {
	return h.root.Names(name)
}

// readEarly reads ROOT, PORTDIR and PORTDIR_OVERLAY from make.conf, because the
// location of all other files depends on them. Like Portage, it reads make.conf
// without the variables of other files.
func (s *Settings) readEarly() {
	s.earlyConf = layer{}
	p := makeconf.NewParser(hostFiles{root: s.root}, nil)
	for _, name := range s.makeConfs() {
		vars, err := p.MakeConf(name)
		if err != nil {
			continue // the second reading reports it
		}
		for _, v := range vars {
			s.earlyConf[v.Name] = value{v.Value, v.Origin.String()}
		}
	}
}

// makeConfs returns the two paths of make.conf, or one if they are the same file.
func (s *Settings) makeConfs() []string {
	old, current := path.Join(s.configRoot, "etc/make.conf"), s.userConfig("make.conf")
	if s.sameFile(old, current) {
		return []string{current}
	}
	return []string{old, current}
}

// readLayers reads all layers. The order is such that each layer sees the variables
// that Portage makes visible to it.
func (s *Settings) readLayers(environment map[string]string) {
	p := makeconf.NewParser(hostFiles{s.root, &s.filesRead}, map[string]string{
		"BROOT": s.eprefix, "EPREFIX": s.eprefix,
		"ROOT": withSlash(s.target), "EROOT": withSlash(s.inEROOT("")),
		"SYSROOT": "/", "ESYSROOT": withSlash(s.eprefix),
		"PORTAGE_CONFIGROOT": withSlash(s.configRoot),
	})

	envD := layer{}
	s.merge(envD, s.inEROOT("etc/profile.env"), p.ProfileEnv)
	for name, v := range envD {
		p.Know(name, v.text)
	}

	globals := layer{}
	if !s.merge(globals, s.inEPREFIX("usr/share/portage/config/make.globals"), p.Defaults) {
		globals = builtIn(s.eprefix)
		for name, v := range globals {
			p.Know(name, v.text)
		}
	}
	for name, text := range defaultGlobals {
		if _, ok := globals[name]; !ok {
			globals[name] = value{text, builtInSource}
		}
	}

	portdir, overlays := s.readRepositories(globals, environment)
	p.Know("PORTDIR", portdir.text)
	p.Know("PORTDIR_OVERLAY", overlays.text)
	s.findProfiles()
	defaults := layer{}
	for _, profile := range s.profiles {
		// USE="${USE} x" in a make.defaults must not repeat the flags of the
		// parent, so Portage unsets USE (config.py, "Prevent accidents").
		p.Forget("USE")
		own := layer{}
		s.merge(own, path.Join(profile.Dir, "make.defaults"), p.Defaults)
		stack(defaults, own)
	}

	conf := layer{}
	for _, name := range s.makeConfs() {
		s.merge(conf, name, p.MakeConf)
	}
	env := layerOf(environment)
	env["PORTDIR"], env["PORTDIR_OVERLAY"] = portdir, overlays
	profileOnly := makeconf.Stack(defaults["PROFILE_ONLY_VARIABLES"].text)
	for _, name := range profileOnly {
		delete(conf, name)
		// Portage fails to remove the other variables from the environment.
		if makeconf.IsIncremental(name) {
			delete(env, name)
		}
	}
	for name := range conf {
		if strings.HasPrefix(name, "__") { // variables private to make.conf
			delete(conf, name)
		}
	}

	s.addGlobalLines(conf, p, profileOnly)

	s.layers = []layer{envD, globals, defaults, conf, env}
	s.diagnostics = append(s.diagnostics, p.Diagnostics()...)
}

// merge reads a file or folder into a layer, with later files overriding earlier
// ones. It reports whether name exists. Unreadable files become diagnostics.
func (s *Settings) merge(into layer, name string, read func(string) (map[string]makeconf.Variable, error)) bool {
	vars, err := read(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.report(name, "unreadable", "%v", err)
		}
		return false
	}
	for _, v := range vars {
		into[v.Name] = value{v.Value, v.Origin.String()}
	}
	return true
}

// stack adds the make.defaults own to those of its parents in below.
func stack(below, own layer) {
	for name, v := range own {
		if parent, ok := below[name]; ok && makeconf.IsIncremental(name) {
			v = value{parent.text + " " + v.text, parent.source + ", " + v.source}
		}
		below[name] = v
	}
}

// Lookup returns a variable with its source. ok is false if no layer sets it. As in
// Portage, an empty value counts as set.
func (s *Settings) Lookup(name string) (Setting, bool) {
	if text, ok := s.overrides[name]; ok {
		return Setting{name, text, s.flags[name]}, true
	}
	setting, ok := s.fromPlaces(name)
	if !ok && name == "PORTAGE_LOGDIR" {
		// Portage still reads the old name (config.py, _deprecated_keys).
		setting, ok = s.fromPlaces("PORT_LOGDIR")
		setting.Name = name
	}
	return setting, ok
}

func (s *Settings) fromPlaces(name string) (Setting, bool) {
	switch name {
	case "ROOT":
		return s.prefixSetting(name, s.target), true
	case "EPREFIX":
		return s.prefixSetting(name, s.eprefix), true
	}
	addUp := makeconf.IsIncremental(name)
	prune := name == "ACCEPT_LICENSE" || name == "ACCEPT_PROPERTIES" || name == "ACCEPT_RESTRICT"
	if text, ok := s.portageq[name]; ok {
		env := s.layers[len(s.layers)-1]
		if v, ok := env[name]; ok && !addUp && !prune {
			return Setting{name, v.text, v.source}, true
		}
		return Setting{name, text, "portageq"}, true
	}
	var texts, sources []string
	for _, l := range s.layers {
		if v, ok := l[name]; ok {
			texts, sources = append(texts, v.text), append(sources, v.source)
		}
	}
	setting := Setting{Name: name, Source: strings.Join(sources, ", ")}
	switch {
	case len(texts) == 0 && name == "ACCEPT_LICENSE":
		return Setting{name, defaultAcceptLicense, builtInSource}, true
	case len(texts) == 0:
		setting.Source = unset
		return setting, false
	case name == "USE":
		setting.Value = strings.Join(makeconf.StackUse(texts...), " ")
	case addUp:
		setting.Value = strings.Join(makeconf.Stack(texts...), " ")
	case prune:
		setting.Value = strings.Join(makeconf.Prune(texts...), " ")
		if setting.Value == "" && name == "ACCEPT_LICENSE" {
			return Setting{name, defaultAcceptLicense, builtInSource}, true
		}
	default:
		setting.Value, setting.Source = texts[len(texts)-1], sources[len(sources)-1]
	}
	return setting, true
}

// prefixSetting returns one of the prefixes EPREFIX, ROOT and PORTAGE_CONFIGROOT as
// a setting.
func (s *Settings) prefixSetting(name, text string) Setting {
	for _, l := range slices.Backward(s.layers) {
		if v, ok := l[name]; ok && path.Clean("/"+v.text) == path.Clean("/"+text) {
			return Setting{name, text, v.source}
		}
	}
	if q, ok := s.portageq[name]; ok && path.Clean("/"+q) == path.Clean("/"+text) {
		return Setting{name, text, "portageq"}
	}
	if text == "" {
		return Setting{name, text, unset}
	}
	return Setting{name, text, builtInSource}
}

func (s *Settings) report(file, code, format string, args ...any) {
	s.reportAt(makeconf.Origin{File: file}, code, format, args...)
}

func (s *Settings) reportAt(at makeconf.Origin, code, format string, args ...any) {
	if len(s.diagnostics) < maxDiagnostics {
		s.diagnostics = append(s.diagnostics, makeconf.Diagnostic{
			Origin:     at,
			Diagnostic: parse.Diagnosef(0, code, format, args...),
		})
	}
}
