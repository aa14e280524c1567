// Package ldconf reads the files that say in which folders the dynamic linker looks
// for libraries: /etc/ld.so.conf, and /etc/ld.so.cache, which ldconfig(8) makes of it.
//
// # Grammar
//
//	file = { line LF }
//	line = [ folder [ "=" type ] | "include" SP pattern { SP pattern } | "hwcap" any ] [ "#" comment ]
//
// A relative pattern begins at the folder of the file that includes it. The type is
// from the time of libc4 and has no meaning today; hwcap neither. Portage writes the
// file from LDPATH of /etc/env.d (lib/portage/util/env_update.py).
//
// # Sources
//
// glibc, elf/ldconfig.c, parse_conf, and sysdeps/generic/dl-cache.h; ldconfig(8).
package ldconf

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
)

// Line is a line that says where libraries are. Exactly one of its fields is set.
type Line struct {
	Folder  string // unchanged
	Include string // a pattern of glob(7)
}

// Parse reads an ld.so.conf. A line that glibc ignores has no result.
func Parse(b []byte) []Line {
	var all []Line
	for text := range strings.Lines(string(b)) {
		text, _, _ = strings.Cut(text, "#")
		words := strings.Fields(text)
		switch {
		case len(words) == 0 || words[0] == "hwcap":
		case words[0] == "include":
			for _, pattern := range words[1:] {
				all = append(all, Line{Include: pattern})
			}
		default:
			// A folder may hold blanks; only those at both ends are cut.
			folder := strings.TrimSpace(text)
			if i := strings.LastIndexByte(folder, '='); i > 0 {
				folder = strings.TrimSpace(folder[:i])
			}
			if folder = strings.TrimRight(folder, "/"); folder != "" {
				all = append(all, Line{Folder: folder})
			}
		}
	}
	return all
}

// cacheMagic begins ld.so.cache. A cache that also has the format of glibc before 2.2
// has it in the middle.
const cacheMagic = "glibc-ld.so.cache1.1"

// The sizes of the header and of an entry, and the offsets of numbers in them, in bytes
// (glibc, sysdeps/generic/dl-cache.h: cache_file_new, file_entry_new).
const (
	cacheHeader = 48
	cacheCount  = 20 // number of entries
	cacheEntry  = 24
	cacheValue  = 8 // offset of the path
)

// CacheFolders returns the folders of the libraries that an ld.so.cache lists, each
// once, in the order of the file. ldconfig(8) writes it from ld.so.conf and from the
// default folders of its glibc. CacheFolders skips damaged entries; ok is false if b is
// no cache.
//
//	file   = magic version(3) nlibs(u32) len_strings(u32) flags(u8) any entry { entry } string
//	entry  = flags(i32) key(u32) value(u32) osversion(u32) hwcap(u64)
//	string = text NUL
//
// value is the offset of the path of a library from the magic.
func CacheFolders(b []byte) (folders []string, ok bool) {
	i := bytes.Index(b, []byte(cacheMagic))
	if i < 0 || len(b)-i < cacheHeader {
		return nil, false
	}
	b = b[i:]
	var order binary.ByteOrder = binary.LittleEndian
	if b[28]&3 == 3 { // cache_file_new_flags_endian_big
		order = binary.BigEndian
	}
	count := int64(order.Uint32(b[cacheCount:]))
	if most := int64(len(b)-cacheHeader) / cacheEntry; count > most {
		count = most
	}
	seen := map[string]bool{}
	for n := range count {
		entry := b[cacheHeader+n*cacheEntry:]
		at := int64(order.Uint32(entry[cacheValue:]))
		if at >= int64(len(b)) {
			continue
		}
		name, _, found := bytes.Cut(b[at:], []byte{0})
		if folder := path.Dir(string(name)); found && strings.HasPrefix(folder, "/") && !seen[folder] {
			seen[folder] = true
			folders = append(folders, folder)
		}
	}
	return folders, true
}
