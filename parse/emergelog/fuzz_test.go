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
	paths, err := filepath.Glob("testdata/own/*.log")
	if err != nil || len(paths) == 0 {
		tb.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		add(readFile(tb, path))
	}
}

// A log read whole and a log read in pieces, with the state stored and restored
// between them, give the same records in the same order.
func FuzzPieces(f *testing.F) {
	seeds(f, func(data []byte) { f.Add(data, uint16(100), uint16(701)) })
	f.Fuzz(func(t *testing.T, data []byte, first, second uint16) {
		var whole, pieces recorder
		p := NewParser(&whole)
		end, err := p.Read(context.Background(), bytes.NewReader(data), Position{}, false)
		if err != nil {
			t.Fatal(err)
		}
		state, err := p.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		cuts := []int{min(int(first), len(data)), min(int(first)+int(second), len(data)), len(data)}
		q, at := NewParser(&pieces), Position{}
		var resumed []byte
		for _, cut := range cuts {
			if at, err = q.Read(context.Background(), bytes.NewReader(data[at.Offset:cut]), at, false); err != nil {
				t.Fatal(err)
			}
			if resumed, err = q.MarshalBinary(); err != nil {
				t.Fatal(err)
			}
			q = NewParser(&pieces)
			if err := q.UnmarshalBinary(resumed); err != nil {
				t.Fatal(err)
			}
		}
		if at != end {
			t.Fatalf("understood up to %v in pieces, %v whole", at, end)
		}
		if !reflect.DeepEqual(whole, pieces) {
			t.Errorf("(-whole +pieces)\n%s", cmp.Diff(whole, pieces, cmp.AllowUnexported(recorder{}, Damage{})))
		}
		if !bytes.Equal(state, resumed) {
			t.Errorf("the states differ: %q whole, %q in pieces", state, resumed)
		}
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
