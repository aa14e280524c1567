package settings

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/userconf"
)

// The limits of a list that is a folder. They stop circular symlinks.
const (
	maxListDepth = 16
	maxListFiles = 1024
)

// filesOf returns the files that Portage reads for a list, in their order. The list
// is a file or a folder of files (util/__init__.py, _recursive_file_list). there
// reports whether it exists.
func (s *Settings) filesOf(name string) (files []string, there bool) {
	entry, err := s.root.Stat(name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.report(name, "unreadable", "%v", err)
		}
		return nil, false
	}
	if entry.Kind != hostfs.Directory {
		return []string{name}, true
	}
	s.filesBelow(name, 0, &files)
	return files, true
}

func (s *Settings) filesBelow(folder string, depth int, files *[]string) {
	if depth >= maxListDepth || len(*files) >= maxListFiles {
		s.report(folder, "directory-too-deep", "not read: more than %d folders deep or %d files", maxListDepth, maxListFiles)
		return
	}
	names, err := s.root.Names(folder)
	if err != nil {
		s.report(folder, "unreadable", "%v", err)
		return
	}
	for _, name := range names {
		switch child := path.Join(folder, name); {
		case strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~"):
		case !s.isDir(child):
			*files = append(*files, child)
		case userconf.ReadsName(name):
			s.filesBelow(child, depth+1, files)
		}
	}
}

func withSlash(dir string) string { return strings.TrimRight(dir, "/") + "/" }
