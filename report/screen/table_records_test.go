package screen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestARowThatDoesNotFitANarrowPageIsAParagraph(t *testing.T) {
	t.Parallel()
	columns := []Column{
		{Title: "ACTION"},
		{Title: "PACKAGE", Shrink: CutMiddle, Yield: 3},
		{Title: "PKGS", Align: Right},
		{Title: "FROM", Shrink: CutMiddle, Yield: 2},
		{Title: "KNOWN"},
		{Title: "BINPKG", Shrink: Wrap, Yield: 1, Min: 22},
	}
	rows := [][]Cell{
		{Plain.Text("downgrade"), Plain.Text("app-misc/hello"), Plain.Text("7"), Plain.Text("2.1"), Plain.Text("yes"), Plain.Text("build 4, whole, not unpacked, USE -x")},
		{Plain.Text("reinstall"), Plain.Text("www-servers/a-very-long-name-indeed"), Plain.Text("-"), Plain.Text(""), Plain.Text("no"), Plain.Text("none")},
		{Plain.Text("remove"), Plain.Text("sys-kernel/a-name-that-is-longer-than-the-page-has-columns"), Plain.Text(""), Plain.Text("")},
	}
	want := `  downgrade  app-misc/hello
    pkgs 7 · from 2.1 · known yes
    binpkg build 4, whole, not unpacked,
    USE -x
  reinstall
    www-servers/a-very-long-name-indeed
    known no · binpkg none
  remove
    sys-kernel/a-name-that-is-longer-than-the-page-has-columns
`
	write := func(s *Screen) {
		table := s.Table(columns...).Indent(2)
		for _, row := range rows {
			table.Row(row...)
		}
		table.End()
	}
	if diff := cmp.Diff(want, screenOf(t, Terminal{Width: 40}, write)); diff != "" {
		t.Errorf("40 columns (-want +got):\n%s", diff)
	}
	// A long table is one in the same way.
	long := screenOf(t, Terminal{Width: 40}, func(s *Screen) {
		table := s.Table(columns...).Indent(2)
		for range tableSample + 1 {
			table.Row(rows[0]...)
		}
		table.Row(rows[2]...)
		table.End()
	})
	if tail := want[strings.Index(want, "  remove"):]; !strings.HasSuffix(long, tail) {
		t.Errorf("a long table does not end in\n%s", tail)
	}
	if wide := screenOf(t, Terminal{Width: 200}, write); wide[:10] != "  ACTION  " {
		t.Errorf("a wide page has\n%s", wide)
	}
}
