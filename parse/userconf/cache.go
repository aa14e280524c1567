package userconf

import (
	"bytes"

	"emaudit/parse"
)

// maxCacheEntry is the largest accepted size of a metadata/md5-cache entry, in
// bytes. The longest have 100 KiB.
const maxCacheEntry = 2 << 20

// CacheEntry holds the metadata/md5-cache entry of one ebuild (PMS 14.2.3,
// md5-dict). The file has a line KEY=VALUE for each key. CacheEntry keeps only keys
// that Portage compares with a binary package.
type CacheEntry struct {
	EAPI, IUSE, RDepend, PDepend, IDepend, Slot string
}

// ParseCacheEntry reads one file of metadata/md5-cache. A line without "=" is a
// diagnostic and otherwise ignored.
func ParseCacheEntry(b []byte) (CacheEntry, []parse.Diagnostic) {
	var e CacheEntry
	var diags []parse.Diagnostic
	if len(b) > maxCacheEntry {
		diags = append(diags, parse.Diagnosef(maxCacheEntry, CodeTooLarge, "%d bytes; what is behind the first %d is not read", len(b), maxCacheEntry))
		b = b[:maxCacheEntry]
	}
	keys := map[string]*string{"EAPI": &e.EAPI, "IUSE": &e.IUSE, "RDEPEND": &e.RDepend, "PDEPEND": &e.PDepend, "IDEPEND": &e.IDepend, "SLOT": &e.Slot}
	offset := int64(0)
	for line := range bytes.Lines(b) {
		at := offset
		offset += int64(len(line))
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		key, value, ok := bytes.Cut(line, []byte("="))
		if !ok {
			diags = append(diags, parse.Diagnosef(at, CodeLine, "no KEY=VALUE"))
			continue
		}
		if kept := keys[string(key)]; kept != nil {
			*kept = string(value)
		}
	}
	return e, diags
}
