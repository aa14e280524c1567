package binpkg

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"unicode/utf8"

	"emaudit/parse"
)

// manifestEntry is one line of a Manifest. A hash is nil if the line lacks it.
type manifestEntry struct {
	name    string
	size    int64
	sha512  []byte
	blake2b []byte
}

// manifestMemory holds the entries of one Manifest. The next package reuses its
// memory.
type manifestMemory struct {
	text    []byte
	fields  [][]byte
	entries []manifestEntry
	sums    []byte
}

// read reads the entries of a Manifest, which are valid until the next call. at is
// the offset of text in the file. ok is false if Portage would reject the text: one
// bad line makes it reject the whole Manifest (gpkg.py:1575).
//
// Portage splits lines by Python's rules, under which a form feed, a lone CR and
// U+2028 also end a line. No program writes these, so read refuses all control
// characters except tab and the CR before LF.
func (memory *manifestMemory) read(p *Package, text []byte, at int64) (entries []manifestEntry, ok bool) {
	ok = true
	fail := func(offset int, format string, args ...any) {
		ok = false
		p.diagnose(at+int64(offset), ProblemManifestInvalid, "Manifest: "+format, args...)
	}
	if i := plainText(text); i < len(text) {
		if !utf8.Valid(text) {
			fail(0, "not UTF-8")
		} else {
			fail(i, "byte %#x", text[i])
		}
		return nil, false
	}
	offset := 0
	fields, entries := memory.fields[:0], memory.entries[:0]
	// Reserve room for the decoded hexadecimal digits.
	memory.sums = slices.Grow(memory.sums[:0], len(text)/2)
	sums := memory.sums[:len(text)/2]
	defer func() { memory.fields, memory.entries = fields, entries }()
	for line := range bytes.Lines(text) {
		lineAt := offset
		offset += len(line)
		fields = appendFields(fields[:0], line)
		if len(fields) == 0 {
			if len(bytes.TrimRight(line, "\r\n")) > 0 {
				fail(lineAt, "a line of blanks")
			}
			continue
		}
		if string(fields[0]) != "DATA" || len(fields) < 3 || len(fields)%2 == 0 {
			fail(lineAt, "%q is not DATA NAME SIZE { HASH HEX }", shorten(line))
			continue
		}
		if hidesHash(fields) {
			fail(lineAt, "%q has the name of a hash where none belongs", shorten(line))
			continue
		}
		e := manifestEntry{name: string(fields[1])}
		size, err := strconv.ParseUint(string(fields[2]), 10, 63)
		if err != nil {
			fail(lineAt, "size %q of %q", fields[2], shorten(fields[1]))
			continue
		}
		e.size = int64(size)
		for _, earlier := range entries {
			if earlier.name == e.name {
				p.diagnose(at+int64(lineAt), ProblemManifestDuplicate, "Manifest: %q given twice", shorten(fields[1]))
				ok = false
			}
		}
		for i := 3; i < len(fields); i += 2 {
			var sum []byte
			var err error
			if hash := string(fields[i]); hash == "SHA512" || hash == "BLAKE2B" {
				var n int
				n, err = hex.Decode(sums, fields[i+1])
				sum, sums = sums[:n:n], sums[n:]
			}
			switch string(fields[i]) {
			case "SHA512":
				if err != nil || len(sum) != 64 || e.sha512 != nil {
					fail(lineAt, "SHA512 of %q", shorten(fields[1]))
				}
				e.sha512 = sum
			case "BLAKE2B":
				if err != nil || len(sum) != 64 || e.blake2b != nil {
					fail(lineAt, "BLAKE2B of %q", shorten(fields[1]))
				}
				e.blake2b = sum
			}
		}
		if len(entries) == 2*maxMembers {
			fail(lineAt, "more than %d entries", 2*maxMembers)
			break
		}
		entries = append(entries, e)
	}
	return entries, ok
}

// hidesHash reports whether a line has a word SHA512 or BLAKE2B that is not the
// name of a hash. Portage takes the word after the first such word as the hash,
// whatever its position (gpkg.py:1803).
func hidesHash(fields [][]byte) bool {
	for i, f := range fields {
		if (string(f) == "SHA512" || string(f) == "BLAKE2B") && (i < 3 || i%2 == 0) {
			return true
		}
	}
	return false
}

// matchManifest compares members and entries by name and size, in both directions.
// The result holds the entry of each member, or nil.
func matchManifest(p *Package, entries []manifestEntry, manifest Member) []*manifestEntry {
	matched := make([]*manifestEntry, len(p.Members))
	used := make([]bool, len(entries))
	for i, m := range p.Members {
		if m == manifest {
			continue
		}
		for j := range entries {
			if entries[j].name == m.Base() {
				matched[i], used[j] = &entries[j], true
			}
		}
		e := matched[i]
		switch {
		case e == nil:
			p.diagnose(m.Offset, ProblemManifestUnlisted, "Manifest: no entry for member %q", shorten([]byte(m.Base())))
		case e.size != m.Size:
			p.diagnose(m.Offset, ProblemManifestSize, "Manifest: size of %s: want %d, got %d", e.name, e.size, m.Size)
		}
		if e != nil && (e.sha512 == nil || e.blake2b == nil) {
			// Portage looks up both in each line, and a missing one ends in a
			// traceback (gpkg.py:1803).
			p.diagnose(m.Offset, ProblemManifestHashes, "Manifest: %s: SHA512 %t, BLAKE2B %t", e.name, e.sha512 != nil, e.blake2b != nil)
		}
	}
	for j, e := range entries {
		if !used[j] {
			p.diagnose(manifest.Offset, ProblemManifestAbsent, "Manifest: entry %q without a member", shorten([]byte(e.name)))
		}
	}
	return matched
}

// plainText returns the length of the longest prefix of text that consists of
// printable ASCII, blanks, tabs and line ends (LF or CR LF).
func plainText(text []byte) int {
	for i := 0; i < len(text); {
		i += parse.PrintablePrefix(text[i:])
		for end := min(i+8, len(text)); i < end; i++ {
			c := text[i]
			lineEnd := c == '\n' || c == '\r' && i+1 < len(text) && text[i+1] == '\n'
			if c < ' ' && c != '\t' && !lineEnd || c >= 0x7f {
				return i
			}
		}
	}
	return len(text)
}

// appendFields appends the words of a line. The line must have passed plainText.
func appendFields(fields [][]byte, line []byte) [][]byte {
	isBlank := func(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
	for i := 0; i < len(line); {
		for i < len(line) && isBlank(line[i]) {
			i++
		}
		start := i
		for i < len(line) && !isBlank(line[i]) {
			i++
		}
		if i > start {
			fields = append(fields, line[start:i])
		}
	}
	return fields
}
