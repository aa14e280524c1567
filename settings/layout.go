package settings

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxLayoutFile is the largest accepted size of a metadata/layout.conf, in bytes. A
// long one has 2 KiB.
const maxLayoutFile = 64 << 10

// layoutConf is the content of metadata/layout.conf in a repository
// (repository/config.py, parse_layout_conf).
type layoutConf struct {
	name        string // "" if profiles/repo_name decides
	aliases     []string
	formats     []string // profile-formats
	profileEAPI string   // EAPI of profiles without an eapi file
}

// layout returns the layout.conf of the repository in the folder location.
func (s *Settings) layout(location string) layoutConf {
	if l, known := s.layouts[location]; known {
		return l
	}
	content, _ := s.root.ReadFile(path.Join(location, "metadata/layout.conf"), maxLayoutFile)
	values := map[string]string{}
	for line := range strings.Lines(string(content)) {
		if name, text, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			values[strings.TrimSpace(name)] = strings.TrimSpace(text)
		}
	}
	l := layoutConf{name: values["repo-name"], aliases: strings.Fields(values["aliases"]), formats: []string{"portage-1-compat"}, profileEAPI: "0"}
	eapi := s.firstLine(path.Join(location, "profiles/eapi"))
	n, err := strconv.Atoi(eapi)
	if err == nil && n >= 7 {
		l.formats = []string{"portage-1"}
	}
	if text, ok := values["profile-formats"]; ok {
		l.formats = strings.Fields(text)
	}
	switch text, ok := values["profile_eapi_when_unspecified"]; {
	case err == nil && n >= 9: // EAPI 9 or later is the default of all profiles in the repository
		l.profileEAPI = eapi
	case ok && slices.Contains(l.formats, "profile-default-eapi"):
		l.profileEAPI = text
	}
	if s.layouts == nil {
		s.layouts = map[string]layoutConf{}
	}
	s.layouts[location] = l
	return l
}

// firstLine returns the first line of a small file, or "" if there is none.
func (s *Settings) firstLine(name string) string {
	content, _ := s.root.ReadFile(name, maxLayoutFile)
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line)
}
