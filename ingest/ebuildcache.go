package ingest

import (
	"path"

	"emaudit/hostfs"
	"emaudit/parse/atom"
	"emaudit/parse/userconf"
	"emaudit/settings"
)

// maxCacheFile is the largest accepted size of an md5-cache entry, in bytes.
const maxCacheFile = 2 << 20

// EbuildCache returns a function that reads the metadata/md5-cache entry of an
// ebuild. ok is false if there is no entry, or if it cannot be read.
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
