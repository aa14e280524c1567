package vdb_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"emaudit/internal/hostarchive"
	"emaudit/parse"
	"emaudit/parse/vdb"

	"github.com/google/go-cmp/cmp"
)

// readContents reads a CONTENTS without damage and checks that its entries are
// written as they were.
func readContents(tb testing.TB, text string) []vdb.ContentsEntry {
	tb.Helper()
	entries, diags := contents(tb, text)
	if len(diags) > 0 {
		tb.Errorf("diagnostics: %v", diags)
	}
	var again strings.Builder
	for _, e := range entries {
		again.WriteString(contentsLine(tb, e) + "\n")
	}
	if diff := cmp.Diff(text, again.String()); diff != "" {
		tb.Errorf("CONTENTS (-read +written):\n%s", diff)
	}
	return entries
}

func contents(tb testing.TB, text string) (entries []vdb.ContentsEntry, diags []parse.Diagnostic) {
	tb.Helper()
	diags, err := vdb.ReadContents(strings.NewReader(text), func(e vdb.ContentsEntry) error {
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return entries, diags
}

func contentsLine(tb testing.TB, e vdb.ContentsEntry) string {
	tb.Helper()
	line := e.Kind.String() + " " + e.Path
	switch e.Kind {
	case vdb.Regular:
		line += " " + e.MD5
	case vdb.Symlink:
		line += " -> " + e.Target
	default:
		return line
	}
	if e.Stat != "" {
		return line + " " + e.Stat
	}
	return line + " " + strconv.FormatInt(e.MTime, 10)
}

func TestOddNamesInContents(t *testing.T) {
	t.Parallel()
	path := filepath.Join(hostarchive.Alpha(t), "var/db/pkg/app-misc/oddnames-1.1-r1/CONTENTS")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	byPath := make(map[string]vdb.ContentsEntry)
	for _, e := range readContents(t, string(text)) {
		byPath[e.Path] = e
	}
	for _, want := range []vdb.ContentsEntry{
		{Kind: vdb.Directory, Path: "/var/lib/odd dir"},
		{Kind: vdb.Regular, Path: "/usr/bin/suidthing", MD5: "f4d5d0c0671be202bc241807c243e80b", MTime: 1789294001},
		{Kind: vdb.Symlink, Path: "/usr/share/odd names/link to spaces", Target: "file with  two spaces", MTime: 1789293999},
		{Kind: vdb.Symlink, Path: "/usr/share/odd names/l -> x -> arrow", Target: "target", MTime: 1789293999},
		{Kind: vdb.FIFO, Path: "/usr/share/odd names/a fifo"},
		{Kind: vdb.Regular, Path: "/usr/share/odd names/arrow -> target", MD5: "2cd6ee2c70b0bde53fbe6cac3c8b8bb1", MTime: 1789293995},
	} {
		if diff := cmp.Diff(want, byPath[want.Path]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Path, diff)
		}
	}
}

func TestContentsLines(t *testing.T) {
	t.Parallel()
	const md5 = "d41d8cd98f00b204e9800998ecf8427e"
	// The form of releases of before 2008, bug 351814.
	const stat = "(41471, 1130L, 2054L, 1, 0, 0, 12L, 1130000001, 1130000002, 1130000003)"
	for _, test := range []struct {
		line string
		want vdb.ContentsEntry
	}{
		{"dir /usr", vdb.ContentsEntry{Kind: vdb.Directory, Path: "/usr"}},
		{"dir  ", vdb.ContentsEntry{Kind: vdb.Directory, Path: " "}},
		{"dev /dev/null", vdb.ContentsEntry{Kind: vdb.Device, Path: "/dev/null"}},
		{"obj /a b  " + md5 + " 12", vdb.ContentsEntry{Kind: vdb.Regular, Path: "/a b ", MD5: md5, MTime: 12}},
		{"obj /a 0 1", vdb.ContentsEntry{Kind: vdb.Regular, Path: "/a", MD5: "0", MTime: 1}},
		{"sym /a -> b 1", vdb.ContentsEntry{Kind: vdb.Symlink, Path: "/a", Target: "b", MTime: 1}},
		{"sym /a -> b ->  1", vdb.ContentsEntry{Kind: vdb.Symlink, Path: "/a", Target: "b -> ", MTime: 1}},
		{"sym /a -> -> b 1", vdb.ContentsEntry{Kind: vdb.Symlink, Path: "/a ->", Target: "b", MTime: 1}},
		{"sym /a -> (b) 1", vdb.ContentsEntry{Kind: vdb.Symlink, Path: "/a", Target: "(b)", MTime: 1}},
		{"sym /a -> b " + stat, vdb.ContentsEntry{Kind: vdb.Symlink, Path: "/a", Target: "b", MTime: 1130000002, Stat: stat}},

		{"", vdb.ContentsEntry{}},
		{"dir", vdb.ContentsEntry{}},
		{"dir ", vdb.ContentsEntry{}},
		{"obj /a " + md5, vdb.ContentsEntry{}},
		{"obj  " + md5 + " 1", vdb.ContentsEntry{}},
		{"obj /a " + md5 + " 1x", vdb.ContentsEntry{}},
		{"obj /a " + md5 + " ", vdb.ContentsEntry{}},
		{"obj /a " + md5 + " -1", vdb.ContentsEntry{}},
		{"obj /a " + md5 + " 99999999999999999999", vdb.ContentsEntry{}},
		{"obj /a \t 1", vdb.ContentsEntry{}},
		{"sym /a b 1", vdb.ContentsEntry{}},
		{"sym /a ->  1", vdb.ContentsEntry{}},
		{"sym  -> b 1", vdb.ContentsEntry{}},
		{"sym /a -> b", vdb.ContentsEntry{}},
		{"sym /a -> b ()", vdb.ContentsEntry{}},
		{"sym /a -> b (1, 2L, 3L, 4, 5, 6, 7L, 8, 9)", vdb.ContentsEntry{}},
		{"sym /a -> b (1, 2, 3L, 4, 5, 6, 7L, 8, 9, 10)", vdb.ContentsEntry{}},
		{"sym /a -> b (1, 2L, 3L, 4, 5, 6, 7L, 8, 9, 10, 11)", vdb.ContentsEntry{}},
		{"blk /a", vdb.ContentsEntry{}},
	} {
		got, ok := vdb.ParseContentsEntry(test.line)
		if ok != (test.want.Kind != 0) {
			t.Errorf("%q: ok is %v", test.line, ok)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.line, diff)
		}
		if ok && contentsLine(t, got) != test.line {
			t.Errorf("%q is written %q", test.line, contentsLine(t, got))
		}
	}
}

func TestDamagedLinesOfContentsAreSkippedAndReported(t *testing.T) {
	t.Parallel()
	long := "dir /" + strings.Repeat("x", vdb.MaxContentsLine)
	for _, test := range []struct {
		name  string
		text  string
		paths string
		diags []parse.Diagnostic
	}{
		{"nothing", "", "", nil},
		{
			"NULs, as after a crash",
			"dir /a\ndir /b\x00\x00\ndir /c\n",
			"/a /c",
			[]parse.Diagnostic{{Offset: 7, Code: vdb.CodeContentsNUL, Message: `line with a NUL: "dir /b\x00\x00"`}},
		},
		{
			"an empty line",
			"dir /a\n\ndir /c\n",
			"/a /c",
			[]parse.Diagnostic{{Offset: 7, Code: vdb.CodeContentsLine, Message: `not an entry: ""`}},
		},
		{
			"a last line that is cut off",
			"dir /a\nobj /b d41d",
			"/a",
			[]parse.Diagnostic{
				{Offset: 7, Code: vdb.CodeContentsTorn, Message: `the last line has no line end: "obj /b d41d"`},
				{Offset: 7, Code: vdb.CodeContentsLine, Message: `not an entry: "obj /b d41d"`},
			},
		},
		{
			"a carriage return in a name",
			"dir /a\rb\ndir /c\n",
			"/a\rb /c",
			[]parse.Diagnostic{{Offset: 0, Code: vdb.CodeContentsCR, Message: `Portage reads this name as two lines: "dir /a\rb"`}},
		},
		{
			"a line that is too long",
			"dir /a\n" + long + "\ndir /c\n",
			"/a /c",
			[]parse.Diagnostic{{Offset: 7, Code: vdb.CodeContentsLong, Message: fmt.Sprintf("line of more than %d bytes: %.80q", vdb.MaxContentsLine, long)}},
		},
		{
			"a last line that is too long",
			"dir /a\n" + long,
			"/a",
			[]parse.Diagnostic{{Offset: 7, Code: vdb.CodeContentsLong, Message: fmt.Sprintf("line of more than %d bytes: %.80q", vdb.MaxContentsLine, long)}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			entries, diags := contents(t, test.text)
			var paths []string
			for _, e := range entries {
				paths = append(paths, e.Path)
			}
			if got := strings.Join(paths, " "); got != test.paths {
				t.Errorf("paths %q, want %q", got, test.paths)
			}
			if diff := cmp.Diff(test.diags, diags); diff != "" {
				t.Errorf("diagnostics (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadContentsEndsWithTheErrorOfItsInputOrOfVisit(t *testing.T) {
	t.Parallel()
	torn, enough := errors.New("torn"), errors.New("enough")
	visit := func(vdb.ContentsEntry) error { return enough }
	text := strings.NewReader("dir /a\ndir /b\n")
	if _, err := vdb.ReadContents(text, visit); err != enough {
		t.Errorf("error %v, want that of visit", err)
	}
	broken := io.MultiReader(strings.NewReader("dir /a"), iotest.ErrReader(torn))
	if _, err := vdb.ReadContents(broken, visit); !errors.Is(err, torn) {
		t.Errorf("error %v, want that of the reader", err)
	}
}

func FuzzContents(f *testing.F) {
	f.Add("dir /a\nobj /a b d41d8cd98f00b204e9800998ecf8427e 12\nsym /a -> b -> c 1\nfif /f\ndev /d\n")
	f.Add("sym /a -> b (41471, 1130L, 2054L, 1, 0, 0, 12L, 1130000001, 1130000002, 1130000003)\n")
	f.Add("sym a ->  ->  -> 1 1\nobj a\tb c\t 1\n\x00\nobj /a b 7\nsym /a -> b 1)\r\n")
	leadingZero := regexp.MustCompile(` 0[0-9]`)
	f.Fuzz(func(t *testing.T, text string) {
		if leadingZero.MatchString(text) {
			t.Skip("a number that nobody writes and that is not kept as it is")
		}
		entries, diags := contents(t, text)
		for _, d := range diags {
			if d.Offset < 0 || d.Offset > int64(len(text)) {
				t.Errorf("diagnostic %+v in %d bytes", d, len(text))
			}
		}
		var want []string
		for line := range strings.SplitSeq(text, "\n") {
			if len(line) < vdb.MaxContentsLine && portageAccepts(line) {
				want = append(want, line)
			}
		}
		var got []string
		for _, e := range entries {
			got = append(got, contentsLine(t, e))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("entries (-regular expression +emaudit):\n%s", diff)
		}
	})
}

// portageLine is what Portage understands (vartree.py:1967), where a digest is
// anything without white space. The numbers of the old form of a link's time
// are mode, inode, device, links, owner, group, size and three times.
var portageLine = func() *regexp.Regexp {
	const number, long = `[0-9]+`, `[0-9]+L`
	stat := strings.Join([]string{number, long, long, number, number, number, long, number, `([0-9]+)`, number}, ", ")
	return regexp.MustCompile(`^(?s:` + strings.Join([]string{
		`(dev|dir|fif) .+`,
		`obj .+ ([^ \t\v\f\r]+) ([0-9]+)`,
		`sym .+ -> .+ (([0-9]+)|\(` + stat + `\))`,
	}, "|") + `)$`)
}()

// portageAccepts leaves out what is not read on purpose: numbers that do not
// fit.
func portageAccepts(line string) bool {
	m := portageLine.FindStringSubmatch(line)
	if m == nil || strings.Contains(line, "\x00") {
		return false
	}
	for _, number := range []string{m[3], m[5], m[6]} {
		if _, err := strconv.ParseInt(number, 10, 64); err != nil && number != "" {
			return false
		}
	}
	return true
}
