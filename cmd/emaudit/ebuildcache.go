package main

import (
	"path"

	"emaudit/audit/acceptance"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
)

// maxCacheFile is the size in bytes up to which an entry of md5-cache is read.
const maxCacheFile = 2 << 20

// compatibilityOptions are the facts that are read from the root for one
// answer: what the repositories' metadata/md5-cache says of the ebuilds.
func (s *session) compatibilityOptions() acceptance.CompatibilityOptions {
	places := map[string]string{}
	for _, r := range s.settings.Repositories() {
		dir := path.Join(r.Location, "metadata/md5-cache")
		if _, err := s.root.Stat(dir); err == nil {
			places[r.Name] = dir
		}
	}
	return acceptance.CompatibilityOptions{Ebuild: func(repo, cpv string) (userconf.CacheEntry, bool) {
		dir, ok := places[repo]
		if _, err := atom.ParseCPV(cpv); err != nil || !ok {
			return userconf.CacheEntry{}, false
		}
		b, err := s.root.ReadFile(path.Join(dir, cpv), maxCacheFile)
		if err != nil {
			return userconf.CacheEntry{}, false
		}
		e, _ := userconf.ParseCacheEntry(b)
		return e, true
	}}
}
