package pkgindex

import (
	"io/fs"
	"strconv"
	"strings"

	"emaudit/parse/atom"
)

// entry returns the typed record of one stanza.
func (p *parser) entry(header, fields Fields, offset int) Entry {
	e := Entry{
		Slot:    defaultValue("SLOT"),
		SubSlot: defaultValue("SLOT"),
		EAPI:    defaultValue("EAPI"),
		Offset:  int64(offset),
		Fields:  fields,
	}
	var path string
	for _, f := range fields {
		if f.Value == "" {
			continue
		}
		switch f.Key {
		case "CPV":
			e.CPV = f.Value
		case "BUILD_ID":
			e.BuildID = p.number(f, offset)
		case "BUILD_TIME":
			e.BuildTime = p.number(f, offset)
		case "SIZE":
			e.Size = p.number(f, offset)
		case "MTIME":
			e.MTime = p.number(f, offset)
		case "MD5":
			e.MD5 = p.digest(f, offset, 32)
		case "SHA1":
			e.SHA1 = p.digest(f, offset, 40)
		case "PATH":
			path = f.Value
		case "SLOT":
			p.slot(&e, f.Value)
		case "REPO":
			e.Repo = f.Value
		case "EAPI":
			e.EAPI = f.Value
		case "CHOST":
			e.CHOST = f.Value
		case "USE":
			e.USE = f.Value
		}
	}
	if e.CHOST == "" {
		e.CHOST = header.Get("CHOST")
	}
	if e.Repo == "" {
		e.Repo = header.Get("REPO")
	}
	if e.CPV == "" {
		p.diagnose(offset, CodeCPV, "entry without a CPV: Portage does not see it")
	}
	if path == "" && e.CPV != "" {
		path = e.CPV + ".tbz2"
	}
	if path != "" {
		if fs.ValidPath(path) && path != "." && strings.IndexByte(path, 0) < 0 {
			e.Path = path
		} else {
			p.diagnose(offset, CodePath, "%.80s: PATH is not a plain path below PKGDIR: %.200q", e.CPV, path)
		}
	}
	return e
}

// validCPV reports whether Portage accepts the CPV of an entry. A CPV that it does
// not accept raises an exception that nothing catches (bintree.py:1043). It accepts
// a CPV without a category, which no atom matches.
func (p *parser) validCPV(e *Entry) bool {
	_, err := atom.ParseCPV(e.CPV)
	if err == nil {
		return true
	}
	p.diagnose(int(e.Offset), CodeCPV, "%v", err)
	_, _, ok := atom.SplitPF(e.CPV)
	return ok
}

// number returns -1 for a text that is not a number, like Portage
// (versions.py:_long).
func (p *parser) number(f Field, offset int) int64 {
	n, ok := parseInt(f.Value)
	if !ok {
		p.diagnose(offset, CodeNumber, "%s is not a number: %.80q", f.Key, f.Value)
		return -1
	}
	return n
}

func (p *parser) digest(f Field, offset, length int) string {
	v := strings.ToLower(strings.TrimSpace(f.Value))
	ok := len(v) == length
	for i := 0; ok && i < len(v); i++ {
		ok = '0' <= v[i] && v[i] <= '9' || 'a' <= v[i] && v[i] <= 'f'
	}
	if !ok {
		p.diagnose(offset, CodeDigest, "%s is not one: %.80q", f.Key, f.Value)
		return ""
	}
	return v
}

func (p *parser) slot(e *Entry, value string) {
	slot, sub, ok := atom.ParseSlot(value)
	if !ok {
		p.diagnose(int(e.Offset), CodeSlot, "SLOT is not valid, Portage takes 0: %.80q", value)
		return
	}
	e.Slot, e.SubSlot = slot, sub
}

// parseInt reads a number like Python's int, which Portage uses for all numbers of
// the index. It refuses digits that are not ASCII and numbers of more than 64 bits.
func parseInt(s string) (n int64, ok bool) {
	s = strings.TrimSpace(s)
	digits := s
	if s != "" && (s[0] == '+' || s[0] == '-') {
		digits = s[1:]
	}
	if strings.Contains(digits, "_") {
		if digits[0] == '_' || digits[len(digits)-1] == '_' || strings.Contains(digits, "__") {
			return 0, false
		}
		s = strings.ReplaceAll(s, "_", "")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// seen records properties of the previous entries.
type seen struct {
	instances map[instance]int
	paths     map[string]int
}

// instance identifies a package file in Portage: entries with equal fields are the
// same file (virtual.py:53).
type instance struct {
	cpv                             string
	buildID, size, buildTime, mtime int64
}

func newSeen(n int) seen {
	return seen{make(map[instance]int, n), make(map[string]int, n)}
}

// compare checks the last entry of the index against the previous ones.
func (p *parser) compare(index *Index, seen seen) {
	last := len(index.Entries) - 1
	e := &index.Entries[last]
	if e.Hidden == AfterEnd || e.Hidden == WithoutCPV {
		return
	}
	if e.Path != "" {
		if i, ok := seen.paths[e.Path]; ok {
			p.diagnose(int(e.Offset), CodeDuplicatePath, "%.80s has the PATH of %.80s: %.200q", e.CPV, index.Entries[i].CPV, e.Path)
		}
		seen.paths[e.Path] = last
	}
	id := instance{e.CPV, e.BuildID, e.Size, e.BuildTime, e.MTime}
	if i, ok := seen.instances[id]; ok {
		former := &index.Entries[i]
		if former.Hidden == Visible {
			former.Hidden = Shadowed
		}
		p.diagnose(int(former.Offset), CodeDuplicateInstance, "Portage does not see this entry of %.80s: a later one is the same to it", e.CPV)
	}
	seen.instances[id] = last
}
