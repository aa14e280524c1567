package userconf

import (
	"bytes"
	"iter"
	"strings"

	"emaudit/parse"
)

// MaxFile is the size in bytes after which the rest of a list is not read. It is
// forty times the longest known list.
const MaxFile = 8 << 20

// The codes of diagnostics.
const (
	// CodeLine: Portage does not understand the line and ignores it.
	CodeLine = "config-line"
	// CodeTooLarge: the file was cut at [MaxFile].
	CodeTooLarge = "config-too-large"
)

// line is one line with at least one word.
type line struct {
	words  []string
	offset int64
	number int // counts from 1
}

// lines yields the lines of a list that have at least one word.
func lines(b []byte) iter.Seq[line] {
	return func(yield func(line) bool) {
		offset, number := int64(0), 0
		for raw := range bytes.Lines(b) {
			at := offset
			offset += int64(len(raw))
			number++
			words := strings.Fields(string(raw))
			for i, w := range words {
				if w[0] == '#' {
					words = words[:i]
					break
				}
			}
			if len(words) > 0 && !yield(line{words, at, number}) {
				return
			}
		}
	}
}

// Line is one line of any list.
type Line struct {
	Words  []string // at least one word, without the comment
	Number int      // counts from 1
}

// ParseLines returns the lines of any kind of list that have at least one word. It
// ignores everything after [MaxFile] bytes.
func ParseLines(b []byte) []Line {
	b, _ = bounded(b)
	var all []Line
	for l := range lines(b) {
		all = append(all, Line{l.words, l.number})
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

// bounded cuts a file at [MaxFile].
func bounded(b []byte) ([]byte, []parse.Diagnostic) {
	if len(b) <= MaxFile {
		return b, nil
	}
	return b[:MaxFile], []parse.Diagnostic{parse.Diagnosef(MaxFile, CodeTooLarge, "%d bytes; what is behind the first %d is not read", len(b), MaxFile)}
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
