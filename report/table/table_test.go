package table

import (
	"strings"
	"testing"

	"emaudit/report/screen"

	"github.com/google/go-cmp/cmp"
)

type file struct {
	Path string `json:"path"`
	Size *int64 `json:"size"`
}

type binpkg struct {
	CPV     string   `json:"cpv"`
	Built   int64    `json:"build_time"`
	Indexed bool     `json:"indexed"`
	Needs   []string `json:"needs"`
	File    *file    `json:"file"`
}

// binpkgs has each kind of column: of a field, of a field of what may be missing,
// for people alone, for programs alone, and with what people read in other words.
var binpkgs = Table[binpkg]{
	{Name: "cpv", Title: "Package"},
	{Name: "build_time", Title: "Built", Type: Moment},
	{Name: "indexed"},
	{Title: "In the index", Of: "indexed"},
	{Name: "needs"},
	{Name: "path", Of: "file.path", Title: "Binpkg", Show: func(b *binpkg) screen.Cell {
		if b.File == nil {
			return screen.Bad.Text("none")
		}
		return screen.Plain.Text(b.File.Path)
	}},
	{Name: "size", Of: "file.size", Title: "Size", Type: Size},
	{Name: "length", Title: "Letters", Type: Number, Value: func(b *binpkg) any { return len(b.CPV) * 1000 }},
}

func someBinpkgs() []binpkg {
	size := int64(412 << 20)
	return []binpkg{
		{CPV: "a/b-1", Built: 1767225600, Indexed: true, Needs: []string{"c/d", "e/f"}, File: &file{"b/b-1-1.gpkg.tar", &size}},
		{CPV: "a/c-10"},
	}
}

func TestOneDescriptionIsWrittenForPeopleAndForPrograms(t *testing.T) {
	t.Parallel()
	var text, data strings.Builder
	s := screen.NewScreen(&text, screen.Terminal{Width: 100})
	if n := binpkgs.Screen(s, 0, All(someBinpkgs())); n != 2 {
		t.Errorf("%d rows are written", n)
	}
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := binpkgs.CSV(All(someBinpkgs()))(&data); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(block(`
		PACKAGE  BUILT             IN THE INDEX  BINPKG               SIZE  LETTERS
		a/b-1    2026-01-01 00:00  yes           b/b-1-1.gpkg.tar  412 MiB    5,000
		a/c-10   -                 no            none                    -    6,000
		`), text.String()); diff != "" {
		t.Errorf("screen (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(block(`
		cpv,build_time,indexed,needs,path,size,length
		a/b-1,1767225600,true,c/d e/f,b/b-1-1.gpkg.tar,432013312,5000
		a/c-10,0,false,,,,6000
		`), data.String()); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
}

func TestProgramsGetTheColumnsThatPeopleDoWithout(t *testing.T) {
	t.Parallel()
	var text, data strings.Builder
	s := screen.NewScreen(&text, screen.Terminal{})
	short := binpkgs.Without("Built", "In the index", "Binpkg", "Size", "Letters")
	short.Screen(s, 2, Where(someBinpkgs(), func(b *binpkg) bool { return b.File == nil }))
	if err := s.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := "  PACKAGE\n  a/c-10\n"; text.String() != want {
		t.Errorf("screen has %q, want %q", text.String(), want)
	}
	if err := short.CSV(All(someBinpkgs()))(&data); err != nil {
		t.Fatal(err)
	}
	if head, _, _ := strings.Cut(data.String(), "\n"); head != "cpv,build_time,indexed,needs,path,size,length" {
		t.Errorf("CSV has the columns %s", head)
	}
}

func TestAColumnOfNoFieldIsAMistake(t *testing.T) {
	t.Parallel()
	defer func() {
		if got := recover(); got != `table: table.binpkg has no field "cvp" in JSON` {
			t.Errorf("got %v", got)
		}
	}()
	Table[binpkg]{{Name: "cvp"}}.People()
	Table[binpkg]{{Name: "cvp"}}.programs()
}
