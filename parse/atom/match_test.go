package atom_test

import (
	"fmt"
	"strings"
	"testing"

	"emaudit/parse/atom"
)

func mustAtom(tb testing.TB, text string) atom.Atom {
	tb.Helper()
	a, err := atom.ConfigFileSyntax.ParseAtom(text)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// pkg makes the package "cpv:slot/subslot::repo", with IUSE "ssl -X" and USE "ssl".
func pkg(tb testing.TB, text string) atom.Package {
	tb.Helper()
	text, repo, _ := strings.Cut(text, "::")
	name, slot, found := strings.Cut(text, ":")
	if !found {
		slot = "0"
	}
	cpv, err := atom.ParseCPV(name)
	if err != nil {
		tb.Fatal(err)
	}
	p := atom.Package{CPV: cpv, Repo: repo, IUSE: atom.ParseFlags("+ssl X"), USE: atom.ParseFlags("ssl")}
	p.Slot, p.SubSlot, _ = atom.ParseSlot(slot)
	return p
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ atom, matches, not string }{
		{"a/b", "a/b-1 a/b-2:3::x", "a/bc-1 a/a-1 b/b-1 aa/b-1"},
		{"=a/b-1.0", "a/b-1.0 a/b-1.00 a/b-1.0-r0 a/b-01.0", "a/b-1 a/b-1.0.0 a/b-1.0-r1"},
		{"~a/b-1.0", "a/b-1.0 a/b-1.0-r0 a/b-1.0-r5", "a/b-1.00 a/b-01.0 a/b-1 a/b-1.0_p"},
		{"~a/b-1.0-r1", "a/b-1.0 a/b-1.0-r1 a/b-1.0-r2", "a/b-1.1-r1"},
		{"<a/b-1", "a/b-0.9 a/b-1_rc", "a/b-1 a/b-1-r0 a/b-1-r1 a/b-1_p"},
		{"<=a/b-1", "a/b-0.9 a/b-1 a/b-1-r0 a/b-01", "a/b-1-r1 a/b-1.0"},
		{">a/b-1", "a/b-1-r1 a/b-1_p a/b-1.0 a/b-10", "a/b-1 a/b-1-r0 a/b-1_rc a/b-0.9"},
		{">=a/b-1", "a/b-1 a/b-1-r0 a/b-1.0 a/b-2_rc", "a/b-1_rc a/b-0.9"},
		{"=a/b-1*", "a/b-1 a/b-1.5 a/b-1a a/b-1-r1 a/b-1_p a/b-01.2", "a/b-10 a/b-11.1 a/b-2 a/bc-1"},
		{"=a/b-1.0_p*", "a/b-1.0_p a/b-1.0_p1 a/b-1.0_p-r1", "a/b-1.0 a/b-1.0_pre1"},
		{"=a/b-0*", "a/b-0 a/b-0.1 a/b-000.1", "a/b-1 a/b-01"},
		{"a/b:0", "a/b-1 a/b-1:0 a/b-1:0/2", "a/b-1:2 a/b-1:2/0"},
		{"a/b:0/2", "a/b-1:0/2", "a/b-1:0 a/b-1:0/3 a/b-1:2"},
		{"a/b:2/2", "a/b-1:2", "a/b-1:2/3"},
		{"a/b:0/2=", "a/b-1:0/2", "a/b-1:0 a/b-1:0/3"},
		{"a/b:=", "a/b-1 a/b-1:7", "a/c-1"},
		{"a/b:*", "a/b-1 a/b-1:7", "a/c-1"},
		{"a/b::gentoo", "a/b-1::gentoo a/b-1", "a/b-1::guru"},
		{"!a/b", "a/b-1", "a/c-1"},
		{"!!<a/b-2", "a/b-1", "a/b-2"},
		{"*/*", "a/b-1 x11-libs/gtk+-3", ""},
		{"a/*", "a/b-1 a/c-1", "aa/b-1"},
		{"*/b", "a/b-1 c/b-2", "a/bb-1"},
		{"dev-*/*lib*", "dev-a/zlib-1 dev-b/lib-1 dev-c/libx-1", "x-dev-a/zlib-1 dev-a/zip-1"},
		{"=*/*-*9999*", "a/b-9999 a/b-1.9999-r1 a/b-19999", "a/b-999 a/b9999-1"},
	} {
		a := mustAtom(t, c.atom)
		for _, p := range strings.Fields(c.matches) {
			if !a.Match(pkg(t, p)) {
				t.Errorf("%s is not true of %s", c.atom, p)
			}
		}
		for _, p := range strings.Fields(c.not) {
			if a.Match(pkg(t, p)) {
				t.Errorf("%s is true of %s", c.atom, p)
			}
		}
	}
}

func TestTheBuildIDCountsBehindEqualOnly(t *testing.T) {
	t.Parallel()
	p := pkg(t, "a/b-1.0")
	p.BuildID = 3
	for text, want := range map[string]bool{
		"=a/b-1.0-3": true, "=a/b-1.0-4": false, "=a/b-1.0": true, ">=a/b-1.0-4": true,
	} {
		if got := mustAtom(t, text).Match(p); got != want {
			t.Errorf("%s is true of build 3: %t, want %t", text, got, want)
		}
	}
}

func TestUSEDependencies(t *testing.T) {
	t.Parallel()
	p := pkg(t, "a/b-1") // has ssl enabled, X disabled, and no gtk
	for _, c := range []struct {
		use string
		met bool
	}{
		{"ssl", true},
		{"X", false},
		{"-ssl", false},
		{"-X", true},
		{"ssl,X,-ssl,-X", false},
		{"gtk", false},
		{"-gtk", false},
		{"gtk(+)", true},
		{"gtk(-)", false},
		{"-gtk(+)", false},
		{"-gtk(-)", true},
		{"ssl(-)", true},
		{"X(+)", false},
		{"X?,!ssl?,X=,!ssl=", true},
		{"gtk?", false},
		{"gtk(+)?", true},
	} {
		a := mustAtom(t, "a/b["+c.use+"]")
		if got := a.Match(p); got != c.met {
			t.Errorf("%s: match %t, want %t", a, got, c.met)
		}
		if !a.MatchIgnoringUSE(p) {
			t.Errorf("%s does not match even without regard to USE", a)
		}
	}
}

func TestAFlagMustExistAlsoWhereItAsksForNothing(t *testing.T) {
	t.Parallel()
	p := pkg(t, "a/b-1")
	for text, want := range map[string]bool{"a/b[gtk?]": false, "a/b[gtk(-)?]": true, "a/b[X?]": true} {
		a := mustAtom(t, text).EvaluateConditionals(nil)
		if len(a.USE) != 0 {
			t.Errorf("%s for a parent without USE: %s", text, a)
		}
		if got := a.Match(p); got != want {
			t.Errorf("%s, evaluated, is true of the package: %t, want %t", text, got, want)
		}
	}
}

func TestTheZeroValuesMatchNothing(t *testing.T) {
	t.Parallel()
	if (atom.Atom{}).Match(atom.Package{}) {
		t.Error("the zero atom matches the zero package")
	}
	if mustAtom(t, "=a/b-1").Match(atom.Package{CPV: atom.CPV{Category: "a", PN: "b"}}) {
		t.Error("=a/b-1 matches a package without version")
	}
}

func TestParseSlot(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0 0 true", "3/1.1": "3 1.1 true", "": "  false", "/1": "  false", "1/": "  false", "1/2/3": "  false", "-1": "  false",
	} {
		slot, subSlot, ok := atom.ParseSlot(text)
		if got := fmt.Sprint(slot, " ", subSlot, " ", ok); got != want {
			t.Errorf("ParseSlot(%q) = %s, want %s", text, got, want)
		}
	}
}

func TestParseFlags(t *testing.T) {
	t.Parallel()
	flags := atom.ParseFlags(" +ssl\tX -doc\nX  ssl ")
	if got, want := flags.String(), "X doc ssl"; got != want {
		t.Errorf("ParseFlags: %q, want %q", got, want)
	}
	for flag, want := range map[string]bool{"X": true, "ssl": true, "doc": true, "+ssl": false, "a": false, "": false} {
		if flags.Has(flag) != want {
			t.Errorf("Has(%q) = %t", flag, !want)
		}
	}
}

func FuzzAtom(f *testing.F) {
	f.Add("!!>=dev-libs/openssl-3.0_rc1-r2:0/3=::gentoo[ssl(+)?,-X,!doc=]", "dev-libs/openssl-3.0.1-r1", "ssl doc")
	f.Add("=a/b-1.0*", "a/b-1.05", "")
	f.Add("~a/b-1.0-r3", "a/b-1.0-r7", "")
	f.Add("=a/b-1.0-12", "a/b-1.00", "")
	f.Add("=*/h*-*9999*:2", "a/hello-9999", "")
	f.Fuzz(func(t *testing.T, text, name, use string) {
		a, err := atom.ConfigFileSyntax.ParseAtom(text)
		if err != nil {
			return
		}
		if a.String() != text {
			t.Fatalf("ParseAtom(%q).String() = %q", text, a.String())
		}
		evaluated := a.EvaluateConditionals(atom.ParseFlags(use))
		for _, dep := range evaluated.USE {
			if dep.Form > atom.USEDisabled {
				t.Fatalf("%s evaluated is still conditional: %s", text, evaluated)
			}
		}
		if again, err := atom.ConfigFileSyntax.ParseAtom(evaluated.String()); err != nil || again.String() != evaluated.String() {
			t.Fatalf("%s evaluated is %s, which is read as %s, %v", text, evaluated, again, err)
		}

		cpv, err := atom.ParseCPV(name)
		if err != nil || a.Operator == atom.AnyVersion || a.Operator == atom.VersionHas {
			return
		}
		cpv.Category, cpv.PN = a.Category(), a.PN()
		p := atom.Package{CPV: cpv, Slot: a.Slot, SubSlot: a.SubSlot, BuildID: a.BuildID}
		is := func(operator atom.Operator) bool {
			b := a
			b.Operator = operator
			return b.MatchIgnoringUSE(p)
		}
		less, equal, greater := is(atom.Less), is(atom.Equal), is(atom.Greater)
		if (less && equal) || (equal && greater) || (less && greater) || (!less && !equal && !greater) {
			t.Fatalf("%s against %s: less %t, equal %t, greater %t", text, cpv, less, equal, greater)
		}
		if is(atom.LessOrEqual) != (less || equal) || is(atom.GreaterOrEqual) != (greater || equal) {
			t.Fatalf("%s against %s: <= or >= is not = or the other", text, cpv)
		}
		if is(atom.EqualAnyRev) != (atom.WithoutRevision(a.Version) == atom.WithoutRevision(cpv.Version)) {
			t.Fatalf("%s against %s: ~ regards the revision", text, cpv)
		}
		if a.Version == cpv.Version && (!is(atom.EqualGlob) || !is(atom.EqualAnyRev) || !equal) {
			t.Fatalf("%s against %s: the same version, and yet not for =, ~ or =*", text, cpv)
		}
	})
}
