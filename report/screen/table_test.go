package screen

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// runColumns are those of the table of runs, which has all kinds of columns.
func runColumns() []Column {
	return []Column{
		{Title: "ID", Align: Right},
		{Title: "STARTED"},
		{Title: "TOOK", Align: Right},
		{Title: "ASKED", Shrink: CutEnd, Yield: 2},
		{Title: "DID", Shrink: CutEnd, Yield: 1},
		{Title: "LOG", Shrink: CutMiddle, Yield: 1, Optional: true},
		{Title: "OUTCOME"},
	}
}

var tableRuns = [][]Cell{
	{Plain.Text("91"), Plain.Text("today 12:04"), Plain.Text("38m"), Plain.Text("-uDN @world"), Plain.Text("5 up, 1 rebuilt, 1 new"), Plain.Text("/var/log/emerge.log"), Bad.Text("failed 1")},
	{Plain.Text("90"), Plain.Text("2026-11-02 21:15"), Plain.Text("2m"), Plain.Text("--depclean"), Plain.Text("2 removed"), Plain.Text("/var/log/emerge.log"), Good.Text("ok")},
	{Plain.Text("89"), Plain.Text("2026-11-02 19:00"), Plain.Text("2h 11m"), Plain.Text("-uDN @world --with-bdeps=y --keep-going (--resume of 88)"), Plain.Text("31 up"), Plain.Text("/var/log/old/emerge.log-20261102.xz"), Good.Text("ok")},
	{Plain.Text("8"), Plain.Text("2026-11-02 17:40"), Plain.Text("1h 12m"), Plain.Text("=dev-util/日本語-1.0"), Plain.Text("e\u0301tage"), Plain.Text(""), Unknown.Text("killed")},
}

func writeRuns(s *Screen) {
	table := s.Table(runColumns()...).Indent(2)
	for _, row := range tableRuns {
		table.Row(row...)
	}
	table.End()
}

func TestTableFitsThePage(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 60, 80, 120, 200} {
		t.Run(fmt.Sprintf("%d columns", width), func(t *testing.T) {
			t.Parallel()
			got := screenOf(t, Terminal{Width: width}, writeRuns)
			for line := range strings.Lines(got) {
				line = strings.TrimSuffix(line, "\n")
				if used := DisplayWidth(line); width > 0 && used > width {
					t.Errorf("%d columns in a line: %q", used, line)
				}
				if strings.TrimRight(line, " ") != line {
					t.Errorf("spaces at the end of the line %q", line)
				}
			}
			golden(t, fmt.Sprintf("runs-%d.txt", width), []byte(got))
		})
	}
}

// TestTheLastToGiveWayIsTheMinOfWhatIsCutAtItsEnd: it gives way where that makes the
// line fit, and nowhere else; a name keeps its Min.
func TestTheLastToGiveWayIsTheMinOfWhatIsCutAtItsEnd(t *testing.T) {
	t.Parallel()
	columns := []Column{{Title: "STARTED"}, {Title: "TOOK", Optional: true}, {Title: "ASKED", Shrink: CutEnd, Min: 16}, {Title: "NAME", Shrink: CutMiddle, Min: 8}}
	natural := []int{10, 6, 30, 20}
	for width, want := range map[int][]int{
		60: {10, 6, 19, 19},
		46: {10, 6, 16, 8},
		38: {10, omitted, 16, 8},
		32: {10, omitted, 10, 8},
		28: {10, omitted, 6, 8},
		27: {10, omitted, 16, 8},
	} {
		if diff := cmp.Diff(want, fitColumns(columns, natural, width)); diff != "" {
			t.Errorf("%d columns (-want +got):\n%s", width, diff)
		}
	}
}

var sgrSequence = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestColourChangesNothingButTheLook(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 60, 80, 200} {
		plain := screenOf(t, Terminal{Width: width}, writeRuns)
		coloured := screenOf(t, Terminal{Width: width, Color: true}, writeRuns)
		if !strings.Contains(coloured, sgr[Bad]+"failed 1"+sgrReset) {
			t.Errorf("width %d: no colour in:\n%s", width, coloured)
		}
		if diff := cmp.Diff(plain, sgrSequence.ReplaceAllString(coloured, "")); diff != "" {
			t.Errorf("width %d: coloured text differs from plain (-plain +coloured):\n%s", width, diff)
		}
	}
}

func TestTableOnAPipeIsNotCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 500)
	got := screenOf(t, Terminal{}, func(s *Screen) {
		table := s.Table(Column{Title: "A", Shrink: CutEnd}, Column{Title: "B", Shrink: Wrap})
		table.Row(Plain.Text(long), Plain.Text(long+" "+long))
		table.End()
	})
	if !strings.Contains(got, long+"  "+long+" "+long+"\n") {
		t.Errorf("text was cut:\n%s", got)
	}
}

func TestTableWrapsBesideItsNeighbours(t *testing.T) {
	t.Parallel()
	got := screenOf(t, Terminal{Width: 40}, func(s *Screen) {
		table := s.Table(Column{Title: "PACKAGE"}, Column{Title: "MESSAGE", Shrink: Wrap}, Column{Title: "N", Align: Right})
		table.Row(Plain.Text("sys-libs/libfoo"), Plain.Text("run revdep-rebuild before you log out"), Plain.Text("7"))
		table.Row(Plain.Text("app-misc/x"), Plain.Text("fine"), Plain.Text("12"))
		table.End()
	})
	want := block(`
		PACKAGE          MESSAGE              N
		sys-libs/libfoo  run revdep-rebuild   7
		                 before you log out
		app-misc/x       fine                12
		`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

func TestTableShowsHostileTextAsText(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 80} {
		got := screenOf(t, Terminal{Width: width}, func(s *Screen) {
			table := s.Table(Column{Title: "SUBJECT"}, Column{Title: "WHY\n"})
			table.Row(Plain.Text("\x1b[2Ja\nb"), Plain.Text("\u202eok\u009b"))
			table.End()
		})
		want := block(`
			SUBJECT      WHY\n
			\x1b[2Ja\nb  \u202eok\u009b
			`)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}

func TestTableWithoutTitlesHasNoHeader(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 80} {
		got := screenOf(t, Terminal{Width: width}, func(s *Screen) {
			table := s.Table(Column{}, Column{}).Indent(1)
			table.Row(Plain.Text("a"))
			table.Row()
			table.Row(Plain.Text(""), Plain.Text("b"))
			table.End()
		})
		if want := " a\n\n    b\n"; got != want {
			t.Errorf("width %d: got %q, want %q", width, got, want)
		}
	}
}

func TestTableWithoutRowsWritesNothing(t *testing.T) {
	t.Parallel()
	for _, width := range []int{0, 80} {
		if got := screenOf(t, Terminal{Width: width}, func(s *Screen) { s.Table(runColumns()...).End() }); got != "" {
			t.Errorf("width %d: %q", width, got)
		}
	}
}

func TestTableRefusesARowThatIsTooLong(t *testing.T) {
	t.Parallel()
	screen := NewScreen(new(strings.Builder), Terminal{})
	screen.Table(Column{Title: "A"}).Row(Plain.Text("1"), Plain.Text("2"))
	if err := screen.Flush(); err == nil || err.Error() != "table: row of 2 cells in 1 columns" {
		t.Errorf("error is %v", err)
	}
}

func TestLongTableIsWrittenAsItComes(t *testing.T) {
	t.Parallel()
	const rows = 3 * tableSample
	var out strings.Builder
	screen := NewScreen(&out, Terminal{Width: 30})
	table := screen.Table(Column{Title: "N", Align: Right}, Column{Title: "CPV", Shrink: CutMiddle})
	for i := range rows {
		table.Row(Plain.Text(fmt.Sprint(i)), Plain.Text("app-misc/foo-1"))
		if held := len(table.cells) / 2; held > tableSample {
			t.Fatalf("%d rows are held", held)
		}
	}
	table.Row(Plain.Text("9"), Plain.Text("app-misc/wider-than-the-sample-1.0-r1"))
	table.End()
	if err := screen.Flush(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 1+rows+1+1 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, check := range []struct {
		line int
		want string
	}{
		{0, "  N  CPV"},
		{1, "  0  app-misc/foo-1"},
		{rows, "1535  app-misc/foo-1"},
		{rows + 1, "  9  app-misc/w…ple-1.0-r1"},
	} {
		if lines[check.line] != check.want {
			t.Errorf("line %d is %q, want %q", check.line, lines[check.line], check.want)
		}
	}
}

func TestScreenKeepsTheFirstErrorOfItsWriter(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken pipe")
	screen := NewScreen(failingWriter{broken}, Terminal{})
	table := screen.Table(Column{Title: "A"})
	for range 10_000 {
		table.Row(Plain.Text(strings.Repeat("x", 100)))
	}
	table.End()
	if err := screen.Flush(); !errors.Is(err, broken) {
		t.Errorf("error is %v, want %v", err, broken)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// FuzzTable holds that a line is never wider than the page, unless what must be
// kept is; that both ways of writing a table agree; and that nothing in it acts
// on the terminal.
func FuzzTable(f *testing.F) {
	f.Add("app-misc/foo-1.2.4-2.gpkg.tar", "merged\nwith \x1b[1m", "日本語", 40, uint8(0b00_01_10_11))
	f.Add("", "e\u0301", "👩\u200d👧", 12, uint8(0))
	f.Add("\u0301", "a  b", " c ", 30, uint8(0b01_11_01_10))
	f.Fuzz(func(t *testing.T, a, b, c string, width int, kinds uint8) {
		width = max(width, 1) % 250
		columns := []Column{{Title: "A"}, {Title: "BBBB"}, {Title: "C"}}
		kept := 0
		wraps := false
		for i := range columns {
			columns[i].Shrink = Shrink(kinds >> (2 * i) & 3)
			columns[i].Align = Align(kinds >> (2 * i) & 1)
			columns[i].Yield = i
			wraps = wraps || columns[i].Shrink == Wrap
			natural := 1
			for _, text := range []string{a, b, c, columns[i].Title} {
				natural = max(natural, DisplayWidth(Clean(text)))
			}
			if columns[i].Shrink == Keep {
				kept += natural + Gutter
			} else {
				kept += min(natural, minWidth(columns[i])) + Gutter
			}
		}
		rows := [][]Cell{
			{Plain.Text(a), Good.Text(b), Plain.Text(c)},
			{Plain.Text(c), Plain.Text(a), Bad.Text(b)},
		}
		write := func(s *Screen, end func(*Table)) {
			table := s.Table(columns...)
			for _, row := range rows {
				table.Row(row...)
			}
			end(table)
		}
		grid := screenOf(t, Terminal{Width: width}, func(s *Screen) { write(s, (*Table).End) })
		for line := range strings.Lines(grid) {
			line = strings.TrimSuffix(line, "\n")
			if Clean(line) != line {
				t.Errorf("line %q holds what acts", line)
			}
			if used := DisplayWidth(line); width >= narrowPage && used > max(width, kept-Gutter) {
				t.Errorf("%d columns of %d in line %q", used, width, line)
			}
		}
		if !wraps && width > 0 {
			stream := screenOf(t, Terminal{Width: width}, func(s *Screen) {
				write(s, func(table *Table) {
					table.fit()
					table.writeHeld()
				})
			})
			if diff := cmp.Diff(stream, grid); diff != "" {
				t.Errorf("both ways differ (-stream +grid):\n%s", diff)
			}
		}
	})
}
