package vdb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"emaudit/parse"
)

// MaxContentsLine is the length of the longest accepted line of CONTENTS, in bytes.
// Two paths of PATH_MAX (4096) fit with room to spare.
const MaxContentsLine = 16 << 10

// The codes of diagnostics about CONTENTS.
const (
	// CodeContentsLine: Portage does not understand the line.
	CodeContentsLine = "contents-line"
	// CodeContentsNUL: the line has a NUL. File systems that lost data in a crash
	// leave such lines.
	CodeContentsNUL = "contents-nul"
	// CodeContentsCR: the line has a carriage return, where Portage begins a new
	// line.
	CodeContentsCR = "contents-cr"
	// CodeContentsLong: the line has more than MaxContentsLine bytes.
	CodeContentsLong = "contents-long"
	// CodeContentsTorn: the last line has no line end.
	CodeContentsTorn = "contents-torn"
)

// ContentsKind is the type of an installed file.
type ContentsKind uint8

// The kinds of entries in CONTENTS.
const (
	Directory ContentsKind = iota + 1
	Regular
	Symlink
	Device
	FIFO
)

// String returns the word for the kind in CONTENTS: dir, obj, sym, dev or fif.
func (k ContentsKind) String() string {
	switch k {
	case Directory:
		return "dir"
	case Regular:
		return "obj"
	case Symlink:
		return "sym"
	case Device:
		return "dev"
	case FIFO:
		return "fif"
	}
	return "unknown"
}

// ContentsEntry is one line of CONTENTS.
type ContentsEntry struct {
	Kind ContentsKind
	// Path is unchanged. It includes EPREFIX, but not ROOT. It may be hostile: do
	// not open it without checks.
	Path string
	// Target is the target of a symbolic link.
	Target string
	// MD5 is the recorded checksum of a regular file. Its form is not checked.
	MD5 string
	// MTime is the modification time of a regular file or symbolic link in unix
	// seconds.
	MTime int64
	// Stat is the old form of a symbolic link's time, which MTime was taken from.
	// It is "" otherwise.
	Stat string
}

// ReadContents reads the file CONTENTS and calls visit with each entry, in order.
// It reports an invalid line as a diagnostic and skips it, so the entries are
// complete only if there are no diagnostics. The error is an I/O error or the error
// of visit; both end the reading.
func ReadContents(r io.Reader, visit func(ContentsEntry) error) ([]parse.Diagnostic, error) {
	var diags []parse.Diagnostic
	br := bufio.NewReaderSize(r, MaxContentsLine)
	for offset := int64(0); ; {
		line, err := br.ReadSlice('\n')
		length := int64(len(line))
		if errors.Is(err, bufio.ErrBufferFull) {
			diags = append(diags, parse.Diagnosef(offset, CodeContentsLong, "line of more than %d bytes: %.80q", MaxContentsLine, line))
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = br.ReadSlice('\n')
				length += int64(len(line))
			}
			line = nil
		}
		if err != nil && err != io.EOF {
			return diags, fmt.Errorf("CONTENTS: %w", err)
		}
		if len(line) > 0 {
			if line[len(line)-1] == '\n' {
				line = line[:len(line)-1]
			} else {
				diags = append(diags, parse.Diagnosef(offset, CodeContentsTorn, "the last line has no line end: %.80q", line))
			}
			e, d := parseContentsLine(string(line), offset)
			diags = append(diags, d...)
			if e.Kind != 0 {
				if err := visit(e); err != nil {
					return diags, err
				}
			}
		}
		if err == io.EOF {
			return diags, nil
		}
		offset += length
	}
}

// parseContentsLine returns an entry of kind 0 for an invalid line.
func parseContentsLine(line string, offset int64) (e ContentsEntry, diags []parse.Diagnostic) {
	if strings.IndexByte(line, 0) >= 0 {
		return e, []parse.Diagnostic{parse.Diagnosef(offset, CodeContentsNUL, "line with a NUL: %.80q", line)}
	}
	e, ok := ParseContentsEntry(line)
	if !ok {
		return e, []parse.Diagnostic{parse.Diagnosef(offset, CodeContentsLine, "not an entry: %.80q", line)}
	}
	if strings.IndexByte(line, '\r') >= 0 {
		diags = []parse.Diagnostic{parse.Diagnosef(offset, CodeContentsCR, "Portage reads this name as two lines: %.80q", line)}
	}
	return e, diags
}

// arrow separates a symbolic link from its target.
const arrow = " -> "

// ParseContentsEntry reads one line of CONTENTS without its line end. ok is false
// if Portage does not understand the line.
func ParseContentsEntry(line string) (e ContentsEntry, ok bool) {
	kind, rest, _ := strings.Cut(line, " ")
	if rest == "" {
		return ContentsEntry{}, false
	}
	switch kind {
	case "dir":
		return ContentsEntry{Kind: Directory, Path: rest}, true
	case "dev":
		return ContentsEntry{Kind: Device, Path: rest}, true
	case "fif":
		return ContentsEntry{Kind: FIFO, Path: rest}, true
	case "obj":
		return parseObj(rest)
	case "sym":
		return parseSym(rest)
	}
	return ContentsEntry{}, false
}

func parseObj(s string) (e ContentsEntry, ok bool) {
	s, mtime, ok := cutLast(s, " ")
	if !ok {
		return ContentsEntry{}, false
	}
	path, md5, ok := cutLast(s, " ")
	if !ok || path == "" || md5 == "" || strings.ContainsAny(md5, "\t\v\f\r") {
		return ContentsEntry{}, false
	}
	n, ok := parseMTime(mtime)
	if !ok {
		return ContentsEntry{}, false
	}
	return ContentsEntry{Kind: Regular, Path: path, MD5: md5, MTime: n}, true
}

func parseSym(s string) (e ContentsEntry, ok bool) {
	e.Kind = Symlink
	if strings.HasSuffix(s, ")") {
		i := strings.LastIndex(s, " (")
		if i < 0 {
			return ContentsEntry{}, false
		}
		e.Stat = s[i+1:]
		e.MTime, ok = parseStat(e.Stat)
		s = s[:i]
	} else {
		var mtime string
		if s, mtime, ok = cutLast(s, " "); ok {
			e.MTime, ok = parseMTime(mtime)
		}
	}
	if !ok || len(s) <= len(arrow) {
		return ContentsEntry{}, false
	}
	// An arrow at the very end has no target, so the previous one counts.
	i := strings.LastIndex(s[:len(s)-1], arrow)
	if i <= 0 {
		return ContentsEntry{}, false
	}
	e.Path, e.Target = s[:i], s[i+len(arrow):]
	return e, true
}

// statFields says which numbers of the old form have the suffix L. The form is the
// text of the tuple that lstat returned in Python 2 (bug 351814).
var statFields = [10]bool{1: true, 2: true, 6: true}

// statMTime is the index of st_mtime in the tuple.
const statMTime = 8

func parseStat(s string) (mtime int64, ok bool) {
	s = s[1 : len(s)-1]
	for i, long := range statFields {
		number, rest, found := strings.Cut(s, ", ")
		if found != (i < len(statFields)-1) {
			return 0, false
		}
		if long {
			if number, found = strings.CutSuffix(number, "L"); !found {
				return 0, false
			}
		}
		if !isDigits(number) {
			return 0, false
		}
		if i == statMTime {
			if mtime, ok = parseMTime(number); !ok {
				return 0, false
			}
		}
		s = rest
	}
	return mtime, true
}

func parseMTime(s string) (int64, bool) {
	if !isDigits(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// cutLast cuts s around the last occurrence of sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
