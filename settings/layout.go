package settings

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxLayoutFile is the size in bytes up to which a metadata/layout.conf is read;
// a long one has 2 KiB.
const maxLayoutFile = 64 << 10

// layoutConf is what a repository says of itself in metadata/layout.conf
// (repository/config.py, parse_layout_conf).
type layoutConf struct {
	name        string // "" where profiles/repo_name decides
	aliases     []string
	formats     []string // profile-formats
	profileEAPI string   // of a profile that names none
}

// layout returns the layout of the repository in the folder location.
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
	case err == nil && n >= 9: // EAPI 9 is the default of all profiles of its repository
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

// firstLine returns the first line of a small file, empty where there is none.
func (s *Settings) firstLine(name string) string {
	content, _ := s.root.ReadFile(name, maxLayoutFile)
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line)
}
