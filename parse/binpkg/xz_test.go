package binpkg

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"

	"github.com/ulikunitz/xz"
)

func codecSample(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/codec/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// withDictionary returns an xz file of one block whose header claims another
// dictionary. Its checksum is then wrong, but it is only compared after the
// bytes of the header were believed or not.
func withDictionary(packed []byte, property byte) []byte {
	packed = bytes.Clone(packed)
	const filters = 12 + 2 // stream header, size and flags of the block's
	packed[filters+2] = property
	return packed
}

func TestAnXzDictionaryAboveTheLimitIsRefusedBeforeItIsAllocated(t *testing.T) {
	t.Parallel()
	packed := codecSample(t, "image.tar.xz")
	for property, want := range map[byte]bool{
		28: false, // 64 MiB, xz -9
		30: false, // 128 MiB, the limit
		31: true,  // 192 MiB
		40: true,  // 4 GiB - 1
		63: true,  // not valid
	} {
		r, err := newXzReader(bytes.NewReader(withDictionary(packed, property)))
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if errors.Is(err, errDictionary) != want {
			t.Errorf("property %d: %v", property, err)
		}
	}
	// In a later block, in a second stream, and however the bytes come.
	for name, second := range map[string][]byte{
		"second stream":         withDictionary(packed, 40),
		"second stream, padded": append(make([]byte, 8), withDictionary(packed, 40)...),
	} {
		for _, whole := range []bool{true, false} {
			var in io.Reader = bytes.NewReader(append(bytes.Clone(packed), second...))
			if !whole {
				in = iotest.OneByteReader(in)
			}
			r, err := newXzReader(in)
			if err == nil {
				_, err = io.Copy(io.Discard, r)
			}
			if !errors.Is(err, errDictionary) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	blocks := codecSample(t, "blocks.tar.xz")
	header := bytes.LastIndex(blocks, []byte{0x21, 0x01}) // the filter of a later block
	blocks[header+2] = 40
	r, err := newXzReader(bytes.NewReader(blocks))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if !errors.Is(err, errDictionary) {
		t.Errorf("later block: %v", err)
	}
}

// Law: what the library unpacks, it unpacks behind the guard too; the guard
// refuses for its own reasons only what is too large or unsupported.
func FuzzXzGuard(f *testing.F) {
	for _, name := range []string{"image.tar.xz", "blocks.tar.xz", "bcj.tar.xz"} {
		f.Add(codecSample(f, name))
	}
	small := codecSample(f, "blocks.tar.xz")
	f.Add(append(append(bytes.Clone(small), 0, 0, 0, 0), small...))
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 20
		var guarded []byte
		r, err := newXzReader(bytes.NewReader(data))
		if err == nil {
			guarded, err = io.ReadAll(io.LimitReader(r, most))
		}
		if err != nil && !errors.Is(err, errXzStructure) {
			return
		}
		var plain []byte
		p, err2 := xz.NewReader(bytes.NewReader(data))
		if err2 == nil {
			plain, err2 = io.ReadAll(io.LimitReader(p, most))
		}
		if (err == nil) != (err2 == nil) || err == nil && !bytes.Equal(plain, guarded) {
			t.Fatalf("guarded: %d bytes, %v; plain: %d bytes, %v", len(guarded), err, len(plain), err2)
		}
	})
}
