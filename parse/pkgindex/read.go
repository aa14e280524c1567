package pkgindex

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"emaudit/parse"
)

// MaxSize is the largest accepted size of a decompressed index, in bytes. The index
// of a public binhost has tens of megabytes. The limit stops gzip bombs.
const MaxSize = 256 << 20

// MaxDiagnostics is the number of diagnostics that Parse keeps. It only counts
// further ones, because each line of a file that is not an index would produce one.
const MaxDiagnostics = 1000

// The codes of diagnostics.
const (
	// CodeRefused: Portage discards the whole index.
	CodeRefused = "index-refused"
	// CodeEarlyEnd: Portage stops at this stanza, although more follow.
	CodeEarlyEnd = "index-early-end"
	// CodeTorn: the index does not end with an empty line. It may be truncated.
	CodeTorn = "index-torn"
	// CodeLine: the line does not have the form "key: value".
	CodeLine = "index-line"
	// CodeDuplicateKey: the stanza repeats a key.
	CodeDuplicateKey = "index-duplicate-key"
	// CodeEncoding: the index is not valid UTF-8.
	CodeEncoding = "index-encoding"
	// CodeNumber: the value is not a number.
	CodeNumber = "index-number"
	// CodeDigest: the value cannot be an MD5 or SHA1.
	CodeDigest = "index-digest"
	// CodeSlot: the SLOT is invalid, and Portage uses 0.
	CodeSlot = "index-slot"
	// CodeCPV: the entry has no CPV, or one that is not category, name and version.
	CodeCPV = "index-cpv"
	// CodePath: the PATH leads, or may lead, out of PKGDIR.
	CodePath = "index-path"
	// CodeDuplicatePath: two entries have the same PATH.
	CodeDuplicatePath = "index-duplicate-path"
	// CodeDuplicateInstance: another entry shadows this one.
	CodeDuplicateInstance = "index-duplicate-instance"
	// CodeCount: PACKAGES differs from the number of entries.
	CodeCount = "index-count"
	// CodeMore: there are more diagnostics than MaxDiagnostics.
	CodeMore = "index-more"
)

// Parse reads the text of an index. If Portage refuses the header, Parse reads
// neither entries nor damage, because the file may not be an index and diagnostics
// quote it. The strings of the index share one copy of the text.
func Parse(b []byte) (*Index, []parse.Diagnostic) {
	p := parser{text: string(b)}
	p.cr = strings.IndexByte(p.text, '\r') >= 0
	if !utf8.ValidString(p.text) {
		p.diagnose(invalidAt(p.text), CodeEncoding, "the index is not valid UTF-8: Portage replaces the bytes in question")
	}

	index := &Index{}
	header, _ := p.stanza()
	index.Header = header
	if index.Refused = refusal(header); index.Refused != "" {
		// The file may not be an index but a private file that somebody linked to.
		// Its content must not get into diagnostics, which others can read.
		return index, []parse.Diagnostic{parse.Diagnosef(0, CodeRefused, "Portage uses nothing of the index: %s", index.Refused)}
	}
	p.entries(index)
	if index.Refused != "" {
		p.diagnose(0, CodeRefused, "Portage uses nothing of the index: %s", index.Refused)
		for i := range index.Entries {
			index.Entries[i].Hidden = IndexRefused
		}
	}

	n := len(p.text)
	if n > 0 && !p.closed {
		p.diagnose(n, CodeTorn, "the index does not end with an empty line: it may have been cut off")
	}
	if want, ok := index.PackageCount(); ok && want != int64(len(index.Entries)) {
		p.diagnose(0, CodeCount, "PACKAGES is %d, but there are %d entries", want, len(index.Entries))
	}
	if p.more > 0 {
		p.diags = append(p.diags, parse.Diagnosef(int64(n), CodeMore, "%d more pieces of damage", p.more))
	}
	return index, p.diags
}

// refusal returns the reason why Portage discards an index with this header
// (bintree.py:2429), or "".
func refusal(header Fields) string {
	version := header.Get("VERSION")
	if version == "" {
		return "the header has no VERSION"
	}
	switch n, ok := parseInt(version); {
	case !ok:
		return "VERSION is not a number"
	case n > 0:
		return fmt.Sprintf("VERSION is %d, and Portage knows 0 only", n)
	}
	return ""
}

// entries reads the stanzas after the header.
func (p *parser) entries(index *Index) {
	// Nearly all real entries have more than 300 bytes.
	index.Entries = make([]Entry, 0, (len(p.text)-p.pos)/384)
	seen := newSeen(cap(index.Entries))
	end := contentEnd(p.text)
	ended := false
	for p.pos < len(p.text) {
		start := p.pos
		fields, known := p.stanza()
		if len(fields) > 0 {
			e := p.entry(index.Header, fields, start)
			switch {
			case ended:
				e.Hidden = AfterEnd
			case e.CPV == "":
				e.Hidden = WithoutCPV
			case !p.validCPV(&e) && index.Refused == "":
				index.Refused = fmt.Sprintf("it fails at the CPV %.80q", e.CPV)
			}
			index.Entries = append(index.Entries, e)
			p.compare(index, seen)
		}
		if !known && !ended {
			ended = true
			if p.pos < end {
				p.diagnose(start, CodeEarlyEnd, "Portage stops reading here: the stanza has no key that it knows")
			}
		}
	}
}

// parser is the state of one call of Parse.
type parser struct {
	text string
	pos  int
	// closed reports whether the last stanza ended with an empty line.
	closed bool
	// cr reports whether the text has a carriage return. Python's universal
	// newlines also end a line there, but real indexes have none.
	cr    bool
	arena Fields
	diags []parse.Diagnostic
	more  int
}

func (p *parser) diagnose(offset int, code, format string, args ...any) {
	if len(p.diags) >= MaxDiagnostics {
		p.more++
		return
	}
	p.diags = append(p.diags, parse.Diagnosef(int64(offset), code, format, args...))
}

// arenaSize is the number of fields in one allocation: about a hundred entries, at
// 32 bytes for each field.
const arenaSize = 2048

// manyFields is the number of keys from which a map finds duplicates. Entries have
// about twenty keys. Comparing a million keys of a hostile stanza one by one would
// take quadratic time.
const manyFields = 64

// stanza reads up to and including the next empty line, or to the end of the text.
// It returns the fields in order, and whether Portage knows any of their keys.
func (p *parser) stanza() (fields Fields, known bool) {
	// The fields of many stanzas share one allocation. For a stanza that does not
	// fit, append moves its fields to a new one.
	if cap(p.arena)-len(p.arena) < manyFields {
		p.arena = make(Fields, 0, arenaSize)
	}
	first := len(p.arena)
	var positions map[string]int
	p.closed = false
	for p.pos < len(p.text) {
		start := p.pos
		line := p.line()
		if line == "" {
			p.closed = true
			break
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			p.diagnose(start, CodeLine, "line without a colon: %.80q", line)
			continue
		}
		key = fileName(key)
		if value != "" {
			if value[0] != ' ' {
				p.diagnose(start, CodeLine, "no blank after the colon: Portage drops the first character of the value: %.80q", line)
			}
			_, size := utf8.DecodeRuneInString(value)
			value = value[size:]
		}
		known = known || KnownToPortage(key)

		fields = p.arena[first:]
		var at int
		if len(fields) < manyFields {
			at = slices.IndexFunc(fields, func(f Field) bool { return f.Key == key })
		} else {
			if positions == nil {
				positions = make(map[string]int, 2*manyFields)
				for i := range fields {
					positions[fields[i].Key] = i
				}
			}
			i, ok := positions[key]
			if !ok {
				i = -1
				positions[key] = len(fields)
			}
			at = i
		}
		if at >= 0 {
			p.diagnose(start, CodeDuplicateKey, "key given twice, the last value counts: %.80q", line)
			fields[at].Value = value
			continue
		}
		p.arena = append(p.arena, Field{key, value})
	}
	return p.arena[first:len(p.arena):len(p.arena)], known
}

// line returns the next line without its line end.
func (p *parser) line() string {
	rest := p.text[p.pos:]
	end := strings.IndexByte(rest, '\n')
	if p.cr {
		end = strings.IndexAny(rest, "\r\n")
	}
	if end < 0 {
		p.pos = len(p.text)
		return rest
	}
	p.pos += end + 1
	if rest[end] == '\r' && p.pos < len(p.text) && p.text[p.pos] == '\n' {
		p.pos++
	}
	return rest[:end]
}

// contentEnd returns the offset after which only line ends follow.
func contentEnd(s string) int { return len(strings.TrimRight(s, "\r\n")) }

func invalidAt(s string) int {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(s)
}
