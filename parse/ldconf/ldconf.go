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

import "strings"

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
