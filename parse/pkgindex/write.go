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

// Write writes the text of an index as Portage does. The keys of each stanza are
// sorted by Portage's internal names. Entries are sorted by CPV, and entries with
// equal CPV keep their order. Empty values are omitted, and so are values of
// entries that equal the default or the header.
//
// Write uses only the Header and the Fields of the entries. The caller must set
// TIMESTAMP and PACKAGES. Write also writes hidden entries, which Portage would
// drop.
//
// If the format cannot express the index (an entry without a CPV, a repeated key, a
// line end in a value), Write returns an error and writes nothing. All other errors
// are those of w.
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

// WriteGzip writes the index compressed. Like Portage in Packages.gz, it stores no
// file name in the gzip header, and TIMESTAMP as the time. The errors are those of
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

// sorted returns the entries in Portage's order.
func sorted(entries []Entry) []Entry {
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Compare(a.Fields.Get("CPV"), b.Fields.Get("CPV"))
	})
	return entries
}

// canonical returns the fields to write, in order. It omits empty values and those
// for which implied returns true.
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
