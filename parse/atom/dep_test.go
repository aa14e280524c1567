package atom_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"emaudit/parse/atom"
)

func mustDep(tb testing.TB, text string, kind atom.DepKind, eapi string) atom.Dep {
	tb.Helper()
	d, err := atom.ParseDep(text, kind, eapi)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func TestParseDep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind atom.DepKind
		text string
	}{
		{atom.DepAtoms, ""},
		{atom.DepAtoms, "a/b"},
		{atom.DepAtoms, "a/b !c/d ssl? ( >=e/f-1:0/3= ) !ssl? ( || ( g/h[x?] ( i/j k/l ) ) )"},
		{atom.DepNames, "|| ( GPL-2+ ( MIT BSD-2 ) ) doc? ( CC-BY-SA-4.0 )"},
		{atom.DepNames, "test? ( test ) mirror"},
	} {
		if got := mustDep(t, c.text, c.kind, "8").String(); got != c.text {
			t.Errorf("ParseDep(%q).String() = %q", c.text, got)
		}
	}
	if got, want := mustDep(t, "\t( a/b\n\ta/c )  ", atom.DepAtoms, "8").String(), "( a/b a/c )"; got != want {
		t.Errorf("white space: %q, want %q", got, want)
	}
}

func TestWhatIsNoDependencyString(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind   atom.DepKind
		text   string
		offset int
		reason string
	}{
		{atom.DepAtoms, "a/b (", 5, "a group is not closed"},
		{atom.DepAtoms, "( a/b", 5, "a group is not closed"},
		{atom.DepAtoms, "a/b )", 4, "a parenthesis closes nothing"},
		{atom.DepAtoms, "x? ( )", 5, "a group without members"},
		{atom.DepAtoms, "|| a/b", 3, `"||" is not followed by a parenthesis`},
		{atom.DepAtoms, "a/b x?", 6, `"x?" is not followed by a parenthesis`},
		{atom.DepAtoms, "x? y? ( a/b )", 3, `"x?" is not followed by a parenthesis`},
		{atom.DepAtoms, "!? ( a/b )", 0, `invalid USE flag in "!?"`},
		{atom.DepAtoms, "^^ ( a/b )", 0, "^^ is not allowed here"},
		{atom.DepAtoms, "( a/b)", 2, `atom "a/b)": invalid package name "b)"`},
		{atom.DepAtoms, "a/b  hello", 5, `atom "hello": no category`},
		{atom.DepAtoms, "a/b::gentoo", 0, `atom "a/b::gentoo": a repository is not allowed here`},
		{atom.DepNames, "GPL-2 -MIT", 6, `invalid name "-MIT"`},
		{atom.DepNames, "?? ( a )", 0, "?? is not allowed here"},
	} {
		_, err := atom.ParseDep(c.text, c.kind, "8")
		var dep *atom.DepError
		if !errors.As(err, &dep) || dep.Offset != c.offset || dep.Message != c.reason {
			t.Errorf("ParseDep(%q): %v, want offset %d: %s", c.text, err, c.offset, c.reason)
		}
	}
	_, err := atom.ParseDep("a/b )", atom.DepAtoms, "8")
	if want := "dependency string: offset 4: a parenthesis closes nothing"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestDependencyStringsAreBounded(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return strings.Repeat("|| ( ", depth) + "a/b" + strings.Repeat(" )", depth)
	}
	if _, err := atom.ParseDep(nested(atom.MaxDepDepth), atom.DepAtoms, "8"); err != nil {
		t.Errorf("the deepest allowed: %v", err)
	}
	if _, err := atom.ParseDep(nested(atom.MaxDepDepth+1), atom.DepAtoms, "8"); err == nil {
		t.Error("one deeper is allowed")
	}
	if _, err := atom.ParseDep(nested(200_000), atom.DepAtoms, "8"); err == nil {
		t.Error("a hostile depth is allowed")
	}
	if _, err := atom.ParseDep(strings.Repeat(" ", atom.MaxDepString+1), atom.DepAtoms, "8"); err == nil {
		t.Error("any length is allowed")
	}
	if _, err := atom.ParseDep("a/b", atom.DepAtoms, "99"); err == nil {
		t.Error("an unknown EAPI is allowed")
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	d := mustDep(t, "a/b x? ( || ( a/c ( !a/d a/e ) ) ) a/f", atom.DepAtoms, "8")
	var got []string
	for item := range d.Items {
		got = append(got, item.Atom.String())
		if item.Text == "a/e" {
			break
		}
	}
	if want := []string{"a/b", "a/c", "!a/d", "a/e"}; !slices.Equal(got, want) {
		t.Errorf("items up to a/e: %q, want %q", got, want)
	}
}

func TestReduce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ eapi, text, use, want string }{
		{"8", "x? ( a/b ) !x? ( a/c )", "x", "a/b"},
		{"8", "x? ( a/b ) !x? ( a/c )", "", "a/c"},
		{"8", "( ( a/b ) a/c )", "", "a/b a/c"},
		{"8", "|| ( a/b )", "", "a/b"},
		{"8", "|| ( ( a/b a/c ) )", "", "a/b a/c"},
		{"8", "|| ( ( a/b ) ( a/c a/d ) )", "", "|| ( a/b ( a/c a/d ) )"},
		{"8", "|| ( a/b || ( a/c a/d ) )", "", "|| ( a/b a/c a/d )"},
		{"8", "|| ( a/b ( || ( a/c a/d ) ) )", "", "|| ( a/b a/c a/d )"},
		{"8", "|| ( a/b ( a/e || ( a/c a/d ) ) )", "", "|| ( a/b ( a/e || ( a/c a/d ) ) )"},
		{"8", "|| ( x? ( a/b a/c ) a/d )", "x", "|| ( ( a/b a/c ) a/d )"},
		{"8", "|| ( x? ( a/b a/c ) a/d )", "", "a/d"},
		{"6", "|| ( x? ( a/b ) ) a/c", "", "a/c"},
		{"7", "|| ( x? ( a/b ) ) a/c", "", "|| ( ) a/c"},
		{"8", "a/b[x?]", "x", "a/b[x?]"},
	} {
		d := mustDep(t, c.text, atom.DepAtoms, c.eapi)
		if got := d.Reduce(atom.ParseFlags(c.use)).String(); got != c.want {
			t.Errorf("%s in EAPI %s with USE=%q: %s, want %s", c.text, c.eapi, c.use, got, c.want)
		}
		if d.String() != c.text {
			t.Errorf("reducing %s changed it to %s", c.text, d)
		}
	}
	part := mustDep(t, "x? ( a/b ( a/c ) )", atom.DepAtoms, "8").Children[0]
	if got, want := part.Reduce(atom.Flags{"x"}).String(), "a/b a/c"; got != want {
		t.Errorf("%s alone, reduced with USE=x: %s, want %s", part, got, want)
	}
	d := mustDep(t, "a/b[x?,y=] || ( a/c[!x?] )", atom.DepAtoms, "8")
	if got, want := d.Evaluate(atom.Flags{"x"}).String(), "a/b[x,-y] a/c"; got != want {
		t.Errorf("%s evaluated with USE=x: %s, want %s", d, got, want)
	}
}

func TestSatisfiedNamesTheSmallestPartsThatFail(t *testing.T) {
	t.Parallel()
	installed := []atom.Package{pkg(t, "a/b-1.5"), pkg(t, "a/c-2:2"), pkg(t, "a/e-3")}
	has := func(a atom.Atom) bool {
		return slices.ContainsFunc(installed, func(p atom.Package) bool { return a.Match(p) })
	}
	for _, c := range []struct{ text, unsatisfied string }{
		{"", ""},
		{"a/b a/c:2", ""},
		{"a/b a/z >=a/c-3", "a/z, >=a/c-3"},
		{"( a/b ( a/z a/e ) )", "a/z"},
		{"|| ( a/z a/b )", ""},
		{"|| ( a/y a/z )", "|| ( a/y a/z )"},
		{"|| ( ( a/b a/z ) ( a/c a/e ) )", ""},
		{"|| ( ( a/b a/z ) ( a/c a/y ) ) a/x", "|| ( ( a/b a/z ) ( a/c a/y ) ), a/x"},
		{"!a/z !<a/b-1", ""},
		{"!a/b !!<a/c-3", "!a/b, !!<a/c-3"},
		{"|| ( !a/b a/z !a/y )", ""},
		{"a/b[ssl] a/c[X]", "a/c[X]"},
	} {
		d := mustDep(t, c.text, atom.DepAtoms, "8")
		ok, parts := d.Reduce(nil).Satisfied(has)
		var got []string
		for _, part := range parts {
			got = append(got, part.String())
		}
		if strings.Join(got, ", ") != c.unsatisfied || ok != (c.unsatisfied == "") {
			t.Errorf("%s: %t, unsatisfied %q, want %q", c.text, ok, got, c.unsatisfied)
		}
	}
	if ok, _ := mustDep(t, "x? ( a/b )", atom.DepAtoms, "8").Satisfied(has); ok {
		t.Error("a conditional that nobody has decided is satisfied")
	}
	if ok, _ := mustDep(t, "|| ( x? ( a/b ) )", atom.DepAtoms, "7").Reduce(nil).Satisfied(has); ok {
		t.Error("a || that USE has emptied is satisfied in EAPI 7")
	}
}

func TestSatisfiedNames(t *testing.T) {
	t.Parallel()
	accepts := func(name string) bool { return name != "EULA" }
	for text, want := range map[string]bool{
		"GPL-2": true, "EULA": false, "|| ( EULA MIT )": true, "|| ( ( EULA MIT ) EULA )": false, "MIT EULA": false,
	} {
		d := mustDep(t, text, atom.DepNames, "8")
		if got, _ := d.Reduce(nil).SatisfiedNames(accepts); got != want {
			t.Errorf("LICENSE=%q is accepted: %t, want %t", text, got, want)
		}
	}
}

// slowSatisfied decides an unreduced dependency, straight from PMS 8.2. A part
// that counts is false and not counted if USE has left nothing of it.
func slowSatisfied(d atom.Dep, eapi string, use atom.Flags, has func(atom.Atom) bool) (holds, counts bool) {
	switch {
	case d.Op == atom.Item && d.Atom.Blocker != atom.NoBlocker:
		return !has(d.Atom.WithoutBlocker()), true
	case d.Op == atom.Item:
		return has(*d.Atom), true
	case d.Op == atom.IfUSE && !use.Has(d.Text), d.Op == atom.UnlessUSE && use.Has(d.Text):
		return true, false
	}
	members, holding := 0, 0
	for _, child := range d.Children {
		holds, counts := slowSatisfied(child, eapi, use, has)
		if counts {
			members++
		}
		if counts && holds {
			holding++
		}
	}
	if d.Op != atom.AnyOf {
		return holding == members, members > 0
	}
	return holding > 0, members > 0 || eapi > "6"
}

func FuzzDep(f *testing.F) {
	f.Add("a/b x? ( a/c[x?] ) || ( !y? ( a/d ( a/e a/f ) ) !a/g )", "8", "x", uint64(0b1010))
	f.Add("|| ( || ( x? ( a/b ) ) ( a/c ) )", "7", "", uint64(1))
	f.Add("|| ( || ( x? ( a/b ) ) ( a/c ) )", "5", "", uint64(1))
	f.Fuzz(func(t *testing.T, text, eapi, useText string, installed uint64) {
		d, err := atom.ParseDep(text, atom.DepAtoms, eapi)
		if err != nil {
			var dep *atom.DepError
			if !errors.As(err, &dep) || dep.Offset < 0 || dep.Offset > len(text) {
				t.Fatalf("ParseDep(%q): %v has no offset inside the text", text, err)
			}
			return
		}
		if got := d.String(); got != strings.Join(strings.Fields(text), " ") {
			t.Fatalf("ParseDep(%q).String() = %q", text, got)
		}
		use := atom.ParseFlags(useText)
		reduced := d.Reduce(use)
		if again := reduced.Reduce(use); again.String() != reduced.String() {
			t.Fatalf("%q reduced is %q, and reduced again %q", text, reduced, again)
		}
		if again := reduced.Evaluate(use).Reduce(nil); again.String() != d.Evaluate(use).String() {
			t.Fatalf("%q evaluated is %q, but reduced before that, %q", text, d.Evaluate(use), again)
		}
		// Which atoms are satisfied, the bits of installed say by their text.
		has := func(a atom.Atom) bool {
			sum := 0
			for _, c := range []byte(a.CP) {
				sum += int(c)
			}
			return installed>>(sum%64)&1 == 1
		}
		want, counts := slowSatisfied(d, eapi, use, has)
		got, parts := reduced.Satisfied(has)
		if got != (want || !counts) || got != (len(parts) == 0) {
			t.Fatalf("%q in EAPI %s with USE=%q: satisfied %t, want %t; unsatisfied %v", text, eapi, use, got, want, parts)
		}
	})
}
