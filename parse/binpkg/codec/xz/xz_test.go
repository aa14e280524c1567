package xz

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"

	"github.com/ulikunitz/xz"
)

const limit = 8 << 20

func sample(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/" + name + ".xz")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// code is what every file of testdata unpacks to: bytes of which the filters take
// many for instructions.
func code() []byte {
	random := rand.New(rand.NewPCG(3, 4))
	const opcodes = "\xe8\xe9\x00\xff\x0f\x80\xeb\xf0\xf8\x94\x90\x40\x7f\x48\x01\x97"
	code := make([]byte, 40_000)
	for i := range code {
		code[i] = opcodes[random.IntN(len(opcodes))]
	}
	return code
}

// The dictionary of one has 1.5 GiB, of which 8 MiB may be kept.
func TestFilesMadeByXz(t *testing.T) {
	t.Parallel()
	want := code()
	for _, name := range []string{
		"x86", "powerpc", "arm", "armthumb", "sparc", "arm64", "start", "chain", "dictionary", "blocks",
	} {
		packed := sample(t, name)
		got, err := io.ReadAll(NewReader(bytes.NewReader(packed), limit))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
			continue
		}
		if err := iotest.TestReader(NewReader(iotest.OneByteReader(bytes.NewReader(packed)), limit), want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for cut := 0; cut < len(packed); cut += 1 + cut/20 {
			if got, err := io.ReadAll(NewReader(bytes.NewReader(packed[:cut]), limit)); err == nil {
				t.Errorf("%s: cut at %d of %d: %d bytes and no error", name, cut, len(packed), len(got))
			}
		}
		for range 40 {
			flipped := bytes.Clone(packed)
			at := rand.IntN(len(flipped))
			flipped[at] ^= 1 << rand.IntN(8)
			if got, err := io.ReadAll(NewReader(bytes.NewReader(flipped), limit)); err == nil {
				t.Errorf("%s: a bit flipped at %d of %d: %d bytes and no error", name, at, len(packed), len(got))
			}
		}
	}
}

func TestStreamsFollowEachOther(t *testing.T) {
	t.Parallel()
	one, two := sample(t, "x86"), sample(t, "blocks")
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		packed []byte
		ok     bool
	}{
		"two":              {join(one, two), true},
		"padded":           {join(one, make([]byte, 8), two, make([]byte, 4)), true},
		"odd padding":      {join(one, make([]byte, 3), two), false},
		"padding at first": {join(make([]byte, 4), one, two), false},
		"text behind":      {join(one, two, []byte("text")), false},
		"nothing":          {nil, false},
	} {
		got, err := io.ReadAll(NewReader(bytes.NewReader(c.packed), limit))
		if (err == nil) != c.ok || c.ok && len(got) != 80_000 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

// withDictionary returns a file of one block whose header names another dictionary.
func withDictionary(packed []byte, property byte) []byte {
	packed = bytes.Clone(packed)
	const block = 12 // after the header of the stream
	size := (int(packed[block]) + 1) * 4
	at := block + bytes.Index(packed[block:block+size], []byte{filterLZMA2, 1}) + 2
	packed[at] = property
	binary.LittleEndian.PutUint32(packed[block+size-4:], crc32.ChecksumIEEE(packed[block:block+size-4]))
	return packed
}

func TestADictionaryThatIsNotKeptIsToldFromDamage(t *testing.T) {
	t.Parallel()
	// A match at a distance of 3 MiB, made by the library's own writer.
	random := rand.New(rand.NewPCG(5, 6))
	half := make([]byte, 3<<20)
	for i := range half {
		half[i] = byte(random.Uint32())
	}
	var far bytes.Buffer
	w, err := xz.WriterConfig{DictCap: 4 << 20}.NewWriter(&far)
	if err == nil {
		_, err = w.Write(append(bytes.Clone(half), half...))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	read := func(packed []byte, limit int) error {
		_, err := io.Copy(io.Discard, NewReader(bytes.NewReader(packed), limit))
		return err
	}
	if err := read(far.Bytes(), 4<<20); err != nil {
		t.Errorf("with as much as it names: %v", err)
	}
	if err := read(far.Bytes(), 2<<20); !errors.Is(err, ErrDictionary) {
		t.Errorf("with less: %v", err)
	}
	damaged := bytes.Clone(far.Bytes())
	damaged[len(damaged)/2] ^= 1
	if err := read(damaged, 4<<20); err == nil || errors.Is(err, ErrDictionary) {
		t.Errorf("damaged: %v", err)
	}
	for property, ok := range map[byte]bool{22: true, 28: true, 40: true, 41: false, 63: false} {
		if err := read(withDictionary(sample(t, "x86"), property), limit); (err == nil) != ok {
			t.Errorf("property %d: %v", property, err)
		}
	}
}

func TestWhatIsNotKnownIsUnsupported(t *testing.T) {
	t.Parallel()
	if _, err := io.ReadAll(NewReader(bytes.NewReader(sample(t, "ia64")), limit)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("IA-64: %v", err)
	}
	check := bytes.Clone(sample(t, "x86"))
	check[7] = 0x02
	binary.LittleEndian.PutUint32(check[8:], crc32.ChecksumIEEE(check[6:8]))
	if _, err := io.ReadAll(NewReader(bytes.NewReader(check), limit)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("a kind of check: %v", err)
	}
}

// Law: what the library unpacks, this Reader unpacks to the same bytes.
func FuzzAgainstTheLibrary(f *testing.F) {
	for _, name := range []string{"blocks", "x86"} {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 20
		mine, err := io.ReadAll(io.LimitReader(NewReader(bytes.NewReader(data), limit), most))
		r, err2 := xz.ReaderConfig{DictCap: 1 << 16}.NewReader(bytes.NewReader(data))
		if err2 != nil || len(data) > 1<<16 {
			return
		}
		theirs, err2 := io.ReadAll(io.LimitReader(r, most))
		if err2 == nil && (err != nil || !bytes.Equal(mine, theirs)) {
			t.Fatalf("%d bytes, %v; the library: %d bytes", len(mine), err, len(theirs))
		}
	})
}
