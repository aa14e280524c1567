package pkgindex

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Write writes the text of an index as Portage does: the keys of each stanza
// sorted by the names that they have inside Portage, the entries sorted by CPV
// and otherwise left in order; without empty values, and in the entries without
// what equals the default or what the header says.
//
// It writes the Header and the Fields of the entries and looks at nothing else:
// TIMESTAMP and PACKAGES are the caller's, and a hidden entry is written like
// any other, even though Portage, rewriting the index itself, would drop it.
//
// Where the index cannot be expressed in the format (an entry without a CPV, a
// key given twice, a line end in a value), Write returns an error and writes
// nothing. All other errors are those of w.
func Write(w io.Writer, index *Index) error {
	if err := check(index); err != nil {
		return fmt.Errorf("package index: %w", err)
	}
	b := bufio.NewWriter(w)
	writeStanza(b, canonical(index.Header, func(Field) bool { return false }))
	for _, e := range sorted(index.Entries) {
		writeStanza(b, canonical(e.Fields, func(f Field) bool {
			return f.Value == defaultValue(f.Key) || inherited(f.Key) && f.Value == index.Header.Get(f.Key)
		}))
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("package index: %w", err)
	}
	return nil
}

// WriteGzip writes the index compressed, as Portage writes Packages.gz: no file
// name in the gzip header, and TIMESTAMP for its time. The errors are those of
// [Write].
func WriteGzip(w io.Writer, index *Index) error {
	z := gzip.NewWriter(w)
	if t, ok := index.Timestamp(); ok && t > 0 {
		z.ModTime = time.Unix(t, 0)
	}
	if err := Write(z, index); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("package index: gzip: %w", err)
	}
	return nil
}

// sorted returns the entries in the order in which Portage writes them.
func sorted(entries []Entry) []Entry {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Compare(a.Fields.Get("CPV"), b.Fields.Get("CPV"))
	})
	return entries
}

// canonical returns the fields that are written, in order: those that have a
// value, but for those that are implied.
func canonical(fields Fields, implied func(Field) bool) Fields {
	out := make(Fields, 0, len(fields))
	for _, f := range fields {
		f.Key = fileName(f.Key)
		if f.Value != "" && !implied(f) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Field) int {
		return cmp.Compare(internalName(a.Key), internalName(b.Key))
	})
	return out
}

func writeStanza(b *bufio.Writer, fields Fields) {
	for _, f := range fields {
		b.WriteString(f.Key)
		b.WriteString(": ")
		b.WriteString(f.Value)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

func check(index *Index) error {
	if err := checkFields(index.Header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	for i := range index.Entries {
		fields := index.Entries[i].Fields
		cpv := fields.Get("CPV")
		if cpv == "" {
			return fmt.Errorf("entry %d: no CPV", i)
		}
		if err := checkFields(fields); err != nil {
			return fmt.Errorf("entry %d: %.80q: %w", i, cpv, err)
		}
	}
	return nil
}

func checkFields(fields Fields) error {
	keys := make([]string, len(fields))
	for i, f := range fields {
		if strings.ContainsAny(f.Key, ":\r\n") {
			return fmt.Errorf("key %.80q: colon or line end", f.Key)
		}
		if strings.ContainsAny(f.Value, "\r\n") {
			return fmt.Errorf("%.80s: line end in the value", f.Key)
		}
		keys[i] = fileName(f.Key)
	}
	slices.Sort(keys)
	for i := 1; i < len(keys); i++ {
		if keys[i] == keys[i-1] {
			return fmt.Errorf("key %.80q given twice", keys[i])
		}
	}
	return nil
}
