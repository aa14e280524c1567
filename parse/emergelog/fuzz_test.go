package emergelog

import (
	"bytes"
	"context"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func seeds(tb testing.TB, add func([]byte)) {
	paths, err := filepath.Glob(logs + "/*.log")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		add(readFile(tb, path))
	}
}

// inPieces reads a log up to each of the cuts in turn, with the state stored and
// restored between them, and with a buffer so small that it has to grow.
func inPieces(tb testing.TB, data []byte, cuts ...int) (r *recorder, end Position, state []byte) {
	tb.Helper()
	r = new(recorder)
	p := NewParser(r)
	for _, cut := range append(cuts, len(data)) {
		p.buf = make([]byte, 64)
		var err error
		if end, err = p.Read(context.Background(), bytes.NewReader(data[end.Offset:max(int(end.Offset), min(cut, len(data)))]), end, false); err != nil {
			tb.Fatal(err)
		}
		if state, err = p.MarshalBinary(); err != nil {
			tb.Fatal(err)
		}
		p = NewParser(r)
		if err := p.UnmarshalBinary(state); err != nil {
			tb.Fatal(err)
		}
	}
	return r, end, state
}

// checkPieces holds that a log read whole and a log read in pieces give the same
// records in the same order, and leave the same state.
func checkPieces(tb testing.TB, data []byte, cuts ...int) {
	tb.Helper()
	whole, end, state := inPieces(tb, data)
	pieces, at, resumed := inPieces(tb, data, cuts...)
	if at != end {
		tb.Fatalf("understood up to %v in pieces, %v whole", at, end)
	}
	if !reflect.DeepEqual(whole, pieces) {
		tb.Fatalf("cut at %v (-whole +pieces)\n%s", cuts, cmp.Diff(whole, pieces, cmp.AllowUnexported(recorder{}, Damage{})))
	}
	if !bytes.Equal(state, resumed) {
		tb.Fatalf("cut at %v: the states differ: %q whole, %q in pieces", cuts, state, resumed)
	}
}

func TestEveryLogIsTheSameInPieces(t *testing.T) {
	t.Parallel()
	seeds(t, func(data []byte) {
		// Each cut reads the log anew: of a long one, 60 cuts are enough beside the fuzzer.
		for cut := 1; cut < len(data); cut += max(23, len(data)/60) {
			checkPieces(t, data, cut)
		}
	})
	alpha := readFile(t, logs, "alpha.log")
	var cuts []int
	for cut := 0; cut < len(alpha); cut += 997 {
		cuts = append(cuts, cut)
	}
	checkPieces(t, alpha, cuts...)
}

func FuzzPieces(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data, uint16(100), uint16(701)) })
	f.Fuzz(func(t *testing.T, data []byte, first, second uint16) {
		checkPieces(t, data, int(first), int(first)+int(second))
	})
}

// Events are in file order, no byte is part of two of them or of an event and
// of a damage, and every byte that is neither lies in a blank line or in a last
// line without line end.
func FuzzExtents(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data) })
	f.Fuzz(func(t *testing.T, data []byte) {
		var r recorder
		p := NewParser(&r)
		type extent struct{ from, to int64 }
		var taken []extent
		p.trace = func(from, length int64) { taken = append(taken, extent{from, from + length}) }
		end, err := p.Read(context.Background(), bytes.NewReader(data), Position{}, false)
		if err != nil {
			t.Fatal(err)
		}
		last := int64(0)
		for _, x := range taken {
			if x.from < last || x.to <= x.from || x.to > end.Offset {
				t.Fatalf("%v after %d in %d bytes", x, last, end.Offset)
			}
			if gap := bytes.Trim(data[last:x.from], "\r\n"); len(gap) > 0 {
				t.Fatalf("neither event nor damage: %q", gap)
			}
			last = x.to
		}
		if gap := bytes.Trim(data[last:end.Offset], "\r\n"); len(gap) > 0 {
			t.Fatalf("neither event nor damage: %q", gap)
		}
		keys := map[string]bool{}
		for _, key := range r.order {
			if keys[key] {
				t.Fatalf("%s came twice", key)
			}
			keys[key] = true
		}
	})
}

// A stored state that was damaged is refused or taken up, never more.
func FuzzState(f *testing.F) {
	seeds(f, func(data []byte) {
		p := NewParser(new(recorder))
		if _, err := p.Read(context.Background(), bytes.NewReader(data[:len(data)/2]), Position{}, false); err != nil {
			f.Fatal(err)
		}
		state, err := p.MarshalBinary()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(state)
	})
	f.Fuzz(func(t *testing.T, state []byte) {
		p := NewParser(new(recorder))
		if err := p.UnmarshalBinary(state); err != nil {
			return
		}
		if _, err := p.Open(); err != nil {
			t.Fatal(err)
		}
		const line = "1767225661:  ::: completed emerge (1 of 1) dev-libs/aa-1.0 to /\n1767225662:  *** terminating.\n"
		if _, err := p.Read(context.Background(), bytes.NewReader([]byte(line)), Position{}, true); err != nil {
			t.Fatal(err)
		}
	})
}
