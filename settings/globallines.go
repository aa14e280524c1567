package settings

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"emaudit/parse/makeconf"
	"emaudit/parse/userconf"
)

// addGlobalLines adds the lines for every package to the layer of make.conf.
// refused are the variables that only a profile may set.
func (s *Settings) addGlobalLines(conf layer, p *makeconf.Parser, refused []string) {
	for _, list := range []string{"package.use", "package.license", "package.properties", "package.accept_restrict"} {
		words := s.globalWords(s.userConfig(list))
		if list == "package.license" && len(words) == 0 {
			// The lists of profiles replace each other.
			for _, profile := range slices.Backward(s.profiles) {
				if slices.Contains(profile.Formats, "profile-license") && len(words) == 0 {
					words = s.globalWords(path.Join(profile.Dir, list))
				}
			}
		}
		for _, w := range words {
			conf.appendTo(userconf.GlobalVariable(list), w)
		}
	}
	for _, env := range s.globalWords(s.userConfig("package.env")) {
		for name := range strings.FieldsSeq(env.text) {
			s.addEnv(conf, p, name, refused)
		}
	}
}

// appendTo appends a value to the value of a variable in the layer.
func (l layer) appendTo(name string, more value) {
	if have, ok := l[name]; ok {
		more = value{strings.TrimSpace(have.text + " " + more.text), have.source + ", " + more.source}
	}
	l[name] = more
}

// globalWords returns the words of the lines in a list that apply to every package.
func (s *Settings) globalWords(name string) []value {
	var all []value
	files, _ := s.filesOf(name)
	for _, file := range files {
		content, err := s.root.ReadFile(file, userconf.MaxFile)
		if err != nil {
			s.report(file, "unreadable", "%v", err)
			continue
		}
		for _, l := range userconf.ParseLines(content) {
			if l.Words[0] != userconf.EveryPackage || len(l.Words) == 1 {
				continue
			}
			words := l.Words[1:]
			if path.Base(name) == "package.use" {
				words = userconf.ExpandFlags(words)
			}
			all = append(all, value{strings.Join(words, " "), makeconf.Origin{File: file, Line: l.Number}.String()})
		}
	}
	return all
}

// addEnv adds the variables of a file below /etc/portage/env that applies to every
// package (config.py, _grab_pkg_env).
func (s *Settings) addEnv(conf layer, p *makeconf.Parser, name string, refused []string) {
	file := path.Join(s.userConfig("env"), name)
	vars, err := p.MakeConf(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.report(file, "env-missing", "package.env names it: no such file")
		return
	case err != nil:
		s.report(file, "unreadable", "%v", err)
		return
	}
	for _, v := range vars {
		// CONFIG_PROTECT cannot differ between packages (special_env_vars.py).
		if slices.Contains(refused, v.Name) || v.Name == "CONFIG_PROTECT" {
			continue
		}
		if said := (value{v.Value, v.Origin.String()}); makeconf.IsIncremental(v.Name) {
			conf.appendTo(v.Name, said)
		} else {
			conf[v.Name] = said
		}
	}
}
