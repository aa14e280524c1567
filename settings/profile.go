package settings

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"emaudit/hostfs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
)

const (
	// maxProfileDepth stops a profile that is its own ancestor. Gentoo's profiles
	// are at most about 12 deep.
	maxProfileDepth = 64
	// maxProfiles is the largest number of folders in a profile. A parent counts
	// again for each path to it. Gentoo's profiles have about 20. Without the
	// limit, a chain of diamonds would double the number with each step.
	maxProfiles = 512
	// maxParents is the largest number of lines read from parent files, including
	// invalid lines.
	maxParents = 4096
	// maxParentFile is the largest accepted size of a parent file, in bytes. A long
	// one has 200.
	maxParentFile = 64 << 10
)

// findProfiles follows make.profile and its parents (PMS 5.1,
// _config/LocationsManager.py). If a parent is missing, Portage uses no profile at
// all. Here the rest still counts, and a diagnostic reports the missing parent.
func (s *Settings) findProfiles() {
	for _, link := range []string{s.userConfig("make.profile"), path.Join(s.configRoot, "etc/make.profile")} {
		entry, err := s.root.Stat(link)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				s.report(link, "unreadable", "%v", err)
			} else if _, err := s.root.Lstat(link); err == nil {
				s.report(link, "profile-missing", "the symlink leads nowhere")
			}
			continue
		}
		if entry.Kind != hostfs.Directory {
			continue
		}
		dir, err := s.root.Realpath(link)
		if err != nil {
			s.report(link, "unreadable", "%v", err)
			continue
		}
		s.profilePath, s.profileLink = dir, link
		chain := profileChain{settings: s}
		chain.add(dir, 0)
		s.profiles = chain.profiles
		if own := s.userConfig("profile"); s.isDir(own) {
			// The user profile needs no eapi file and allows the features of all
			// profile EAPIs (LocationsManager.py, load_profiles).
			s.profiles = append(s.profiles, Profile{Dir: own, EAPI: s.firstLine(path.Join(own, "eapi")), Formats: []string{"profile-bashrcs", "profile-set"}, User: true})
		}
		return
	}
}

// Profile is one folder of the profile.
type Profile struct {
	Dir string
	// EAPI determines the allowed features. It is "" for a user profile without an
	// eapi file, which allows all features.
	EAPI string
	// Formats are the profile-formats of the repository (portage(5), layout.conf).
	Formats []string
	// User reports that the folder is /etc/portage/profile.
	User bool
}

// AllowsProvided reports whether Portage reads package.provided in the folder. EAPI
// 7 removed it (PMS 5.2.7).
func (p Profile) AllowsProvided() bool {
	n, err := strconv.Atoi(p.EAPI)
	return p.EAPI == "" || err == nil && n <= 6
}

// AtomSyntax returns the syntax of atoms in the lists of the folder.
func (p Profile) AtomSyntax() atom.Syntax {
	return atom.Syntax{
		EAPI:    p.EAPI,
		Repo:    p.EAPI == "" || slices.Contains(p.Formats, "profile-repo-deps"),
		BuildID: p.User || slices.Contains(p.Formats, "build-id"),
	}
}

// AllowsFolders reports whether a list of the profile may be a folder of files:
// since EAPI 7, and with some profile-formats in every EAPI (LocationsManager.py,
// _addProfile).
func (p Profile) AllowsFolders() bool {
	n, err := strconv.Atoi(p.EAPI)
	return p.User || len(p.Formats) == 0 || err == nil && n >= 7 || slices.ContainsFunc(p.Formats, func(f string) bool { return strings.HasPrefix(f, "portage-") })
}

// profileChain collects the folders of a profile, parents first.
type profileChain struct {
	settings *Settings
	profiles []Profile
	parents  int // lines of parent files read so far
}

// add adds the parents of the profile at dir, and then the profile.
func (c *profileChain) add(dir string, depth int) {
	s := c.settings
	if depth > maxProfileDepth {
		s.report(dir, "profile-too-deep", "not read: more than %d parents deep", maxProfileDepth)
		return
	}
	file := path.Join(dir, "parent")
	content, err := s.root.ReadFile(file, maxParentFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.report(file, "unreadable", "%v", err)
	}
	for _, line := range userconf.ParseLines(content) {
		parent := strings.Join(line.Words, " ")
		if c.parents++; c.parents > maxParents || len(c.profiles) >= maxProfiles {
			s.report(file, "profile-too-deep", "the rest is not read: more than %d parents", maxProfiles)
			return
		}
		target, ok := s.parentDir(dir, parent)
		if !ok {
			s.report(file, "profile-missing", "parent %q: no such profile", parent)
			continue
		}
		c.add(target, depth+1)
	}
	p := Profile{Dir: dir, EAPI: "0"} // the default outside of repositories
	if location, inside := s.repositoryOf("", dir); inside {
		l := s.layout(location)
		p.EAPI, p.Formats = l.profileEAPI, l.formats
	}
	if own := s.firstLine(path.Join(dir, "eapi")); own != "" {
		p.EAPI = own
	}
	c.profiles = append(c.profiles, p)
}

// parentDir returns the profile that a line of a parent file names. The line is a
// path relative to the profile, an absolute path, or "repository:path" below the
// profiles of a repository. An empty name means the repository of dir
// (profile-formats portage-2).
func (s *Settings) parentDir(dir, parent string) (string, bool) {
	target := path.Join(dir, parent)
	if path.IsAbs(parent) {
		target = path.Clean(parent)
	} else if name, below, ok := strings.Cut(parent, ":"); ok {
		location, ok := s.repositoryOf(name, dir)
		if !ok {
			return "", false
		}
		target = path.Join(location, "profiles", below)
	}
	return target, s.isDir(target)
}

// repositoryOf returns the location of the repository called name. If name is "",
// it returns the repository that contains dir.
func (s *Settings) repositoryOf(name, dir string) (string, bool) {
	best := ""
	for _, r := range s.repositories {
		if name != "" && r.Name == name {
			return r.Location, true
		}
		location := r.Location
		if real, err := s.root.Realpath(location); err == nil {
			location = real
		}
		// Repositories may be nested, so the longest location is the right one.
		if name == "" && strings.HasPrefix(dir, location+"/") && len(location) > len(best) {
			best = location
		}
	}
	return best, best != ""
}

func (s *Settings) isDir(name string) bool {
	entry, err := s.root.Stat(name)
	return err == nil && entry.Kind == hostfs.Directory
}
