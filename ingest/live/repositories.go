package live

import (
	"path"

	"emaudit/hostfs"
	"emaudit/settings"
)

// Repository is an ebuild repository, as far as an ebuild that is gone can be found in
// its history.
type Repository struct {
	Name     string
	Location string
	SyncType string // as in repos.conf; empty if Portage does not sync it
	Main     bool
	Git      bool // it is a git checkout
	Shallow  bool // its history is cut
}

// Repositories returns the ebuild repositories of a root, the one of the highest
// priority last.
func Repositories(root *hostfs.Root, s *settings.Settings) (all []Repository) {
	there := func(name string) bool {
		_, err := root.Stat(name)
		return err == nil
	}
	for _, r := range s.Repositories() {
		all = append(all, Repository{
			Name: r.Name, Location: r.Location, SyncType: r.SyncType, Main: r.Main,
			Git: there(path.Join(r.Location, ".git")), Shallow: there(path.Join(r.Location, ".git/shallow")),
		})
	}
	return all
}

// ListFolders returns the lists of the administrator's configuration that are folders
// of files, such as package.mask.
func ListFolders(root *hostfs.Root, s *settings.Settings) (names []string) {
	for _, name := range []string{"make.conf", "package.accept_keywords", "package.license", "package.mask", "package.unmask"} {
		if e, err := root.Stat(path.Join(s.UserConfigDir(), name)); err == nil && e.Kind == hostfs.Directory {
			names = append(names, name)
		}
	}
	return names
}
