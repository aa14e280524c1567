package pkgindex

import (
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"emaudit/parse"
)

// MaxSize is the largest text of an index that is read, in bytes, after
// decompression. The index of a public binary-package host has some tens of
// megabytes; the limit is what keeps a gzip bomb out of memory.
const MaxSize = 256 << 20

// MaxDiagnostics is the number of diagnostics after which Parse counts the
// others instead of keeping them: every line of a file that is no index at all
// would give one.
const MaxDiagnostics = 1000

// Codes of the diagnostics of this package.
const (
	// CodeRefused is an index of which Portage uses nothing.
	CodeRefused = "index-refused"
	// CodeEarlyEnd is a stanza at which Portage stops reading although more
	// follows.
	CodeEarlyEnd = "index-early-end"
	// CodeTorn is an index that does not end with an empty line, as if it had
	// been cut off.
	CodeTorn = "index-torn"
	// CodeLine is a line that is not of the form "key: value".
	CodeLine = "index-line"
	// CodeDuplicateKey is a key that a stanza gives twice.
	CodeDuplicateKey = "index-duplicate-key"
	// CodeEncoding is an index that is not valid UTF-8.
	CodeEncoding = "index-encoding"
	// CodeNumber is a number that is not one.
	CodeNumber = "index-number"
	// CodeDigest is an MD5 or SHA1 that cannot be one.
	CodeDigest = "index-digest"
	// CodeSlot is a SLOT that Portage reads as 0.
	CodeSlot = "index-slot"
	// CodeCPV is an entry without a CPV, or with one that is not category,
	// name and version.
	CodeCPV = "index-cpv"
	// CodePath is a PATH that leads, or may lead, out of PKGDIR.
	CodePath = "index-path"
	// CodeDuplicatePath is a PATH that two entries give.
	CodeDuplicatePath = "index-duplicate-path"
	// CodeDuplicateInstance is an entry that another one shadows.
	CodeDuplicateInstance = "index-duplicate-instance"
	// CodeCount is a PACKAGES that differs from the number of entries.
	CodeCount = "index-count"
	// CodeMore stands for the diagnostics beyond MaxDiagnostics.
	CodeMore = "index-more"
)

// Read reads the text of an index, such as the file Packages, up to [MaxSize].
// The error is an I/O error or the excess of that limit; the index is then nil.
func Read(r io.Reader) (*Index, []parse.Diagnostic, error) {
	text, err := readText(r)
	if err != nil {
		return nil, nil, fmt.Errorf("package index: %w", err)
	}
	index, diags := Parse(text)
	return index, diags, nil
}

// ReadGzip reads a compressed index, such as the file Packages.gz. Offsets are
// those of the decompressed text. The errors are those of [Read] and those of
// the decompression.
func ReadGzip(r io.Reader) (*Index, []parse.Diagnostic, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, nil, fmt.Errorf("package index: gzip: %w", err)
	}
	defer z.Close() // It only returns what reading has returned already.
	text, err := readText(z)
	if err != nil {
		return nil, nil, fmt.Errorf("package index: gzip: %w", err)
	}
	index, diags := Parse(text)
	return index, diags, nil
}

func readText(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > MaxSize {
		return nil, fmt.Errorf("the text has more than %d bytes", MaxSize)
	}
	return text, nil
}

// Parse reads the text of an index. Of one whose header Portage refuses, neither
// entries nor damage are read: they would quote a file that is perhaps no index.
// The strings of the index share one copy of
// the text, which lives as long as any of them.
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
		// Nothing shows that it is an index. It may be a private file to which
		// somebody made a link, and diagnostics are read by others.
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

// refusal returns the reason for which Portage discards an index with a header,
// empty if it does not (bintree.py:2429).
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

// entries reads what follows the header.
func (p *parser) entries(index *Index) {
	// Nearly every entry of a real index has more than 300 bytes.
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

// parser holds the state of one reading.
type parser struct {
	text string
	pos  int
	// closed says whether the last stanza ended with an empty line.
	closed bool
	// cr says whether there is a carriage return anywhere: Python's universal
	// newlines end a line at it too, but real indexes have none.
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

// arenaSize is the number of fields that are allocated at once: some hundred
// entries, at 32 bytes a field.
const arenaSize = 2048

// manyFields is the number of keys in a stanza from which on a map finds the
// duplicates. Entries have some twenty; searching a hostile stanza of a million
// keys one by one would take quadratic time.
const manyFields = 64

// stanza reads up to and with the next empty line, or to the end of the text.
// It returns the fields in order, and whether Portage knows any of their keys.
func (p *parser) stanza() (fields Fields, known bool) {
	// The fields of many stanzas share one allocation. A stanza that does not
	// fit moves to a new one when append makes it.
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

// line returns the next line without its end.
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

// contentEnd returns the offset behind which there are only line ends.
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
