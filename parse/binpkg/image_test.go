package binpkg

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"

	"emaudit/parse/binpkg/tarball"
)

// A stream gives the entries that the same bytes give in memory, also where it is
// cut off. It learns that the data of an entry are cut only when it looks for the
// next header.
func TestAStreamHasTheEntriesOfItsBytes(t *testing.T) {
	t.Parallel()
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	for name, size := range map[string]int{"image/a": 0, "image/b": 700, "image/c": 512} {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(size)})
		if err == nil {
			_, err = w.Write(make([]byte, size))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	entries := func(src tarball.Source) (names []string, err error) {
		var walk tarball.Walk
		walk.Reset(src)
		for {
			var e tarball.Entry
			if err := walk.Next(&e); errors.Is(err, io.EOF) {
				return names, nil
			} else if err != nil {
				return names, err
			}
			names = append(names, string(e.Name))
		}
	}
	for cut := 0; cut <= image.Len(); cut += 256 {
		data := image.Bytes()[:cut]
		want, wantErr := entries(tarball.Bytes(data))
		got, err := entries(&streamSource{r: bytes.NewReader(data), limit: 1 << 20})
		if wantErr != nil && err == nil || len(got) < len(want) || cut == image.Len() && (err != nil || len(got) != 3) {
			t.Errorf("cut at %d: stream %q (%v), bytes %q (%v)", cut, got, err, want, wantErr)
		}
	}
}
