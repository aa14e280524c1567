package lzop

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"
)

// unpackedSum is the SHA-256 of what every file of testdata unpacks to.
const unpackedSum = "4af559f70c51f2b51fa98898ac318c6a974d9a675e67ebf7a1f7836cae75e5a4"

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestFilesMadeByLzop(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"image.tar.lzo", "checks.tar.lzo"} {
		packed := sample(t, name)
		got, err := io.ReadAll(NewReader(bytes.NewReader(packed)))
		if sum := sha256.Sum256(got); err != nil || hex.EncodeToString(sum[:]) != unpackedSum {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if err := iotest.TestReader(NewReader(iotest.OneByteReader(bytes.NewReader(packed))), got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBehindTheMemberThereMayBeZeros(t *testing.T) {
	t.Parallel()
	image := sample(t, "image.tar.lzo")
	for name, c := range map[string]struct {
		packed []byte
		want   error
	}{
		"zeros":      {append(bytes.Clone(image), make([]byte, 600)...), nil},
		"a member":   {append(bytes.Clone(image), image...), errTrailing},
		"text":       {append(bytes.Clone(image), "text"...), errTrailing},
		"zeros, one": {append(append(bytes.Clone(image), make([]byte, 600)...), 1), errTrailing},
		"by lzop":    {sample(t, "members.tar.lzo"), errTrailing},
	} {
		if _, err := io.ReadAll(NewReader(bytes.NewReader(c.packed))); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestEveryCutAndEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	packed := sample(t, "checks.tar.lzo") // has checksums of everything
	for cut := range packed {
		if cut%13 != 0 && cut > 200 {
			continue
		}
		if _, err := io.ReadAll(NewReader(bytes.NewReader(packed[:cut]))); err == nil {
			t.Errorf("cut at %d of %d: no error", cut, len(packed))
		}
	}
	for at := 0; at < len(packed); at += 1 + at/20 {
		damaged := bytes.Clone(packed)
		damaged[at] ^= 0x10
		if _, err := io.ReadAll(NewReader(bytes.NewReader(damaged))); err == nil {
			t.Errorf("bit flipped at %d: no error", at)
		}
	}
}

func TestBlocksLargerThanTheLimitAreUnsupported(t *testing.T) {
	t.Parallel()
	packed := sample(t, "image.tar.lzo")
	const header = 9 + 25 + 4 // magic, fields of an empty name, checksum
	packed[header] = 0x7f     // the first byte of the unpacked size
	if _, err := io.ReadAll(NewReader(bytes.NewReader(packed))); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v", err)
	}
}

// The blocks are written by hand from the description of the instructions, one
// for each that a sample might not have.
func TestInstructions(t *testing.T) {
	t.Parallel()
	end := "\x11\x00\x00"
	for _, c := range []struct{ name, packed, want string }{
		{"a first run", "\x15abcd" + end, "abcd"},
		{"a first run of three, then a match of two", "\x14abc\x08\x00" + end, "abcab"},
		{"a literal run", "\x01abcd" + end, "abcd"},
		{"a long literal run", "\x00\x02abcdefghijklmnopqrst" + end, "abcdefghijklmnopqrst"},
		{"a match within 16 KiB that overlaps itself", "\x15abcd\x21\x00\x00" + end, "abcdddd"},
		{"a long match", "\x15abcd\x20\x01\x0c\x00" + end, "abcd" + "abcdabcdabcdabcdabcdabcdabcdabcdab"},
		{"a match within 2 KiB with a literal", "\x15abcd\x4d\x00x" + end, "abcd" + "abcx"},
		{"a match of eight", "\x15abcd\xec\x00" + end, "abcd" + "abcdabcd"},
	} {
		got := make([]byte, len(c.want))
		if err := decompress(got, []byte(c.packed)); err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	for _, c := range []struct {
		name, packed string
		size         int
		want         error
	}{
		{"nothing", "", 4, errOverrun},
		{"no end", "\x15abcd", 4, errOverrun},
		{"an early end", "\x15abcd" + end, 5, errLength},
		{"more than stated", "\x15abcd" + end, 3, errOverrun},
		{"bytes behind the end", "\x15abcd" + end + "x", 4, errLength},
		{"a match before the beginning", "\x15abcd\x4c\x08" + end, 7, errDistance},
		{"a run of zeros that does not end", "\x15abcd\x20\x00\x00\x00", 99, errOverrun},
	} {
		if err := decompress(make([]byte, c.size), []byte(c.packed)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// Laws: a block is filled exactly or there is an error; what is read does not
// depend on how it is read.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"image.tar.lzo", "checks.tar.lzo"} {
		packed := sample(f, name)
		f.Add(packed[:2000], 4096)
		f.Add(packed, 40960)
	}
	f.Add([]byte("\x15abcd\x20\x01\x0c\x00\x11\x00\x00"), 40)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		if size >= 0 && size <= 1<<16 {
			dst := make([]byte, size+16)
			_ = decompress(dst[:size:size], data)
			for _, b := range dst[size:] {
				if b != 0 {
					t.Fatal("written behind the block")
				}
			}
		}
		got, err := io.ReadAll(io.LimitReader(NewReader(bytes.NewReader(data)), 1<<20))
		again, err2 := io.ReadAll(io.LimitReader(NewReader(iotest.HalfReader(bytes.NewReader(data))), 1<<20))
		if !bytes.Equal(got, again) || (err == nil) != (err2 == nil) {
			t.Fatalf("%d bytes, %v; %d bytes, %v", len(got), err, len(again), err2)
		}
	})
}

func BenchmarkReader(b *testing.B) {
	packed := sample(b, "image.tar.lzo")
	b.SetBytes(40960)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.Copy(io.Discard, NewReader(bytes.NewReader(packed))); err != nil {
			b.Fatal(err)
		}
	}
}
