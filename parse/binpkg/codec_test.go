package binpkg

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/blake2b"

	"emaudit/parse/binpkg/codec"
)

// sampleTar is the tar that all of testdata/codec unpack to.
func sampleTar(tb testing.TB) []byte {
	tb.Helper()
	packed, err := os.ReadFile("codec/testdata/image.tar.gz")
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

func TestWhatCannotBeUnpackedIsNamedAndNotCalledDamaged(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	for name, member := range map[string]string{
		"ia64.tar.xz":    "image.tar.xz",
		"filter.tar.lzo": "image.tar.lzo",
	} {
		packed, err := os.ReadFile("codec/testdata/" + name)
		switch name {
		case "ia64.tar.xz":
			packed, err = os.ReadFile("codec/xz/testdata/ia64.xz")
		case "filter.tar.lzo":
			packed, err = os.ReadFile("codec/testdata/image.tar.lzo")
			packed[15] = 0x80 // the method
			packed = fixLzopHeader(packed)
		}
		if err != nil {
			t.Fatal(err)
		}
		pkg := makeGpkg(t, []file{control[0], control[1], {member, packed}})
		v := verifyBytes(t, pkg, VerifyOptions{Image: true})
		if v.Integrity != Unknown || len(v.Problems()) != 1 || v.Problems()[0] != ProblemCompressor {
			t.Errorf("%s: %s %v", name, v.Integrity, v.Diagnostics)
		}
		if yes, known := v.Installable(); yes || known {
			t.Errorf("%s: installable %t, %t", name, yes, known)
		}
	}
}

func TestAPackageOfEachCompressorIsReadAndVerified(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	var u codec.Unpacker
	metadata, err := u.Unpack(nil, control[1].data, codec.Zstd, maxMetadataSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		compressor codec.Compressor
		suffix     string
		command    []string
	}{
		{codec.Zstd, "zst", []string{"zstd", "-q", "-c"}},
		{codec.Zstd, "zst", []string{"zstd", "-q", "-c", "--long=31"}},
		{codec.Xz, "xz", []string{"xz", "-c"}},
		{codec.Bzip2, "bz2", []string{"bzip2", "-c"}},
		{codec.Gzip, "gz", []string{"gzip", "-c"}},
		{codec.Lz4, "lz4", []string{"lz4", "-q", "-c"}},
		{codec.Lzip, "lz", []string{"lzip", "-c"}},
		{codec.Lzop, "lzo", []string{"lzop", "-c"}},
	} {
		t.Run(fmt.Sprint(c.command), func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(c.command[0]); err != nil {
				t.Skipf("no %s program here", c.command[0])
			}
			image, err := os.ReadFile("codec/testdata/image.tar." + c.suffix)
			if err != nil {
				t.Fatal(err)
			}
			pkg := makeGpkg(t, []file{
				control[0],
				{"metadata.tar." + c.suffix, pipe(t, metadata, c.command...)},
				{"image.tar." + c.suffix, image},
			})
			v := verifyBytes(t, pkg, VerifyOptions{Image: true})
			if v.Integrity != Whole || v.CPV() != "app-misc/foo-tool-1.2.3" || v.Compressor != c.compressor {
				t.Errorf("%s, %s, %s: %v", v.Integrity, v.CPV(), v.Compressor, v.Diagnostics)
			}
			if v.Image.Files != 2 || v.Image.Entries != 7 {
				t.Errorf("image: %+v", v.Image)
			}
			// Any byte of the payload.
			at := int(v.ImageOffset) + rand.IntN(int(v.ImageSize))
			pkg[at] ^= 1 << rand.IntN(8)
			if v := verifyBytes(t, pkg, VerifyOptions{}); v.Integrity != Damaged {
				t.Errorf("a bit flipped at %d: %s", at, v.Integrity)
			}
		})
	}
}

func TestAWindowOfTwoGiBIsNotHeldForAnImage(t *testing.T) {
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	long31, err := os.ReadFile("codec/testdata/long31.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	pkg := makeGpkg(t, []file{control[0], control[1], {"image.tar.zst", long31}})
	v := verifyBytes(t, pkg, VerifyOptions{Image: true})
	if v.Integrity != Whole || v.Image.Files != 2 {
		t.Errorf("%s %+v %v", v.Integrity, v.Image, v.Diagnostics)
	}
	if _, err := exec.LookPath("zstd"); err != nil {
		t.Skip("no zstd program here")
	}
	// The third file is the first again, further back than what is kept.
	random := make([]byte, 256<<10)
	for i := range random {
		random[i] = byte(rand.Uint32())
	}
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	for _, f := range []file{{"image/a", random}, {"image/b", make([]byte, codec.MaxHistory)}, {"image/c", random}} {
		err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for long, want := range map[string]Integrity{"--long=31": Unknown, "--long=27": Whole} {
		pkg := makeGpkg(t, []file{control[0], control[1], {"image.tar.zst", pipe(t, image.Bytes(), "zstd", "-q", "-c", long)}})
		v := verifyBytes(t, pkg, VerifyOptions{Image: true})
		if v.Integrity != want || want == Unknown && v.Problems()[0] != ProblemCompressor {
			t.Errorf("%s: %s %v", long, v.Integrity, v.Diagnostics)
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

// file is a member of a package in the making, by its base name.
type file struct {
	name string
	data []byte
}

// filesOf returns the members of a gpkg without its Manifest.
func filesOf(tb testing.TB, path string) []file {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var files []file
	for tr := tar.NewReader(f); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			tb.Fatal(err)
		}
		data, err := io.ReadAll(tr)
		if err != nil {
			tb.Fatal(err)
		}
		if base := filepath.Base(h.Name); base != manifestName {
			files = append(files, file{base, data})
		}
	}
}

// makeGpkg makes a gpkg of the members and of a Manifest that lists them.
func makeGpkg(tb testing.TB, files []file) []byte {
	tb.Helper()
	return packGpkg(tb, append(files[:len(files):len(files)], file{manifestName, manifestOf(files)}))
}

func manifestOf(files []file) []byte {
	var manifest bytes.Buffer
	for _, f := range files {
		fmt.Fprintf(&manifest, "DATA %s %d BLAKE2B %x SHA512 %x\n", f.name, len(f.data), blake2b.Sum512(f.data), sha512.Sum512(f.data))
	}
	return manifest.Bytes()
}

// packGpkg makes a gpkg of members, the Manifest among them.
func packGpkg(tb testing.TB, files []file) []byte {
	tb.Helper()
	return packGpkgIn(tb, "foo-tool-1.2.3-1", files)
}

// packGpkgIn is packGpkg with another folder for the members.
func packGpkgIn(tb testing.TB, folder string, files []file) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		err := w.WriteHeader(&tar.Header{Name: folder + "/" + f.name, Mode: 0o644, Size: int64(len(f.data)), Format: tar.FormatUSTAR})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func verifyBytes(tb testing.TB, pkg []byte, opts VerifyOptions) *Verification {
	tb.Helper()
	v, err := NewReader().Verify(context.Background(), bytes.NewReader(pkg), int64(len(pkg)), opts)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// fixLzopHeader makes the checksum right again of a header that was changed.
func fixLzopHeader(packed []byte) []byte {
	packed = bytes.Clone(packed)
	const name = 33 // where the name's length is, in a header of today's lzop
	end := name + 1 + int(packed[name])
	sum := adler32.Checksum(packed[9:end])
	copy(packed[end:], []byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
	return packed
}

// What the programs refuse that Portage pipes an image through, and the libraries
// take.
func TestWhatTheProgramsRefuseIsDamaged(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	sample := func(name string) []byte {
		data, err := os.ReadFile("codec/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	flags := func(bits byte) []byte {
		packed := sample("image.tar.gz")
		packed[3] |= bits
		return packed
	}
	for name, c := range map[string]struct {
		member string
		data   []byte
		want   Integrity
	}{
		"nothing":                            {"image.tar.zst", nil, Damaged},
		"nothing, and not compressed":        {"image.tar", nil, Damaged},
		"gzip":                               {"image.tar.gz", flags(0), Whole},
		"gzip, members":                      {"image.tar.gz", append(gzipped(t, nil), flags(0)...), Whole},
		"gzip, zeros behind":                 {"image.tar.gz", append(flags(0), make([]byte, 512)...), Whole},
		"gzip, text behind":                  {"image.tar.gz", append(flags(0), "text"...), Damaged},
		"gzip, reserved flag":                {"image.tar.gz", flags(0x20), Damaged},
		"gzip, encrypted":                    {"image.tar.gz", flags(0x80), Damaged},
		"gzip, reserved flag further behind": {"image.tar.gz", append(flags(0), flags(0x40)...), Damaged},
		"lzop":                               {"image.tar.lzo", sample("image.tar.lzo"), Whole},
		"lzop, members":                      {"image.tar.lzo", sample("members.tar.lzo"), Damaged},
	} {
		rd := NewReader()
		rd.AcceptPlain = true
		pkg := makeGpkg(t, []file{control[0], control[1], {c.member, c.data}})
		v, err := rd.Verify(context.Background(), bytes.NewReader(pkg), int64(len(pkg)), VerifyOptions{Image: true})
		if err != nil {
			t.Fatal(err)
		}
		if v.Integrity != c.want {
			t.Errorf("%s: %s, want %s: %v", name, v.Integrity, c.want, v.Diagnostics)
		}
		if len(c.data) == 0 {
			if p, err := Read(bytes.NewReader(pkg), int64(len(pkg)), FormatGpkg); err != nil || p.Integrity != Damaged {
				t.Errorf("%s: not told by the structure alone: %v %v", name, p.Diagnostics, err)
			}
		}
	}
}

// gzipped packs data with gzip without the program.
func gzipped(tb testing.TB, data []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}
