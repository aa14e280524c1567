package screen

import (
	"fmt"
	"io"
	"testing"
)

// Budgets, on one core: 100,000 rows of history on a pipe in well under 0.1 s;
// a table that fills some screens in less than 0.02 s.

// logColumns are the columns of a history of merges.
var logColumns = []Column{
	{Title: "TIME"},
	{Title: "TOOK", Align: Right},
	{Title: "PACKAGE", Shrink: CutMiddle},
	{Title: "WHAT"},
	{Title: "OUTCOME"},
}

func writeLog(b *testing.B, term Terminal, rows int) {
	screen := NewScreen(io.Discard, term)
	table := screen.Table(logColumns...)
	for i := range rows {
		table.Row(
			Plain.Text("2026-11-02 19:00"), Plain.Text("2h 11m"), Plain.Text(names[i%len(names)]),
			Plain.Text("merge"), Good.Text("merged"),
		)
	}
	table.End()
	if err := screen.Flush(); err != nil {
		b.Fatal(err)
	}
}

var names = []string{
	"dev-python/setuptools-80.9.0-r1", "sys-kernel/gentoo-sources-6.12.54", "app-misc/foo-1", "x11-libs/libdrm-2.4.127",
}

func BenchmarkTable(b *testing.B) {
	for _, bench := range []struct {
		name string
		term Terminal
		rows int
	}{
		{"pipe", Terminal{}, 100_000},
		{"terminal", Terminal{Width: 80, Color: true}, 100_000},
		{"terminal", Terminal{Width: 80, Color: true}, 2_000},
		{"grid", Terminal{Width: 80, Color: true}, tableSample},
		{"grid", Terminal{Width: 80, Color: true}, 50},
	} {
		b.Run(fmt.Sprintf("%s/%d", bench.name, bench.rows), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				writeLog(b, bench.term, bench.rows)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bench.rows), "ns/row")
		})
	}
}

func BenchmarkClean(b *testing.B) {
	for name, text := range map[string]string{
		"harmless": "dev-python/setuptools-80.9.0-r1",
		"wide":     "dev-util/日本語-1.0 naïve",
		"hostile":  "\x1b[2J\x1b]0;owned\x07 dev-python/setuptools",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				Clean(text)
			}
		})
	}
}
