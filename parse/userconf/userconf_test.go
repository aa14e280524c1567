package userconf_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/userconf"
)

// texts are the atoms of entries, with a minus where one is taken back.
func texts(entries []userconf.Entry) []string {
	var all []string
	for _, e := range entries {
		text := e.Text
		if e.Remove {
			text = "-" + text
		}
		all = append(all, strings.Join(append([]string{text}, e.Values...), " "))
	}
	return all
}

func TestParseAtoms(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"the recorded package.mask", ">=dev-util/failconf-2\n=dev-util/failcompile-1.1\n", []string{">=dev-util/failconf-2", "=dev-util/failcompile-1.1"}},
		{"comments, before and behind", "# why\n\n  app-misc/a # because\n", []string{"app-misc/a"}},
		{"a number sign inside of a word is no comment", "app-misc/a#b\n", nil},
		{"a line taken back", "-=app-misc/a-1\n", []string{"-=app-misc/a-1"}},
		{"wildcards, repositories, slots and ranges", "*/*::gentoo\n<dev-lang/python-3.11:3.10\n=app-misc/a-*9999*\n", []string{"*/*::gentoo", "<dev-lang/python-3.11:3.10", "=app-misc/a-*9999*"}},
		{"two atoms on a line are none", "app-misc/a app-misc/b\napp-misc/c\n", []string{"app-misc/c"}},
		{"no atom", "app-misc/a\nnonsense\n!app-misc/b\n", []string{"app-misc/a"}},
		{"no line feed at the end", "app-misc/a", []string{"app-misc/a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, texts(userconf.ParseAtoms([]byte(tt.text)))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestParseValues(t *testing.T) {
	t.Parallel()
	entries := userconf.ParseValues([]byte("app-misc/hello debug -nls\n=app-misc/livething-9999 **\ndev-libs/libqux\n"))
	want := []string{"app-misc/hello debug -nls", "=app-misc/livething-9999 **", "dev-libs/libqux"}
	if diff := cmp.Diff(want, texts(entries)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestLicenseGroupsExpand(t *testing.T) {
	t.Parallel()
	g := userconf.LicenseGroups{}
	g.Parse([]byte("FREE @FSF MIT # and more\nFSF GPL-2 GPL-3\n@odd X\nLOOP @LOOP A\n"))
	g.Parse([]byte("FREE ISC\n"))
	for _, tt := range []struct{ tokens, want string }{
		{"* -@FREE", "* -GPL-2 -GPL-3 -MIT -ISC"},
		{"-* @FSF Vim", "-* GPL-2 GPL-3 Vim"},
		{"@UNKNOWN -@UNKNOWN", "@UNKNOWN -@UNKNOWN"},
	} {
		if got := strings.Join(g.Expand(strings.Fields(tt.tokens)), " "); got != tt.want {
			t.Errorf("%s: want %s, got %s", tt.tokens, tt.want, got)
		}
	}
	if got := g.Expand([]string{"@LOOP"}); len(got) > 100 {
		t.Errorf("a group that contains itself has %d members", len(got))
	}
}

func TestMoves(t *testing.T) {
	t.Parallel()
	moves := userconf.ParseMoves([]byte("move app-misc/oldname app-misc/newname\nslotmove <a/b-2 0 1\nmove a/b\nmove a/b c\nrename a/b a/c\n"))
	if len(moves) != 1 {
		t.Errorf("want 1 move, got %v", moves)
	}
	m := userconf.Moves{}
	m.Add(moves[0])
	for old, want := range map[string]string{"app-misc/oldname-0.8": "app-misc/newname-0.8", "app-misc/other-1": "app-misc/other-1", "no cpv": "no cpv"} {
		if got := m.CPV(old); got != want {
			t.Errorf("%s: want %s, got %s", old, want, got)
		}
	}
}

func TestMovesGoOn(t *testing.T) {
	t.Parallel()
	m := userconf.Moves{}
	m.Add(userconf.Move{From: "a/a", To: "a/b"})
	m.Add(userconf.Move{From: "a/b", To: "a/c"})
	if got := m.Name("a/a"); got != "a/c" {
		t.Errorf("a/a is now a/c, got %s", got)
	}
	// Back to the first name: it is no longer an old one.
	m.Add(userconf.Move{From: "a/c", To: "a/a"})
	for _, name := range []string{"a/a", "a/b", "a/c"} {
		if got := m.Name(name); got != "a/a" {
			t.Errorf("%s is now a/a, got %s", name, got)
		}
	}
}

func TestCompareUpdateNames(t *testing.T) {
	t.Parallel()
	sorted := []string{"README", "4Q-2009", "1Q-2010", "2Q-2010", "1Q-2026"}
	for i := range sorted {
		for j := range sorted {
			got := userconf.CompareUpdateNames(sorted[i], sorted[j])
			if (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s, %s: got %d", sorted[i], sorted[j], got)
			}
		}
	}
}

func TestReadsName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{"main": true, ".hidden": false, "old~": false, "CVS": false, "": false, "a.b": true} {
		if got := userconf.ReadsName(name); got != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

// FuzzLists holds the laws of every list: entries come in the order of the file, with
// offsets inside of it; what an entry says, parsed again, is the same entry.
func FuzzLists(f *testing.F) {
	for _, seed := range []string{">=dev-util/failconf-2\n=dev-util/failcompile-1.1\n", "app-misc/hello debug -nls\n", "-a/b # c\n\n*/* ~amd64", "FREE GPL-2\n", "move a/b a/c\nslotmove a/b 0 1\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, parse := range []func([]byte) []userconf.Entry{
			userconf.ParseAtoms, userconf.ParseValues,
		} {
			last := int64(-1)
			entries := parse(b)
			for i, text := range texts(entries) {
				e := entries[i]
				if e.Offset <= last || e.Offset >= int64(len(b)) {
					t.Fatalf("entry %q at %d after %d of %d", text, e.Offset, last, len(b))
				}
				last = e.Offset
				again := parse([]byte(text))
				if len(again) != 1 || texts(again)[0] != text {
					t.Fatalf("%q is read again as %q", text, texts(again))
				}
			}
		}
		if n, lines := saying(b), userconf.ParseLines(b); len(lines) != n {
			t.Fatalf("%d lines say something; %d read", n, len(lines))
		}
		groups := userconf.LicenseGroups{}
		groups.Parse(b)
		moves := userconf.Moves{}
		for _, m := range userconf.ParseMoves(b) {
			moves.Add(m)
			if moves.Name(moves.Name(m.From)) != moves.Name(m.From) {
				t.Fatalf("%s goes on from its last name", m.From)
			}
		}
	})
}

// saying counts the lines that say something, the slow way.
func saying(b []byte) int {
	n := 0
	for _, line := range strings.Split(string(b), "\n") {
		if words := strings.Fields(line); len(words) > 0 && words[0][0] != '#' {
			n++
		}
	}
	return n
}

func TestParseWorld(t *testing.T) {
	t.Parallel()
	var got []string
	for _, a := range userconf.ParseWorld([]byte("# by hand\n\n  a/b:2 comment\n@set\na/*\n>=a/c-1::lab")) {
		got = append(got, a.String())
	}
	if diff := cmp.Diff([]string{"a/b:2", ">=a/c-1::lab"}, got); diff != "" {
		t.Errorf("atoms (-want +got):\n%s", diff)
	}
}
