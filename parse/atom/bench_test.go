package atom_test

import (
	"testing"

	"emaudit/parse/atom"
)

func BenchmarkParseCPV(b *testing.B) {
	names := []string{
		"dev-libs/openssl-3.0.13-r2", "media-fonts/font-adobe-100dpi-1.0.4-r1", "sys-devel/gcc-13.2.1_p20240210",
		"x11-libs/gtk+-3.24.41", "dev-python/setuptools-69.0.3",
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := atom.ParseCPV(names[i%len(names)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCompareVersions(b *testing.B) {
	rows := oracle(b, "vercmp", 3)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		row := rows[i%len(rows)]
		if _, ok := atom.CompareVersions(row[0], row[1]); !ok {
			b.Fatal(row)
		}
	}
}

func BenchmarkParseAtom(b *testing.B) {
	cases := matchCases(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := atom.ParseAtom(cases[i%len(cases)].atom); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	cases := matchCases(b)
	atoms := make([]atom.Atom, len(cases))
	for i, c := range cases {
		var err error
		if atoms[i], err = atom.ParseAtom(c.atom); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if j := i % len(cases); atoms[j].Match(cases[j].pkg) != cases[j].want {
			b.Fatal(cases[j])
		}
	}
}

// A step is one real dependency string of an ebuild.

func BenchmarkParseDep(b *testing.B) {
	rows := oracle(b, "depstring", 4)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		row := rows[i%len(rows)]
		if _, err := atom.ParseDep(row[1], atom.DepAtoms, row[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReduce(b *testing.B) {
	rows := oracle(b, "depstring", 4)
	deps := make([]atom.Dep, len(rows))
	use := make([]atom.Flags, len(rows))
	for i, row := range rows {
		deps[i] = mustDep(b, row[1], atom.DepAtoms, row[0])
		use[i] = atom.ParseFlags(row[2])
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		deps[i%len(deps)].Reduce(use[i%len(use)])
	}
}
