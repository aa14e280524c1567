package live

import (
	"path"

	"emaudit/hostfs"
	"emaudit/parse/userconf"
	"emaudit/settings"
)

// ProfilePackages returns the contents of the files "packages" of the profile,
// weakest first, including the user profile. It skips files that cannot be read.
func ProfilePackages(root *hostfs.Root, s *settings.Settings) [][]byte {
	var files [][]byte
	for _, dir := range profileFolders(s) {
		if b, err := root.ReadFile(path.Join(dir, "packages"), userconf.MaxFile); err == nil {
			files = append(files, b)
		}
	}
	return files
}

// profileFolders returns the folders of the profile, including the user profile.
func profileFolders(s *settings.Settings) []string {
	var all []string
	for _, p := range s.Profiles() {
		all = append(all, p.Dir)
	}
	return append(all, path.Join(s.UserConfigDir(), "profile"))
}

// flagLists are the lists of a profile that mask or force USE flags.
var flagLists = []struct {
	name       string
	perPackage bool
}{
	{"use.mask", false},
	{"use.force", false},
	{"use.stable.mask", false},
	{"use.stable.force", false},
	{"package.use.mask", true},
	{"package.use.force", true},
	{"package.use.stable.mask", true},
	{"package.use.stable.force", true},
}

// SettledFlags returns the USE flags that a profile or a repository masks or forces
// for any package.
func SettledFlags(root *hostfs.Root, s *settings.Settings) map[string]bool {
	flags := map[string]bool{}
	add := func(name string, perPackage bool) {
		b, err := root.ReadFile(name, userconf.MaxFile)
		if err != nil {
			return
		}
		for _, f := range userconf.ParseFlagNames(b, perPackage) {
			flags[f] = true
		}
	}
	folders := profileFolders(s)
	for _, r := range s.Repositories() {
		folders = append(folders, path.Join(r.Location, "profiles"))
	}
	for _, dir := range folders {
		for _, list := range flagLists {
			name := path.Join(dir, list.name)
			entry, err := root.Stat(name)
			if err != nil {
				continue
			}
			if entry.Kind != hostfs.Directory {
				add(name, list.perPackage)
				continue
			}
			folder, err := root.OpenDir(name)
			if err != nil {
				continue
			}
			names, err := folder.Names()
			folder.Close()
			if err != nil {
				continue
			}
			for _, n := range names {
				if userconf.ReadsName(n) {
					add(path.Join(name, n), list.perPackage)
				}
			}
		}
	}
	return flags
}
