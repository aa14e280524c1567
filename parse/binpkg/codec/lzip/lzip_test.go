package lzip

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

const limit = 8 << 20

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// The second has two members: a reader that stops after the first returns half
// of the data and no error.
func TestFilesMadeByLzip(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"image.tar.lz", "members.tar.lz"} {
		packed := sample(t, name)
		got, err := io.ReadAll(NewReader(bytes.NewReader(packed), limit))
		if sum := sha256.Sum256(got); err != nil || hex.EncodeToString(sum[:]) != unpackedSum {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if err := iotest.TestReader(NewReader(iotest.OneByteReader(bytes.NewReader(packed)), limit), got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryCutIsNoticed(t *testing.T) {
	t.Parallel()
	packed := sample(t, "image.tar.lz")
	for cut := 0; cut < len(packed); cut += 1 + cut/30 {
		if got, err := io.ReadAll(NewReader(bytes.NewReader(packed[:cut]), limit)); err == nil {
			t.Errorf("cut at %d of %d: %d bytes and no error", cut, len(packed), len(got))
		}
	}
}

func TestDamageIsToldByItsKind(t *testing.T) {
	t.Parallel()
	size := len(sample(t, "image.tar.lz"))
	for _, c := range []struct {
		name string
		at   int
		to   byte
		want error
	}{
		{"magic", 0, 'l', errMagic},
		{"version", 4, 2, errVersion},
		{"dictionary below 4 KiB", 5, 11, errBadDict},
		{"dictionary above 512 MiB", 5, 30, errBadDict},
		{"checksum", size - 20, 0, errChecksum},
		{"size of the data", size - 16, 0xff, errSize},
		{"size of the member", size - 8, 0xff, errSize},
	} {
		packed := sample(t, "image.tar.lz")
		if packed[c.at] == c.to {
			t.Fatalf("%s: no change", c.name)
		}
		packed[c.at] = c.to
		if _, err := io.ReadAll(NewReader(bytes.NewReader(packed), limit)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if _, err := io.ReadAll(NewReader(bytes.NewReader(append(sample(t, "image.tar.lz"), "junk..."...)), limit)); !errors.Is(err, errMagic) {
		t.Errorf("data behind the last member: %v", err)
	}
	if _, err := io.ReadAll(NewReader(bytes.NewReader(nil), limit)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("nothing: %v", err)
	}
}

// The sample has matches at more than 4 KiB, and none at more than its own size.
func TestAMemberIsReadWithLessThanItsDictionaryWhereNoMatchReachesFurther(t *testing.T) {
	t.Parallel()
	packed := sample(t, "image.tar.lz")
	packed[5] = 29 // 512 MiB
	if got, err := io.ReadAll(NewReader(bytes.NewReader(packed), 64<<10)); err != nil || len(got) != 40960 {
		t.Errorf("64 KiB: %d bytes, %v", len(got), err)
	}
	if _, err := io.ReadAll(NewReader(bytes.NewReader(packed), 4<<10)); !errors.Is(err, ErrDictionary) {
		t.Errorf("4 KiB: %v", err)
	}
}

// Law: what is read does not depend on how it is read, and a failing source is
// not taken for damage.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"image.tar.lz", "members.tar.lz"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 20
		got, err := io.ReadAll(io.LimitReader(NewReader(bytes.NewReader(data), 1<<16), most))
		again, err2 := io.ReadAll(io.LimitReader(NewReader(iotest.HalfReader(bytes.NewReader(data)), 1<<16), most))
		if !bytes.Equal(got, again) || (err == nil) != (err2 == nil) {
			t.Fatalf("%d bytes, %v; %d bytes, %v", len(got), err, len(again), err2)
		}
	})
}

func TestAFailingSourceIsNotDamage(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken disk")
	packed := sample(t, "image.tar.lz")
	for _, n := range []int{0, 3, 1000, len(packed) - 5} {
		r := io.MultiReader(bytes.NewReader(packed[:n]), iotest.ErrReader(broken))
		if _, err := io.ReadAll(NewReader(r, limit)); !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}
