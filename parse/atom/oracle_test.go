package atom_test

import (
	"bufio"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/parse/atom"
)

// The files testdata/*.tsv.gz hold answers of Portage 3.0.82 itself, one a line.

func oracle(tb testing.TB, name string, columns int) [][]string {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".tsv.gz"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var rows [][]string
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		row := strings.Split(lines.Text(), "\t")
		if len(row) != columns {
			tb.Fatalf("%s: row %d has %d columns, want %d", name, len(rows), len(row), columns)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		tb.Fatal(err)
	}
	return rows
}

func TestCompareVersionsAgreesWithPortage(t *testing.T) {
	t.Parallel()
	rows := oracle(t, "vercmp", 3)
	for _, row := range rows {
		c, ok := atom.CompareVersions(row[0], row[1])
		got := ""
		if ok {
			got = map[int]string{-1: "-1", 0: "0", 1: "1"}[c]
		}
		if got != row[2] {
			t.Errorf("CompareVersions(%q, %q) = %q, want %q", row[0], row[1], got, row[2])
		}
	}
	if len(rows) != 3000 {
		t.Errorf("%d comparisons, want 3000", len(rows))
	}
}

type matchCase struct {
	atom string
	pkg  atom.Package
	want bool
}

func matchCases(tb testing.TB) []matchCase {
	tb.Helper()
	var cases []matchCase
	for _, row := range oracle(tb, "atom-match", 7) {
		cpv, err := atom.ParseCPV(row[1])
		if err != nil {
			tb.Fatal(err)
		}
		slot, subSlot, ok := atom.ParseSlot(row[2])
		if !ok {
			tb.Fatalf("ParseSlot(%q): not ok", row[2])
		}
		cases = append(cases, matchCase{
			atom: row[0],
			pkg: atom.Package{
				CPV: cpv, Slot: slot, SubSlot: subSlot, Repo: row[3],
				IUSE: atom.ParseFlags(row[4]), USE: atom.ParseFlags(row[5]),
			},
			want: row[6] == "match",
		})
	}
	return cases
}

func TestMatchAgreesWithPortage(t *testing.T) {
	t.Parallel()
	cases := matchCases(t)
	matches := 0
	for _, c := range cases {
		a, err := atom.ParseAtom(c.atom)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := a.Match(c.pkg); got != c.want {
			t.Errorf("%s matches %+v: %t, want %t", c.atom, c.pkg, got, c.want)
		}
		if got := a.String(); got != c.atom {
			t.Errorf("String() = %q, want %q", got, c.atom)
		}
		if c.want {
			matches++
		}
	}
	if len(cases) != 3000 || matches == 0 {
		t.Errorf("%d cases of which %d match, want 3000 of which some match", len(cases), matches)
	}
}

func TestReduceAgreesWithPortage(t *testing.T) {
	t.Parallel()
	rows := oracle(t, "depstring", 4)
	for _, row := range rows {
		dep, err := atom.ParseDep(row[1], atom.DepAtoms, row[0])
		if err != nil {
			t.Errorf("%s: %v", row[1], err)
			continue
		}
		if got, want := dep.Reduce(atom.ParseFlags(row[2])).String(), row[3]; got != want {
			t.Errorf("%s\nwith USE=%q:\ngot  %s\nwant %s", row[1], row[2], got, want)
		}
	}
	if len(rows) != 600 {
		t.Errorf("%d dependency strings, want 600", len(rows))
	}
}
