package atom_test

import (
	"strconv"
	"strings"
	"testing"

	"emaudit/parse/atom"
)

// The files testdata/generated/*.tsv.gz hold Portage's answers to inputs that
// testdata/generated/generate.py made up: random sentences of the grammars, a
// part of them damaged.

func TestVersionsAgreeWithPortageOnGeneratedInput(t *testing.T) {
	t.Parallel()
	for _, row := range oracle(t, "generated/version", 3) {
		got := ""
		if c, ok := atom.CompareVersions(row[0], row[1]); ok {
			got = strconv.Itoa(c)
		}
		if got != row[2] {
			t.Errorf("CompareVersions(%q, %q) = %q, want %q", row[0], row[1], got, row[2])
		}
	}
}

func TestCPVsAgreeWithPortageOnGeneratedInput(t *testing.T) {
	t.Parallel()
	for _, row := range oracle(t, "generated/cpv", 4) {
		want := atom.CPV{Category: row[1], PN: row[2], Version: row[3]}
		got, err := atom.ParseCPV(row[0])
		if got != want || (err == nil) != (want != atom.CPV{}) {
			t.Errorf("ParseCPV(%q) = %+v, %v, want %+v", row[0], got, err, want)
		}
	}
}

func syntaxOf(mode string) atom.Syntax {
	switch mode {
	case "command-line":
		return atom.CommandLineSyntax
	case "config-file":
		return atom.ConfigFileSyntax
	}
	return atom.EbuildSyntax(mode)
}

func TestAtomSyntaxAgreesWithPortageOnGeneratedInput(t *testing.T) {
	t.Parallel()
	for _, row := range oracle(t, "generated/atom-syntax", 3) {
		a, err := syntaxOf(row[0]).ParseAtom(row[1])
		if (err == nil) != (row[2] == "valid") {
			t.Errorf("%s in %s: error %v, but for Portage %s", row[1], row[0], err, row[2])
		}
		if err == nil && a.String() != row[1] {
			t.Errorf("%s in %s: String() = %q", row[1], row[0], a.String())
		}
	}
}

func TestMatchAgreesWithPortageOnGeneratedInput(t *testing.T) {
	t.Parallel()
	for _, row := range oracle(t, "generated/match", 11) {
		a, err := atom.ConfigFileSyntax.ParseAtom(row[0])
		if err != nil {
			t.Error(err)
			continue
		}
		if row[1] == "evaluated" {
			a = a.EvaluateConditionals(atom.ParseFlags(row[2]))
		}
		if a.String() != row[3] {
			t.Errorf("%s %s with USE=%q: got %s, want %s", row[0], row[1], row[2], a, row[3])
		}
		pkg := atom.Package{Repo: row[6], IUSE: atom.ParseFlags(row[8]), USE: atom.ParseFlags(row[9])}
		if pkg.CPV, err = atom.ParseCPV(row[4]); err != nil {
			t.Fatal(err)
		}
		pkg.Slot, pkg.SubSlot, _ = atom.ParseSlot(row[5])
		if pkg.BuildID, err = strconv.Atoi(row[7]); err != nil {
			t.Fatal(err)
		}
		got, want := a.Match(pkg), row[10] == "match"
		if got != want {
			t.Errorf("%s (from %s) matches %+v: %t, want %t", a, row[0], pkg, got, want)
		}
	}
}

var depKinds = map[string]atom.DepKind{
	"atoms": atom.DepAtoms, "names": atom.DepNames,
}

func TestDependencyStringsAgreeWithPortageOnGeneratedInput(t *testing.T) {
	t.Parallel()
	for _, row := range oracle(t, "generated/dep", 7) {
		kind, eapi, text, use := row[0], row[1], row[2], atom.ParseFlags(row[3])
		dep, err := atom.ParseDep(text, depKinds[kind], eapi)
		if (err == nil) != (row[4] == "ok") {
			t.Errorf("%s %q in EAPI %s: error %v, but for Portage %s", kind, text, eapi, err, row[4])
			continue
		}
		if err != nil {
			continue
		}
		if got := dep.String(); got != strings.Join(strings.Fields(text), " ") {
			t.Errorf("%s %q: String() = %q", kind, text, got)
		}
		if got := dep.Reduce(use).String(); got != row[5] {
			t.Errorf("%s %q in EAPI %s reduced by USE=%q:\ngot  %s\nwant %s", kind, text, eapi, use, got, row[5])
		}
		if got := dep.Evaluate(use).String(); got != row[6] {
			t.Errorf("%s %q in EAPI %s evaluated by USE=%q:\ngot  %s\nwant %s", kind, text, eapi, use, got, row[6])
		}
	}
}

func TestSonamesAgreeWithPortageOnGeneratedInput(t *testing.T) {
	t.Parallel()
	for _, row := range oracle(t, "generated/soname", 3) {
		sonames, err := atom.ParseSonames(row[0])
		var got []string
		for _, s := range sonames {
			got = append(got, s.Category+"|"+s.Name)
		}
		if (err == nil) != (row[1] == "ok") || strings.Join(got, " ") != row[2] {
			t.Errorf("ParseSonames(%q) = %q, %v, want %s %q", row[0], got, err, row[1], row[2])
		}
	}
}
