package ingest

import (
	"path"

	"emaudit/hostfs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/settings"
)

// maxCacheFile is the size in bytes up to which an entry of md5-cache is read.
const maxCacheFile = 2 << 20

// EbuildCache returns a function that gives what metadata/md5-cache of a repository
// says of an ebuild. The second result is false if the cache has no entry for it, or
// the entry cannot be read.
func EbuildCache(root *hostfs.Root, s *settings.Settings) func(repo, cpv string) (userconf.CacheEntry, bool) {
	places := map[string]string{}
	for _, r := range s.Repositories() {
		dir := path.Join(r.Location, "metadata/md5-cache")
		if _, err := root.Stat(dir); err == nil {
			places[r.Name] = dir
		}
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
		e, _ := userconf.ParseCacheEntry(b)
		return e, true
	}
}
