package vdb_test

import (
	"strings"
	"testing"

	"emaudit/parse/vdb"

	"github.com/google/go-cmp/cmp"
)

func TestNeededLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line string
		want *vdb.NeededEntry
	}{
		{
			"X86_64;/usr/lib64/libfoo.so.1;libfoo.so.1;/usr/lib64/foo:/opt/lib;libc.so.6,libbar.so.2;x86_64",
			&vdb.NeededEntry{
				Path: "/usr/lib64/libfoo.so.1", Soname: "libfoo.so.1", Needed: []string{"libc.so.6", "libbar.so.2"},
			},
		},
		{"386;/lib/libc.so;;  -  ;", &vdb.NeededEntry{Path: "/lib/libc.so", Needed: []string{}}},
		{"X86_64;/bin/a b;;::/x;,libc.so.6,;x86_64;later", &vdb.NeededEntry{
			Path: "/bin/a b", Needed: []string{"libc.so.6"},
		}},
		{"X86_64;/bin/a;;libc.so.6", nil},
		{"\x00\x00\x00", nil},
	} {
		entries, diags := vdb.ParseNeeded([]byte("\n" + test.line + "\n"))
		if test.want == nil {
			if len(entries) != 0 || codes(diags) != vdb.CodeNeeded || diags[0].Offset != 1 {
				t.Errorf("%q: %v, %v", test.line, entries, diags)
			}
			continue
		}
		if diff := cmp.Diff([]vdb.NeededEntry{*test.want}, entries); diff != "" || len(diags) > 0 {
			t.Errorf("%q (-want +got):\n%s%v", test.line, diff, diags)
		}
	}
}

func TestPreservedLibs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		json  string
		want  []vdb.PreservedLibs
		codes string
	}{
		{"an empty file, as the lock leaves it", "", nil, ""},
		{"no record", "{}", nil, ""},
		{
			"records in any order, counters as text or number",
			`{"b/b:1/2": ["b/b-1", 12, []], "a/a:0": ["a/a-1-r1", "7 ", ["/usr/lib64/liba.so.1", "/usr/lib64/liba.so.1.2"]]}`,
			[]vdb.PreservedLibs{
				{CPV: "a/a-1-r1", Counter: "7", Paths: []string{"/usr/lib64/liba.so.1", "/usr/lib64/liba.so.1.2"}},
				{CPV: "b/b-1", Counter: "12", Paths: []string{}},
			},
			"",
		},
		{
			"bad records beside a good one",
			`{"a/a": ["a/a-1", "1", []], "b/b:0": ["b/b-1", "1"], "c/c:0": 1, "d/d:0": [1, "1", []],
			  "e/e:0": ["e/e-1", [], []], "f/f:0": ["f/f-1", "1", [2]], "g/g:0": ["g/g-1", "1", ["/g"]]}`,
			[]vdb.PreservedLibs{{CPV: "g/g-1", Counter: "1", Paths: []string{"/g"}}},
			strings.TrimSpace(strings.Repeat(vdb.CodePreserved+" ", 6)),
		},
		{"a torn file", `{"a/a:0": ["a/a-1"`, nil, vdb.CodePreserved},
		{"another kind of JSON", `[1]`, nil, vdb.CodePreserved},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			libs, diags := vdb.ParsePreservedLibs([]byte(test.json))
			if diff := cmp.Diff(test.want, libs); diff != "" {
				t.Errorf("libs (-want +got):\n%s", diff)
			}
			if got := codes(diags); got != test.codes {
				t.Errorf("codes %q, want %q: %v", got, test.codes, diags)
			}
		})
	}
}

func FuzzLists(f *testing.F) {
	f.Add([]byte("X86_64;/usr/bin/a;;  -  ;libc.so.6;x86_64\n"))
	f.Add([]byte(`{"a/a:0": ["a/a-1-r1", "7", ["/usr/lib64/liba.so.1"]]}`))
	f.Add([]byte("app-misc/foo:1\n# no\n@set\n>=a/b-1::r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		needed, diags := vdb.ParseNeeded(b)
		_, more := vdb.ParsePreservedLibs(b)
		diags = append(diags, more...)
		for _, d := range diags {
			if d.Offset < 0 || d.Offset > int64(len(b)) {
				t.Errorf("diagnostic %+v in %d bytes", d, len(b))
			}
		}
		lines := strings.Count(string(b), "\n") + 1
		if len(needed) > lines {
			t.Errorf("%d records of %d lines", len(needed), lines)
		}
	})
}
