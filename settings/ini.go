package settings

import (
	"strings"

	"emaudit/parse/makeconf"
)

// ini is the content of repos.conf or binrepos.conf: the INI dialect of Python's
// configparser with its default options, as Portage uses it.
//
//	file    = { section | option | continuation | comment }
//	section = "[" name "]"
//	option  = key ( "=" | ":" ) value       ; keys in any case
//	comment = ( "#" | ";" ) text            ; only on a line of its own
//
// A line with a deeper indentation than its option continues the value. The section
// DEFAULT provides options for all other sections. "%(key)s" in a value refers to
// another option, and "%%" is a percent sign.
type ini struct {
	names    []string // sections except DEFAULT, in the order of their first line
	sections map[string]map[string]iniOption
}

type iniOption struct {
	value  string
	origin makeconf.Origin
}

// defaultSection is the section that provides options for all others.
const defaultSection = "DEFAULT"

// maxInterpolation is the largest depth of nested "%(key)s" references:
// configparser.MAX_INTERPOLATION_DEPTH.
const maxInterpolation = 10

// maxReferences is the largest number of references in resolving one value. Ten
// levels of ten references each would need 10^10.
const maxReferences = 1000

// newIni returns an ini whose options may refer to the options in known.
func newIni(known map[string]string) *ini {
	f := &ini{sections: map[string]map[string]iniOption{defaultSection: {}}}
	for key, text := range known {
		f.sections[defaultSection][strings.ToLower(key)] = iniOption{value: text}
	}
	return f
}

// parse adds the options of a file. They override the options of previous files.
func (f *ini) parse(file string, content []byte, report func(line int, message string)) {
	var section map[string]iniOption
	key, indent := "", 0
	n := 0
	for line := range strings.Lines(string(content)) {
		n++
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, " \t"))
		if key != "" && depth > indent {
			option := section[key]
			option.value += "\n" + text
			section[key] = option
			continue
		}
		indent = depth
		key = ""
		if name, ok := strings.CutPrefix(text, "["); ok && strings.Contains(name, "]") {
			section = f.section(name[:strings.LastIndexByte(name, ']')])
			continue
		}
		at := strings.IndexAny(text, "=:")
		switch {
		case section == nil:
			report(n, "option before the first section")
		case at <= 0:
			report(n, "neither section nor option")
		default:
			key = strings.ToLower(strings.TrimSpace(text[:at]))
			section[key] = iniOption{strings.TrimSpace(text[at+1:]), makeconf.Origin{File: file, Line: n}}
		}
	}
}

func (f *ini) section(name string) map[string]iniOption {
	s, ok := f.sections[name]
	if !ok {
		s = map[string]iniOption{}
		f.sections[name] = s
		f.names = append(f.names, name)
	}
	return s
}

// get returns an option with its references resolved. An option with an undefined
// or circular reference counts as missing; Portage fails on it.
func (f *ini) get(section, key string) (iniOption, bool) {
	references := 0
	return f.resolve(section, key, 0, &references)
}

func (f *ini) resolve(section, key string, depth int, references *int) (iniOption, bool) {
	option, ok := f.sections[section][key]
	if !ok {
		option, ok = f.sections[defaultSection][key]
	}
	if !ok || depth > maxInterpolation {
		return iniOption{}, false
	}
	var out strings.Builder
	for rest := option.value; ; {
		before, after, found := strings.Cut(rest, "%")
		out.WriteString(before)
		if !found {
			option.value = out.String()
			return option, true
		}
		if literal, ok := strings.CutPrefix(after, "%"); ok {
			out.WriteByte('%')
			rest = literal
			continue
		}
		name, after, closed := strings.Cut(after, ")s")
		name, opened := strings.CutPrefix(name, "(")
		if *references++; !closed || !opened || *references > maxReferences {
			return iniOption{}, false
		}
		other, ok := f.resolve(section, strings.ToLower(name), depth+1, references)
		if !ok || out.Len()+len(other.value) > makeconf.MaxFileSize {
			return iniOption{}, false
		}
		out.WriteString(other.value)
		rest = after
	}
}
