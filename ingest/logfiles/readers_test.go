package logfiles

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"emaudit/hostfs"
	"emaudit/parse/mergelog"
)

// A small file unpacks to a large text: it is read to the limit, and said to be too
// large rather than taken for what its beginning says.
func TestATextBehindItsLimitIsTooLarge(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	if _, err := z.Write(bytes.Repeat([]byte("x\n"), 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for limit, tooLarge := range map[int64]bool{1: true, 1<<21 - 1: true, 1 << 21: false, 1 << 22: false} {
		n, err := io.Copy(io.Discard, &bounded{mergelog.NewGzipReader(bytes.NewReader(bomb.Bytes())), limit})
		if errors.Is(err, hostfs.ErrTooLarge) != tooLarge || n > limit || !tooLarge && n != 1<<21 {
			t.Errorf("limit %d: %d bytes, %v", limit, n, err)
		}
		_, err = mergelog.ReadBuildLog(&bounded{mergelog.NewGzipReader(bytes.NewReader(bomb.Bytes())), limit})
		if errors.Is(err, hostfs.ErrTooLarge) != tooLarge {
			t.Errorf("limit %d: build log: %v", limit, err)
		}
	}
}
