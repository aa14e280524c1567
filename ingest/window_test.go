package ingest

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

// counted counts the reads that reach the file.
type counted struct {
	*bytes.Reader
	reads int
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.reads++
	return c.Reader.ReadAt(p, off)
}

// TestWindowsReadWhatTheFileHas reads at random from files of all sizes, the one
// beside the other.
func TestWindowsReadWhatTheFileHas(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	w := new(windows)
	for range 200 {
		content := make([]byte, rng.IntN(5*windowSize))
		for i := range content {
			content[i] = byte(rng.Uint32())
		}
		file := &counted{Reader: bytes.NewReader(content)}
		claimed := int64(len(content))
		if rng.IntN(4) == 0 {
			claimed += rng.Int64N(windowSize) // it became shorter since it was listed
		}
		w.open(file, claimed)
		for range 50 {
			n, off := rng.IntN(2*windowSize), rng.Int64N(claimed+1)
			got, want := make([]byte, n), make([]byte, n)
			gotN, gotErr := w.ReadAt(got, off)
			wantN, wantErr := file.Reader.ReadAt(want, off)
			if (gotN == n) != (wantN == n) || gotN == n && !bytes.Equal(got, want) {
				t.Fatalf("%d bytes at %d of %d (said to be %d): %d %v, the file gives %d %v", n, off, len(content), claimed, gotN, gotErr, wantN, wantErr)
			}
			if gotN < n && !errors.Is(gotErr, io.EOF) {
				t.Fatalf("a short read without io.EOF: %v", gotErr)
			}
		}
	}
}

// TestAScanOfAFileTakesFewReads reads headers and tail as a scan does.
func TestAScanOfAFileTakesFewReads(t *testing.T) {
	t.Parallel()
	file := &counted{Reader: bytes.NewReader(make([]byte, 40960))}
	w := new(windows)
	w.open(file, 40960)
	for _, off := range []int64{0, 40944, 0, 512, 1024, 12288, 38912, 39424, 40448} {
		if _, err := w.ReadAt(make([]byte, 16), off); err != nil {
			t.Fatal(err)
		}
	}
	if file.reads != 2 {
		t.Errorf("%d reads, want 2", file.reads)
	}
}
