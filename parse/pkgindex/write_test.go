package pkgindex_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"emaudit/parse/pkgindex"

	"github.com/google/go-cmp/cmp"
)

func TestWriteOrdersAndOmitsAsPortageDoes(t *testing.T) {
	t.Parallel()
	index := &pkgindex.Index{
		Header: pkgindex.Fields{
			{Key: "VERSION", Value: "0"},
			{Key: "REPO", Value: "gentoo"},
			{Key: "CHOST", Value: "x86_64-pc-linux-gnu"},
			{Key: "URI", Value: ""},
		},
		Entries: []pkgindex.Entry{
			{Fields: pkgindex.Fields{
				{Key: "CPV", Value: "b/b-1"},
				{Key: "REPO", Value: "gentoo"},
				{Key: "CHOST", Value: "i686-pc-linux-gnu"},
				{Key: "SLOT", Value: "0"},
				{Key: "EAPI", Value: "0"},
				{Key: "USE", Value: ""},
			}},
			{Fields: pkgindex.Fields{
				{Key: "MTIME", Value: "5"},
				{Key: "REPO", Value: "lab"},
				{Key: "DESC", Value: "of DESCRIPTION"},
				{Key: "DEFINED_PHASES", Value: "-"},
				{Key: "EAPI", Value: "8"},
				{Key: "CPV", Value: "b/b-1"},
				{Key: "X_UNKNOWN", Value: "kept"},
			}},
			// Not the order of versions, but that of strings.
			{Fields: pkgindex.Fields{{Key: "CPV", Value: "a/a-10"}}},
			{Fields: pkgindex.Fields{{Key: "CPV", Value: "a/a-9"}}},
		},
	}
	before := write(t, index)
	want := `CHOST: x86_64-pc-linux-gnu
VERSION: 0
REPO: gentoo

CPV: a/a-10

CPV: a/a-9

CHOST: i686-pc-linux-gnu
CPV: b/b-1

CPV: b/b-1
DEFINED_PHASES: -
DESC: of DESCRIPTION
EAPI: 8
X_UNKNOWN: kept
MTIME: 5
REPO: lab

`
	if diff := cmp.Diff(want, before); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
	if index.Entries[0].Fields[0].Value != "b/b-1" || index.Header[0].Key != "VERSION" {
		t.Error("Write changed the index")
	}
}

func TestSetReplacesOrAppends(t *testing.T) {
	t.Parallel()
	var index pkgindex.Index
	index.Header.Set("VERSION", "0")
	index.Header.Set("TIMESTAMP", "1")
	index.Header.Set("TIMESTAMP", "2")
	index.Header.Set("URI", "")
	if got, want := write(t, &index), "TIMESTAMP: 2\nVERSION: 0\n\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestWriteRefusesWhatWouldNotBeReadBack(t *testing.T) {
	t.Parallel()
	cpv := pkgindex.Field{Key: "CPV", Value: "a/b-1"}
	for _, test := range []struct {
		name   string
		header pkgindex.Fields
		entry  pkgindex.Fields
		want   string
	}{
		{"no CPV", nil, pkgindex.Fields{{Key: "SIZE", Value: "1"}}, "package index: entry 0: no CPV"},
		{"line end in a value", nil, pkgindex.Fields{cpv, {Key: "DESC", Value: "a\nPATH: /etc/passwd"}}, `package index: entry 0: "a/b-1": DESC: line end in the value`},
		{"carriage return in a value", pkgindex.Fields{{Key: "URI", Value: "a\r"}}, pkgindex.Fields{cpv}, "package index: header: URI: line end in the value"},
		{"colon in a key", nil, pkgindex.Fields{cpv, {Key: "A:B", Value: "c"}}, `package index: entry 0: "a/b-1": key "A:B": colon or line end`},
		{"a key twice", nil, pkgindex.Fields{cpv, {Key: "X", Value: "1"}, {Key: "X", Value: "2"}}, `package index: entry 0: "a/b-1": key "X" given twice`},
		{"a key under both names", nil, pkgindex.Fields{cpv, {Key: "MTIME", Value: "1"}, {Key: "_mtime_", Value: "2"}}, `package index: entry 0: "a/b-1": key "MTIME" given twice`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			err := pkgindex.Write(&b, &pkgindex.Index{Header: test.header, Entries: []pkgindex.Entry{{Fields: test.entry}}})
			if err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
			if b.Len() > 0 {
				t.Errorf("wrote %q", b.String())
			}
		})
	}
}

func TestWriteReturnsErrorsOfItsOutput(t *testing.T) {
	t.Parallel()
	full := errors.New("no space left on device")
	index, _ := pkgindex.Parse([]byte(header + strings.Repeat("CPV: a/b-1\n\n", 1000)))
	if err := pkgindex.Write(failingWriter{full}, index); !errors.Is(err, full) {
		t.Errorf("Write: %v", err)
	}
	if err := pkgindex.WriteGzip(failingWriter{full}, index); !errors.Is(err, full) {
		t.Errorf("WriteGzip: %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
