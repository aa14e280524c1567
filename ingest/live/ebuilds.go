package live

import (
	"errors"
	"io/fs"
	"path"
	"slices"

	"emaudit/hostfs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/settings"
	"emaudit/store/inventory"
)

// Ebuilds finds out which versions the ebuild repositories of a root have. It
// caches listings and is not safe for concurrent use.
type Ebuilds struct {
	repositories []*hostfs.Dir
	categories   map[string][]*hostfs.Dir // in each repository that has it
	listed       map[string][]string      // the files of each package, by category/pn
	unread       map[string]bool          // repositories (""), categories and packages that exist and could not be listed everywhere
}

// OpenEbuilds opens the repositories in Portage's settings. Like Portage, it skips
// those that do not exist.
func OpenEbuilds(root *hostfs.Root, s *settings.Settings) *Ebuilds {
	e := &Ebuilds{categories: map[string][]*hostfs.Dir{}, listed: map[string][]string{}, unread: map[string]bool{}}
	for _, r := range s.Repositories() {
		dir, err := root.OpenDir(r.Location)
		if e.opened("", err) {
			e.repositories = append(e.repositories, dir)
		}
	}
	return e
}

// opened reports whether a folder was opened, and notes one that exists and was not.
func (e *Ebuilds) opened(what string, err error) bool {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.unread[what] = true
	}
	return err == nil
}

// Close closes the repositories.
func (e *Ebuilds) Close() {
	for _, dir := range e.repositories {
		dir.Close()
	}
	for _, dirs := range e.categories {
		for _, dir := range dirs {
			dir.Close()
		}
	}
}

// Find reports whether any repository has the ebuild of a version. known is false
// if there is no repository to search, if no such version can exist, or if none has it
// and a folder that may have it could not be listed.
func (e *Ebuilds) Find(cpv string) (there, known bool) {
	c, err := atom.ParseCPV(cpv)
	if err != nil || len(e.repositories) == 0 {
		return false, false
	}
	files, ok := e.listed[c.CP()]
	if !ok {
		for _, category := range e.category(c.Category) {
			names, err := namesBelow(category, c.PN)
			if e.opened(c.CP(), err) {
				files = append(files, names...)
			}
		}
		e.listed[c.CP()] = files
	}
	there = slices.Contains(files, c.PF()+".ebuild")
	return there, there || !e.unread[""] && !e.unread[c.Category] && !e.unread[c.CP()]
}

// category opens the folders of a category and keeps them open, because a category
// has many packages.
func (e *Ebuilds) category(name string) []*hostfs.Dir {
	dirs, ok := e.categories[name]
	if !ok {
		for _, repository := range e.repositories {
			if dir, err := repository.OpenDir(name); e.opened(name, err) {
				dirs = append(dirs, dir)
			}
		}
		e.categories[name] = dirs
	}
	return dirs
}

// namesBelow lists a folder below an open one.
func namesBelow(dir *hostfs.Dir, name string) ([]string, error) {
	folder, err := dir.OpenDir(name)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	return folder.Names()
}

// maxCacheFile is the largest accepted size of an md5-cache entry, in bytes.
const maxCacheFile = 2 << 20

// EbuildCache returns a function that reads the metadata/md5-cache entry of an
// ebuild. ok is false if there is no entry, or if it cannot be read. It returns nil if
// no repository has such a folder.
func EbuildCache(root *hostfs.Root, s *settings.Settings) func(repo, cpv string) (userconf.CacheEntry, bool) {
	places := map[string]string{}
	for _, r := range s.Repositories() {
		dir := path.Join(r.Location, "metadata/md5-cache")
		if _, err := root.Stat(dir); err == nil {
			places[r.Name] = dir
		}
	}
	if len(places) == 0 {
		return nil
	}
	return func(repo, cpv string) (userconf.CacheEntry, bool) {
		dir, ok := places[repo]
		if _, err := atom.ParseCPV(cpv); err != nil || !ok {
			return userconf.CacheEntry{}, false
		}
		b, err := root.ReadFile(path.Join(dir, cpv), maxCacheFile)
		if err != nil {
			return userconf.CacheEntry{}, false
		}
		e := userconf.ParseCacheEntry(b)
		return e, true
	}
}

// Repositories returns the ebuild repositories of a root, the one of the highest
// priority last.
func Repositories(root *hostfs.Root, s *settings.Settings) (all []inventory.Repository) {
	there := func(name string) bool {
		_, err := root.Stat(name)
		return err == nil
	}
	for _, r := range s.Repositories() {
		all = append(all, inventory.Repository{
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
