package userconf

import (
	"bytes"
	"iter"
	"strings"

	"emaudit/parse"
)

// MaxFile is the size in bytes beyond which a list is not read: forty times
// the longest known.
const MaxFile = 8 << 20

// The codes of what is wrong in a list.
const (
	// CodeLine is a line that Portage does not understand and leaves out.
	CodeLine = "config-line"
	// CodeTooLarge is a file that was cut at [MaxFile].
	CodeTooLarge = "config-too-large"
)

// line is one line that says something.
type line struct {
	words  []string
	offset int64
	number int // counts from 1
}

// lines yields the lines of a list that say something.
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

// Line is one line of any list that says something.
type Line struct {
	Words  []string // without a comment; one at least
	Number int      // counts from 1
}

// ParseLines returns the lines of a list, whatever it is about. Of a file beyond
// [MaxFile] the rest is left out.
func ParseLines(b []byte) []Line {
	b, _ = bounded(b)
	var all []Line
	for l := range lines(b) {
		all = append(all, Line{l.words, l.number})
	}
	return all
}

// ExpandFlags returns the flags of a line of package.use with those of USE_EXPAND
// written in full: behind "VIDEO_CARDS:" the word "-intel" is the flag
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
// stands for a list (util/__init__.py, _recursive_file_list): neither hidden
// files, nor backups of editors, nor the folders of version control.
func ReadsName(name string) bool {
	switch name {
	case "", "CVS", "RCS", "SCCS":
		return false
	}
	return name[0] != '.' && !strings.HasSuffix(name, "~")
}
