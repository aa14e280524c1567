package emergelog

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"emaudit/parse/emergelog/logline"
)

// million is the number of lines of the log that the benchmarks read: what an
// eager host writes in thirty years.
const million = 1_000_000

// longLog repeats the log of the recorded host until it has the given number of
// lines, each time a year later.
func longLog(tb testing.TB, lines int) []byte {
	tb.Helper()
	const year = 365 * 24 * 3600
	one := readFile(tb, logs, "alpha.log")
	var log bytes.Buffer
	for written, round := 0, int64(0); written < lines; round++ {
		for line := range bytes.Lines(one) {
			seconds, message, ok := logline.Stamp(line)
			if !ok {
				tb.Fatalf("no time stamp: %q", line)
			}
			fmt.Fprintf(&log, "%d:%s", seconds+round%20*year, message)
			written++
		}
	}
	return log.Bytes()
}

// counter is a sink that keeps nothing.
type counter struct{ merges, runs int }

func (c *counter) Merge(Merge)     { c.merges++ }
func (c *counter) Unmerge(Unmerge) {}
func (c *counter) Sync(Sync)       {}
func (c *counter) Run(Run)         { c.runs++ }
func (c *counter) Damage(Damage)   {}

func BenchmarkRead1MLines(b *testing.B) {
	log := longLog(b, million)
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		var c counter
		if _, err := NewParser(&c).Read(context.Background(), bytes.NewReader(log), Position{}, true); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(c.merges), "merges")
	}
}

// What an incremental ingest costs beside the lines themselves.
func BenchmarkResume(b *testing.B) {
	log := longLog(b, 1500)
	p := NewParser(new(counter))
	if _, err := p.Read(context.Background(), bytes.NewReader(log), Position{}, false); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		state, err := p.MarshalBinary()
		if err != nil {
			b.Fatal(err)
		}
		if err := NewParser(new(counter)).UnmarshalBinary(state); err != nil {
			b.Fatal(err)
		}
	}
}

// The parser's memory depends on what is open, not on what was read.
func TestStateIsBoundedByOpenWork(t *testing.T) {
	t.Parallel()
	p := NewParser(new(counter))
	log := longLog(t, 20_000)
	if _, err := p.Read(context.Background(), io.LimitReader(bytes.NewReader(log), 1<<20), Position{}, false); err != nil {
		t.Fatal(err)
	}
	state, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(state) > 4096 {
		t.Errorf("%d bytes of state after 1 MiB of log", len(state))
	}
	if len(p.asm.open) > 4 {
		t.Errorf("%d runs are open", len(p.asm.open))
	}
}
