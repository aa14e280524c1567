package pkgindex_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"emaudit/parse/pkgindex"

	"github.com/google/go-cmp/cmp"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/broken/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(header + "CPV: a/b-1\r\nSLOT:3\r\r\n\nCPV: a/b-1\nREPO: gentoo\n\n\nDESC: x"))
	f.Add([]byte("VERSION: 0\n\nX: 1\n\nCPV: a/b-1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		index, diags := pkgindex.Parse(text)

		for _, d := range diags {
			if d.Offset < 0 || d.Offset > int64(len(text)) || d.Code == "" || d.Message == "" {
				t.Errorf("diagnostic %+v in %d bytes", d, len(text))
			}
		}
		last := int64(-1)
		for _, e := range index.Entries {
			if e.Offset <= last || e.Offset >= int64(len(text)) {
				t.Errorf("entry at %d after one at %d, in %d bytes", e.Offset, last, len(text))
			}
			last = e.Offset
			if !filepath.IsLocal(e.Path) && e.Path != "" {
				t.Errorf("path %q", e.Path)
			}
		}
		agreesWithPlainReader(t, text, index)
		survivesWriting(t, index)
	})
}

// survivesWriting checks that what is written can be read back, and that
// writing is idempotent.
func survivesWriting(t *testing.T, index *pkgindex.Index) {
	kept := *index
	kept.Entries = nil
	for _, e := range index.Entries {
		if e.CPV != "" {
			kept.Entries = append(kept.Entries, e)
		}
	}
	text := write(t, &kept)
	again, _ := pkgindex.Parse([]byte(text))
	if diff := cmp.Diff(text, write(t, again)); diff != "" {
		t.Errorf("written twice (-first +second):\n%s", diff)
	}

	slices.SortStableFunc(kept.Entries, func(a, b pkgindex.Entry) int { return strings.Compare(a.CPV, b.CPV) })
	if len(again.Entries) != len(kept.Entries) {
		t.Fatalf("%d entries, %d read back", len(kept.Entries), len(again.Entries))
	}
	for i := range kept.Entries {
		want, got := kept.Entries[i], again.Entries[i]
		for _, field := range want.Fields {
			if g, w := got.Value(field.Key), want.Value(field.Key); g != w {
				t.Errorf("%s: %s is %q, was %q", want.CPV, field.Key, g, w)
			}
		}
		// These three say where an entry was found and how it was written.
		want.Offset, want.Hidden, want.Fields = got.Offset, got.Hidden, got.Fields
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read back (-written +read):\n%s", diff)
		}
	}
}

// innerNames are the names inside Portage of keys that have another one in the
// file.
var innerNames = []string{"DESCRIPTION", "_mtime_", "repository"}

// FuzzWrite checks that any index whose header Portage accepts is either refused or
// read back as it is.
func FuzzWrite(f *testing.F) {
	f.Add("VERSION", "1", "SLOT", "0", "REPO", "gentoo")
	f.Add("REPO", "gentoo", "SLOT", "1", "REPO", "gentoo")
	f.Add("", "", "SLOT", " ", "CPV", "x")
	f.Add("A:", "\r", "_mtime_", "\n", "MTIME", "x")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 string) {
		index := &pkgindex.Index{
			Header: pkgindex.Fields{{Key: "VERSION", Value: "0"}, {Key: k1, Value: v1}},
			Entries: []pkgindex.Entry{
				{Fields: pkgindex.Fields{{Key: "CPV", Value: "a/b-1"}, {Key: k2, Value: v2}, {Key: k3, Value: v3}}},
				{Fields: pkgindex.Fields{{Key: k3, Value: v3}, {Key: "CPV", Value: "a/a-1"}}},
			},
		}
		var b bytes.Buffer
		if err := pkgindex.Write(&b, index); err != nil {
			if b.Len() > 0 {
				t.Errorf("refused, but wrote %q", b.String())
			}
			return
		}
		again, _ := pkgindex.Parse(b.Bytes())
		if again.Refused != "" {
			// The header has no VERSION that Portage knows, which Write leaves to the caller.
			return
		}
		if len(again.Entries) != 2 {
			t.Fatalf("%d entries in %q", len(again.Entries), b.String())
		}
		if got := write(t, again); got != b.String() {
			t.Errorf("wrote %q, then %q", b.String(), got)
		}
		// Of the keys with two names, the field may have the other one.
		if got := again.Entries[1].Value(k2); got != v2 && v2 != "" && !slices.Contains(innerNames, k2) {
			t.Errorf("wrote %s as %q, read %q", k2, v2, got)
		}
	})
}

// agreesWithPlainReader compares with a reader that does what the package
// comment says line by line: what it sees is what is not hidden.
func agreesWithPlainReader(t *testing.T, text []byte, index *pkgindex.Index) {
	if !utf8.Valid(text) || index.Refused != "" {
		return
	}
	want := plainRead(string(text))
	var got []map[string]string
	for _, e := range index.Entries {
		if e.Hidden == pkgindex.AfterEnd || e.Hidden == pkgindex.WithoutCPV {
			continue
		}
		m := make(map[string]string)
		for key := range knownKeys {
			if v := e.Value(key); v != "" {
				m[key] = v
			}
		}
		got = append(got, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-plain +fast):\n%s", diff)
	}
}

var knownKeys = func() map[string]bool {
	known := make(map[string]bool)
	for key := range strings.FieldsSeq(`BASE_URI BDEPEND BUILD_ID BUILD_TIME CHOST CPV DEFINED_PHASES DEPEND DESC EAPI
		FETCHCOMMAND IDEPEND IUSE KEYWORDS LICENSE MD5 MTIME PATH PDEPEND PKGINDEX_URI PROPERTIES PROVIDES RDEPEND
		REPO REQUIRES RESTRICT RESUMECOMMAND SHA1 SIZE SLOT USE`) {
		known[key] = true
	}
	return known
}()

func plainRead(text string) []map[string]string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	lines := strings.Split(text, "\n")
	var stanzas []map[string]string
	stanza := make(map[string]string)
	for _, line := range lines {
		if line == "" {
			stanzas = append(stanzas, stanza)
			stanza = make(map[string]string)
			continue
		}
		colon := strings.Index(line, ":")
		if colon < 0 {
			continue
		}
		key, value := line[:colon], []rune(line[colon+1:])
		if len(value) > 0 {
			value = value[1:]
		}
		switch key {
		case "DESCRIPTION":
			key = "DESC"
		case "_mtime_":
			key = "MTIME"
		case "repository":
			key = "REPO"
		}
		if len(stanzas) == 0 || knownKeys[key] {
			stanza[key] = string(value)
		}
	}
	stanzas = append(stanzas, stanza)

	var packages []map[string]string
	for _, s := range stanzas[1:] {
		if len(s) == 0 {
			break
		}
		if s["CPV"] == "" {
			continue
		}
		for key, value := range map[string]string{
			"SLOT": "0", "EAPI": "0", "CHOST": stanzas[0]["CHOST"], "REPO": stanzas[0]["REPO"],
		} {
			if s[key] == "" {
				s[key] = value
			}
		}
		maps.DeleteFunc(s, func(_, value string) bool { return value == "" })
		packages = append(packages, s)
	}
	return packages
}
