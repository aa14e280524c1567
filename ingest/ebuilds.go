package ingest

import (
	"slices"

	"emaudit/hostfs"
	"emaudit/parse/atom"
	"emaudit/settings"
)

// Ebuilds tells which versions the ebuild repositories of a root have. It keeps
// what it has listed, and is not safe for use by several goroutines.
type Ebuilds struct {
	repositories []*hostfs.Dir
	listed       map[string][]string // the files of a package, by category/pn
}

// OpenEbuilds opens the repositories that Portage is set to use. Those that
// cannot be opened are passed over.
func OpenEbuilds(root *hostfs.Root, s *settings.Settings) *Ebuilds {
	e := &Ebuilds{listed: map[string][]string{}}
	for _, r := range s.Repositories() {
		if dir, err := root.OpenDir(r.Location); err == nil {
			e.repositories = append(e.repositories, dir)
		}
	}
	return e
}

// Close closes the repositories.
func (e *Ebuilds) Close() {
	for _, dir := range e.repositories {
		dir.Close()
	}
}

// Find tells whether any repository has the ebuild of a version. Where known is
// false there is no repository to look into, or no such version can exist.
func (e *Ebuilds) Find(cpv string) (there, known bool) {
	c, err := atom.ParseCPV(cpv)
	if err != nil || len(e.repositories) == 0 {
		return false, false
	}
	files, ok := e.listed[c.CP()]
	if !ok {
		for _, repository := range e.repositories {
			files = append(files, filesBelow(repository, c.Category, c.PN)...)
		}
		e.listed[c.CP()] = files
	}
	return slices.Contains(files, c.PF()+".ebuild"), true
}

// filesBelow lists dir/category/pn, one open folder after the other.
func filesBelow(dir *hostfs.Dir, category, pn string) []string {
	upper, err := dir.OpenDir(category)
	if err != nil {
		return nil
	}
	defer upper.Close()
	folder, err := upper.OpenDir(pn)
	if err != nil {
		return nil
	}
	defer folder.Close()
	names, err := folder.Names()
	if err != nil {
		return nil
	}
	return names
}
