package codec

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
)

// sampleTar is the tar that all of testdata/codec unpack to.
func sampleTar(tb testing.TB) []byte {
	tb.Helper()
	packed, err := os.ReadFile("testdata/image.tar.gz")
	if err != nil {
		tb.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil || len(data) != 40960 {
		tb.Fatalf("%d bytes, %v", len(data), err)
	}
	return data
}

func TestEveryCompressorOfPortageIsUnpacked(t *testing.T) {
	t.Parallel()
	want := sampleTar(t)
	var u Unpacker
	for name, compressor := range map[string]Compressor{
		"image.tar.zst": Zstd, "frames.tar.zst": Zstd, "long31.tar.zst": Zstd,
		"image.tar.xz": Xz, "blocks.tar.xz": Xz,
		"image.tar.bz2": Bzip2, "image.tar.gz": Gzip,
		"image.tar.lz4": Lz4, "legacy.tar.lz4": Lz4,
		"image.tar.lz": Lzip, "members.tar.lz": Lzip,
		"image.tar.lzo": Lzop, "checks.tar.lzo": Lzop,
		"bcj.tar.xz": Xz, "dictionary1g.tar.xz": Xz,
	} {
		packed, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if got := Probe(packed); got != compressor {
			t.Errorf("%s: told to be %q by its magic", name, got)
		}
		if _, got, known := SplitSuffix(name); got != compressor || !known {
			t.Errorf("%s: told to be %q by its name", name, got)
		}
		got, err := u.Unpack(nil, packed, compressor, 32<<20)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if _, err := u.Unpack(nil, packed, compressor, len(want)-1); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: one byte over the limit: %v", name, err)
		}
		if got, err := u.Unpack(nil, packed, compressor, len(want)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: just at the limit: %v", name, err)
		}
		// Cut anywhere, a stream is never taken for a whole one. (Between two
		// members it is one, of less data.)
		for cut := 0; cut < len(packed); cut += 1 + len(packed)/97 {
			got, err := u.Unpack(nil, packed[:cut], compressor, 32<<20)
			if err == nil && bytes.Equal(got, want) {
				t.Errorf("%s: cut at %d of %d, and nothing said", name, cut, len(packed))
			}
		}
	}
}

// All levels and large, mixed data, against the programs themselves.
func TestStreamsOfTheProgramsThemselves(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	data := bytes.Repeat(sampleTar(t), 20)
	for i := range data {
		if i/30000%4 == 1 {
			data[i] = byte(random.Uint32())
		} else if random.IntN(50) == 0 {
			data[i] ^= byte(random.Uint32())
		}
	}
	var u Unpacker
	for _, c := range []struct {
		compressor Compressor
		command    []string
	}{
		{Lzop, []string{"lzop", "-1", "-c"}},
		{Lzop, []string{"lzop", "-c"}},
		{Lzop, []string{"lzop", "-9", "-c"}},
		{Lzop, []string{"lzop", "-F", "-c"}},
		{Lzip, []string{"lzip", "-0", "-c"}},
		{Lzip, []string{"lzip", "-9", "-c"}},
		{Xz, []string{"xz", "-0", "-c"}},
		{Xz, []string{"xz", "-9", "-T2", "--block-size=100000", "-Ccrc32", "-c"}},
		{Xz, []string{"xz", "-1", "-Cnone", "-c"}},
		{Lz4, []string{"lz4", "-9", "-q", "-c"}},
	} {
		if _, err := exec.LookPath(c.command[0]); err != nil {
			t.Logf("no %s program here", c.command[0])
			continue
		}
		packed := pipe(t, data, c.command...)
		got, err := u.Unpack(nil, packed, c.compressor, 32<<20)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%v: %d of %d bytes, %v", c.command, len(got), len(data), err)
		}
	}
}

func pipe(t *testing.T, in []byte, command ...string) []byte {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return out
}
