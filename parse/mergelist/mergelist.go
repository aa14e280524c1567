// Package mergelist reads lists of packages to be merged or removed: the output of
// "emerge --pretend", the resume lists in mtimedb, and the live status of a running
// emerge.
//
// # Grammar
//
// A line of "emerge --pretend" (lib/_emerge/resolver/output.py) is
//
//	[ebuild  N    ] CPV[:SLOT][::REPO] [to ROOT] [OLD] USE="..." SIZE
//	[binary   R   ] CPV[-BUILD_ID][:SLOT][::REPO] ...
//
// The first brackets hold the kind and letters. With --columns, the version is a
// word of its own, and the root follows the version that was installed before:
//
//	[ebuild     U ] CP  [VERSION[-BUILD_ID][:SLOT][::REPO]] [OLD]to ROOT
//
// With --columns --quiet, a line has no brackets and does not show whether the
// package is binary: " U  CP VERSION [OLD]". Such a line is not
// understood. Lines that begin with other words ([nomerge], [uninstall], [blocks
// B]) merge nothing. Colours (SGR sequences) and all other lines are ignored.
//
// "emerge --pretend --depclean" lists everything in one line:
//
//	All selected packages: =CPV =CPV ...
//
// mtimedb (lib/portage/util/mtimedb.py) is JSON. Its keys resume and resume_backup
// (lib/_emerge/actions.py, Scheduler.py:1750) each hold a mergelist of [kind, root,
// cpv, action]. While emerge runs, resume lists the unfinished packages, including
// those that are being built.
//
// The live status is one JSON object per emerge, written with
// FEATURES=observability to /run/portage/emerge-PID.json
// (lib/_emerge/_observability.py), schema 1.
package mergelist

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"emaudit/parse/atom"
)

// Item is one package to be merged.
type Item struct {
	CPV    string
	Root   string // "" if the source does not name it
	Binary bool
}

// maxLine bounds a line of "emerge --pretend", in bytes. The longest lines, with
// the USE flags of a large package, have some thousand bytes.
const maxLine = 1 << 20

// Pretend is the content of the output of "emerge --pretend".
type Pretend struct {
	Items []Item
	// NotUnderstood are the lines that merge a package but do not fully identify it.
	// In a text without any item, lines that are only the name of a package are among
	// them: people try that.
	NotUnderstood []Line
}

// Line is a line that was not understood.
type Line struct {
	Number int // counted from 1
	Text   string
}

// ReadPretend reads the output of "emerge --pretend". The error is an error of r. A
// line of more than 1 MiB ends the list with an error.
func ReadPretend(r io.Reader) (Pretend, error) {
	var p Pretend
	var names []Line
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for number := 1; lines.Scan(); number++ {
		switch item, is, ok := parsePretend(lines.Bytes()); {
		case ok:
			p.Items = append(p.Items, item)
		case is:
			p.NotUnderstood = append(p.NotUnderstood, Line{number, lines.Text()})
		case isName(strings.Fields(lines.Text())):
			names = append(names, Line{number, lines.Text()})
		}
	}
	if len(p.Items)+len(p.NotUnderstood) == 0 {
		p.NotUnderstood = names
	}
	if err := lines.Err(); err != nil {
		return p, fmt.Errorf("merge list: %w", err)
	}
	return p, nil
}

// parsePretend reads a line. is reports that the line merges a package; ok reports
// that item identifies the package.
func parsePretend(line []byte) (item Item, is, ok bool) {
	line = bytes.TrimSpace(withoutColour(line))
	switch {
	case bytes.HasPrefix(line, []byte("[ebuild")):
	case bytes.HasPrefix(line, []byte("[binary")):
		item.Binary = true
	default:
		return item, isQuietColumns(strings.Fields(string(line))), false
	}
	_, rest, found := strings.Cut(string(line), "] ")
	words := strings.Fields(rest)
	if !found || len(words) == 0 {
		return item, true, false
	}
	name := withoutSlot(words[0])
	if item.CPV, ok = withoutBuildID(name); !ok && len(words) > 1 {
		version, bracketed := strings.CutPrefix(words[1], "[")
		version, closed := strings.CutSuffix(version, "]")
		if bracketed && closed {
			item.CPV, ok = withoutBuildID(name + "-" + withoutSlot(version))
		}
	}
	for i, w := range words[1:] {
		if _, after, _ := strings.Cut(w, "]"); (w == "to" || after == "to") && i+2 < len(words) && strings.HasPrefix(words[i+2], "/") {
			item.Root = words[i+2]
			break
		}
	}
	return item, true, ok
}

// withoutSlot cuts ":SLOT" and "::REPO" from a name.
func withoutSlot(name string) string {
	name, _, _ = strings.Cut(name, ":")
	return name
}

// isQuietColumns reports whether a line of --columns --quiet merges a package: only
// letters stand before a cp and a version.
func isQuietColumns(words []string) bool {
	for i := range min(len(words)-1, 4) {
		if _, err := atom.ParseCPV(words[i] + "-" + withoutSlot(words[i+1])); err == nil {
			return true
		}
		if len(strings.Trim(words[i], "NSUDRrfFIBb~*#%")) > 0 {
			return false
		}
	}
	return false
}

// isName reports whether a line is only the name of a package.
func isName(words []string) bool {
	if len(words) != 1 {
		return false
	}
	name := strings.TrimLeft(words[0], "=<>~")
	if category, pn, ok := strings.Cut(name, "/"); ok {
		_, err := atom.ParseCPV(name)
		return err == nil || atom.ValidPN(pn) && category != ""
	}
	_, _, ok := atom.SplitPF(name)
	return ok || atom.ValidPN(name)
}

// withoutBuildID returns a cpv without the build id that may follow it.
func withoutBuildID(name string) (cpv string, ok bool) {
	if _, err := atom.ParseCPV(name); err == nil {
		return name, true
	}
	c, _, err := atom.ParseCPVBuildID(name)
	if err != nil {
		return "", false
	}
	return c.String(), true
}

// withoutColour removes SGR sequences (ECMA-48, 8.3.117).
func withoutColour(line []byte) []byte {
	if bytes.IndexByte(line, '\x1b') < 0 {
		return line
	}
	var plain []byte
	for {
		i := bytes.Index(line, []byte("\x1b["))
		if i < 0 {
			return append(plain, line...)
		}
		plain = append(plain, line[:i]...)
		end := bytes.IndexByte(line[i:], 'm')
		if end < 0 {
			return plain
		}
		line = line[i+end+1:]
	}
}

// ErrNoList means that an mtimedb has nothing to resume.
var ErrNoList = errors.New("mtimedb: nothing to resume")

// ParseResume reads the list in mtimedb that "emerge --resume" would use: resume,
// or resume_backup if resume is empty. If both are empty, the error wraps
// [ErrNoList].
func ParseResume(mtimedb []byte) ([]Item, error) {
	type resume struct {
		MergeList [][]json.RawMessage `json:"mergelist"`
	}
	var db struct {
		Resume       json.RawMessage `json:"resume"`
		ResumeBackup json.RawMessage `json:"resume_backup"`
	}
	if err := json.Unmarshal(mtimedb, &db); err != nil {
		return nil, fmt.Errorf("mtimedb: %w", err)
	}
	for _, raw := range []json.RawMessage{db.Resume, db.ResumeBackup} {
		var list resume
		// A value that is not an object holds no list; mtimedb has both {} and
		// null.
		if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
			continue
		}
		var items []Item
		for _, entry := range list.MergeList {
			if item, ok := resumeItem(entry); ok {
				items = append(items, item)
			}
		}
		if len(items) > 0 {
			return items, nil
		}
	}
	return nil, ErrNoList
}

// resumeItem reads [kind, root, cpv, action].
func resumeItem(entry []json.RawMessage) (item Item, ok bool) {
	var words [4]string
	if len(entry) < len(words) {
		return item, false
	}
	for i := range words {
		if json.Unmarshal(entry[i], &words[i]) != nil {
			return item, false
		}
	}
	if words[3] != "merge" {
		return item, false
	}
	item = Item{Root: words[1], Binary: words[0] == "binary"}
	item.CPV, ok = withoutBuildID(words[2])
	return item, ok
}
