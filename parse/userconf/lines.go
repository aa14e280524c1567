// Package userconf reads the lists that configure Portage, written by the
// administrator, a profile or a repository: package.mask and package.unmask,
// package.accept_keywords and package.keywords, package.license, package.use,
// license_groups, and the package moves in profiles/updates.
//
// # Lines
//
// All of them are lists of lines (portage(5); lib/portage/util/__init__.py,
// grabfile and grabdict):
//
//	file    = { line "\n" }
//	line    = { word } [ "#" comment ]
//
// White space separates words. A "#" at the beginning of a word starts a comment;
// inside a word it does not. Empty lines mean nothing. Instead of a file there may
// be a folder. Its files are read in the order of their names, except names that
// begin with "." or end with "~"; see [ReadsName].
//
//	package.mask, package.unmask      [ "-" ] atom
//	package.accept_keywords,
//	package.keywords, package.license,
//	package.use, package.properties   atom { value }
//	license_groups                    group { license | "@" group }
//	updates/NQ-YYYY                   "move" cat/pn cat/pn, and other lines
//
// Atoms have the syntax of configuration files, with wildcards and repositories.
// "-atom" removes an atom with the same text that a weaker file has ([Stack];
// util/__init__.py, stack_lists). The update files apply in the order of
// [CompareUpdateNames], and a later move applies to the result of an earlier one.
//
// A line that Portage would not accept has no effect, as in Portage. This package does
// not know the precedence of files; the caller passes them in order. What follows
// [MaxFile] bytes of a file is ignored. The longest known lists, package.mask and
// package.use of the Gentoo repository, have 200 KiB.
package userconf

import (
	"bytes"
	"slices"
	"strings"
)

// MaxFile is the size in bytes after which the rest of a list is not read. It is
// forty times the longest known list.
const MaxFile = 8 << 20

// Line is one line of any list.
type Line struct {
	Words  []string // at least one word, without the comment
	Number int      // counts from 1
	Offset int64    // of the line in the file, in bytes
}

// ParseLines returns the lines of any kind of list that have at least one word. It
// ignores everything after [MaxFile] bytes.
func ParseLines(b []byte) []Line {
	var all []Line
	offset, number := int64(0), 0
	for raw := range bytes.Lines(b[:min(len(b), MaxFile)]) {
		number++
		words := strings.Fields(string(raw))
		if i := slices.IndexFunc(words, func(w string) bool { return w[0] == '#' }); i >= 0 {
			words = words[:i]
		}
		if len(words) > 0 {
			all = append(all, Line{words, number, offset})
		}
		offset += int64(len(raw))
	}
	return all
}

// ExpandFlags returns the flags of a line of package.use, with USE_EXPAND flags in
// their long form: after "VIDEO_CARDS:", the word "-intel" is the flag
// "-video_cards_intel" (UseManager.py, _parse_user_files_to_extatomdict).
func ExpandFlags(words []string) []string {
	var all []string
	prefix := ""
	for _, w := range words {
		if name, ok := strings.CutSuffix(w, ":"); ok {
			prefix = strings.ToLower(name) + "_"
			continue
		}
		if flag, minus := strings.CutPrefix(w, "-"); minus {
			all = append(all, "-"+prefix+flag)
		} else {
			all = append(all, prefix+w)
		}
	}
	return all
}

// ReadsName reports whether Portage reads a file of that name in a folder that
// replaces a list (util/__init__.py, _recursive_file_list). It skips hidden files,
// backup files of editors and the folders of version control systems.
func ReadsName(name string) bool {
	switch name {
	case "", "CVS", "RCS", "SCCS":
		return false
	}
	return name[0] != '.' && !strings.HasSuffix(name, "~")
}
