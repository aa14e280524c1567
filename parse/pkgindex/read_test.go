package pkgindex_test

import (
	"fmt"
	"strings"
	"testing"

	"emaudit/parse"
	"emaudit/parse/pkgindex"

	"github.com/google/go-cmp/cmp"
)

// header is what Portage writes without a valid profile.
const header = "CHOST: x86_64-pc-linux-gnu\nVERSION: 0\nREPO: gentoo\n\n"

func TestAnEntryInheritsAndHasDefaults(t *testing.T) {
	t.Parallel()
	index, diags := pkgindex.Parse([]byte(header + "CPV: app-misc/foo-1\n\n"))
	if len(diags) > 0 {
		t.Errorf("diagnostics: %v", diags)
	}
	want := []pkgindex.Entry{{
		CPV:     "app-misc/foo-1",
		Path:    "app-misc/foo-1.tbz2",
		Slot:    "0",
		SubSlot: "0",
		EAPI:    "0",
		Repo:    "gentoo",
		CHOST:   "x86_64-pc-linux-gnu",
		Offset:  int64(len(header)),
		Fields:  pkgindex.Fields{{Key: "CPV", Value: "app-misc/foo-1"}},
	}}
	if diff := cmp.Diff(want, index.Entries); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	e := &index.Entries[0]
	for key, want := range map[string]string{
		"SLOT": "0", "EAPI": "0", "REPO": "gentoo", "CHOST": "x86_64-pc-linux-gnu", "PATH": "", "RDEPEND": "",
	} {
		if got := e.Value(key); got != want {
			t.Errorf("Value(%q) is %q, want %q", key, got, want)
		}
	}
}

func TestLinesAreReadAsPortageReadsThem(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		entry  string
		key    string
		want   string
		damage string
	}{
		{"a value may contain colons", "DESC: a: b", "DESC", "a: b", ""},
		{"a value keeps further blanks", "DESC:  a ", "DESC", " a ", ""},
		{"an empty value is as good as none", "EAPI:", "EAPI", "0", ""},
		{"the character after the colon is dropped, whatever it is", "EAPI:é8", "EAPI", "8", pkgindex.CodeLine},
		{"the names that Portage has inside are accepted", "DESCRIPTION: a", "DESC", "a", ""},
		{"repository is REPO", "repository: lab", "REPO", "lab", ""},
		{"_mtime_ is MTIME", "_mtime_: 5", "MTIME", "5", ""},
		{"the last of two values counts", "USE: a\nUSE: b", "USE", "b", pkgindex.CodeDuplicateKey},
		{"keys that Portage drops are kept", "REPO_REVISIONS: {}", "REPO_REVISIONS", "{}", ""},
		{"a carriage return ends a line", "USE: a\rEAPI: 8", "EAPI", "8", ""},
		{"a line with blanks does not end a stanza", "  \nEAPI: 8", "EAPI", "8", pkgindex.CodeLine},
		{"invalid UTF-8 is kept", "DESC: \xe4", "DESC", "\xe4", pkgindex.CodeEncoding},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			index, diags := pkgindex.Parse([]byte(header + "CPV: a/b-1\n" + test.entry + "\n\n"))
			if len(index.Entries) != 1 || index.Entries[0].Hidden != pkgindex.Visible {
				t.Fatalf("entries: %+v", index.Entries)
			}
			if got := index.Entries[0].Value(test.key); got != test.want {
				t.Errorf("%s is %q, want %q", test.key, got, test.want)
			}
			if got := codes(diags); got != test.damage {
				t.Errorf("damage %q, want %q: %v", got, test.damage, diags)
			}
		})
	}
}

func TestTypedFields(t *testing.T) {
	t.Parallel()
	const md5, sha1 = "1d834aef4ddaeb55975ffcfc3fbf82e1", "9874f4883d0f6483cd80370f50e904815e514385"
	for _, test := range []struct {
		entry  string
		want   pkgindex.Entry
		damage string
	}{
		{"BUILD_ID: 3", pkgindex.Entry{BuildID: 3}, ""},
		{"BUILD_ID: x", pkgindex.Entry{BuildID: -1}, pkgindex.CodeNumber},
		{"SIZE:  5 ", pkgindex.Entry{Size: 5}, ""},
		{"SIZE: 1_000", pkgindex.Entry{Size: 1000}, ""},
		{"SIZE: 1__0", pkgindex.Entry{Size: -1}, pkgindex.CodeNumber},
		{"SIZE: 99999999999999999999", pkgindex.Entry{Size: -1}, pkgindex.CodeNumber},
		{"MTIME: +7", pkgindex.Entry{MTime: 7}, ""},
		{"BUILD_TIME: 0x10", pkgindex.Entry{BuildTime: -1}, pkgindex.CodeNumber},
		{"MD5: " + strings.ToUpper(md5), pkgindex.Entry{MD5: md5}, ""},
		{"MD5: " + sha1, pkgindex.Entry{}, pkgindex.CodeDigest},
		{"SHA1: " + sha1, pkgindex.Entry{SHA1: sha1}, ""},
		{"SHA1: " + strings.Repeat("g", 40), pkgindex.Entry{}, pkgindex.CodeDigest},
		{"SLOT: 3/4.1", pkgindex.Entry{Slot: "3", SubSlot: "4.1"}, ""},
		{"SLOT: 3", pkgindex.Entry{Slot: "3", SubSlot: "3"}, ""},
		{"SLOT: -3", pkgindex.Entry{}, pkgindex.CodeSlot},
		{"PATH: a/b/b-1-2.gpkg.tar", pkgindex.Entry{Path: "a/b/b-1-2.gpkg.tar"}, ""},
		{"PATH: a/b/../../etc/passwd", pkgindex.Entry{Path: "-"}, pkgindex.CodePath},
		{"PATH: ../x", pkgindex.Entry{Path: "-"}, pkgindex.CodePath},
		{"PATH: /etc/passwd", pkgindex.Entry{Path: "-"}, pkgindex.CodePath},
		{"PATH: .", pkgindex.Entry{Path: "-"}, pkgindex.CodePath},
		{"PATH: a\x00b", pkgindex.Entry{Path: "-"}, pkgindex.CodePath},
		{"REPO: lab", pkgindex.Entry{Repo: "lab"}, ""},
		{"CHOST: i686-pc-linux-gnu", pkgindex.Entry{CHOST: "i686-pc-linux-gnu"}, ""},
	} {
		t.Run(test.entry, func(t *testing.T) {
			t.Parallel()
			index, diags := pkgindex.Parse([]byte(header + "CPV: a/b-1\n" + test.entry + "\n\n"))
			got := index.Entries[0]
			got.Fields, got.Offset = nil, 0
			want := test.want
			want.CPV, want.EAPI = "a/b-1", "0"
			fill(&want.Slot, "0")
			fill(&want.SubSlot, want.Slot)
			fill(&want.Repo, "gentoo")
			fill(&want.CHOST, "x86_64-pc-linux-gnu")
			fill(&want.Path, "a/b-1.tbz2")
			if want.Path == "-" {
				want.Path = ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
			if got := codes(diags); got != test.damage {
				t.Errorf("damage %q, want %q", got, test.damage)
			}
		})
	}
}

func fill(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

func TestWhatPortageDoesNotSeeIsReadAndMarked(t *testing.T) {
	t.Parallel()
	const (
		foo = "CPV: a/foo-1\nSIZE: 1\n\n"
		bar = "CPV: a/bar-1\nSIZE: 2\n\n"
	)
	for _, test := range []struct {
		name   string
		text   string
		want   []string
		damage string
	}{
		{
			"Portage stops at an empty line after an empty line",
			header + foo + "\n" + bar,
			[]string{"a/foo-1 ", "a/bar-1 Portage stops reading before it"},
			pkgindex.CodeEarlyEnd,
		},
		{
			"Portage stops at a stanza in which it knows no key",
			header + foo + "REPO_REVISIONS: {}\n\n" + bar,
			[]string{"a/foo-1 ", " it has no CPV", "a/bar-1 Portage stops reading before it"},
			pkgindex.CodeCPV + " " + pkgindex.CodeEarlyEnd,
		},
		{
			"empty lines at the end are no damage",
			header + foo + "\n\n\n",
			[]string{"a/foo-1 "},
			"",
		},
		{
			"an entry without a CPV",
			header + "SIZE: 1\n\n" + bar,
			[]string{" it has no CPV", "a/bar-1 "},
			pkgindex.CodeCPV,
		},
		{
			"a CPV that is none ends Portage",
			header + foo + "CPV: junk\n\n" + bar,
			[]string{"a/foo-1 " + refused, "junk " + refused, "a/bar-1 " + refused},
			pkgindex.CodeCPV + " " + pkgindex.CodeRefused,
		},
		{
			"a CPV without a category does not",
			header + "CPV: foo-1\n\n",
			[]string{"foo-1 "},
			pkgindex.CodeCPV,
		},
		{
			"the last of two equal instances is the one",
			header + foo + "CPV: a/foo-1\nSIZE: 1\nPATH: a/foo/foo-1-2.xpak\n\n",
			[]string{"a/foo-1 another entry for the same instance follows", "a/foo-1 "},
			pkgindex.CodeDuplicateInstance,
		},
		{
			"a header that begins with an empty line is empty",
			"\n" + header + foo,
			nil,
			pkgindex.CodeRefused,
		},
		{"a VERSION that is not a number", "VERSION: x\n\n" + foo, nil, pkgindex.CodeRefused},
		{"a VERSION below 0", "VERSION: -1\n\n" + foo, []string{"a/foo-1 "}, ""},
		{"an index that was cut off", header + foo + "CPV: a/b", []string{"a/foo-1 " + refused, "a/b " + refused}, pkgindex.CodeCPV + " " + pkgindex.CodeRefused + " " + pkgindex.CodeTorn},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			index, diags := pkgindex.Parse([]byte(test.text))
			var got []string
			for _, e := range index.Entries {
				got = append(got, e.CPV+" "+string(e.Hidden))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if got := codes(diags); got != test.damage {
				t.Errorf("damage %q, want %q", got, test.damage)
			}
		})
	}
}

const refused = "Portage uses nothing of the index"

func TestEveryStanzaKeepsItsOwnFields(t *testing.T) {
	t.Parallel()
	// Stanzas share memory inside, and long ones change the way duplicates are
	// found.
	var text strings.Builder
	text.WriteString(header)
	sizes := []int{1, 63, 64, 65, 500, 3, 3000, 2}
	for n, size := range sizes {
		fmt.Fprintf(&text, "CPV: a/b-%d\n", n)
		for i := range size {
			fmt.Fprintf(&text, "KEY%d: %d/%d\nKEY%d: %d/%d\n", i, n, i, i, n, -i)
		}
		text.WriteByte('\n')
	}
	index, _ := pkgindex.Parse([]byte(text.String()))
	if len(index.Entries) != len(sizes) {
		t.Fatalf("%d entries, want %d", len(index.Entries), len(sizes))
	}
	for n, size := range sizes {
		want := pkgindex.Fields{{Key: "CPV", Value: fmt.Sprintf("a/b-%d", n)}}
		for i := range size {
			want = append(want, pkgindex.Field{Key: fmt.Sprintf("KEY%d", i), Value: fmt.Sprintf("%d/%d", n, -i)})
		}
		if diff := cmp.Diff(want, index.Entries[n].Fields); diff != "" {
			t.Errorf("entry %d (-want +got):\n%s", n, diff)
		}
	}
	// To append to one must not reach into the next.
	index.Entries[0].Fields.Set("X", "y")
	if got := index.Entries[1].Fields[0].Key; got != "CPV" {
		t.Errorf("the next entry now begins with %q", got)
	}
}

func TestDiagnosticsHaveALimit(t *testing.T) {
	t.Parallel()
	_, diags := pkgindex.Parse([]byte(header + strings.Repeat("junk\n", 5000) + "\n"))
	if len(diags) != pkgindex.MaxDiagnostics+1 {
		t.Fatalf("%d diagnostics", len(diags))
	}
	last := diags[len(diags)-1]
	if last.Code != pkgindex.CodeMore || last.Message != "4000 more pieces of damage" {
		t.Errorf("the last one is %v", last)
	}
}

// codes returns the codes of diagnostics in order, without repetitions.
func codes(diags []parse.Diagnostic) string {
	var all []string
	for _, d := range diags {
		if len(all) == 0 || all[len(all)-1] != d.Code {
			all = append(all, d.Code)
		}
	}
	return strings.Join(all, " ")
}

// A file that others linked to is no index: not a word of it is repeated.
func TestWhatHasNoHeaderIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"secret-1\nsecret-2\n",
		"root:secret:19000:0:99999:7:::\ndaemon:secret:1:2:3\n",
		"VERSION: secret\nTIMESTAMP: 1\n\nCPV: secret\nsecret\n",
		"VERSION: 7\nsecret\n\nCPV: a/secret-1\nMD5: secret\n\n",
		"\nVERSION: 0\n\nsecret\n",
		"secret\xff",
	} {
		index, diags := pkgindex.Parse([]byte(text))
		if index.Refused == "" || len(index.Entries) > 0 {
			t.Errorf("%q: %d entries, refused: %q", text, len(index.Entries), index.Refused)
		}
		for _, d := range diags {
			if strings.Contains(d.Message, "secret") {
				t.Errorf("%q: %s", text, d.Message)
			}
		}
	}
}
