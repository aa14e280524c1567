package tarball

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// entry is a tarEntry that does not share memory with the walk.
type entry struct {
	Name, Linkname string
	Typeflag       byte
	Offset, Size   int64
}

func walkTar(src Source) ([]entry, int64, error) {
	var w Walk
	w.Reset(src)
	var entries []entry
	var e Entry
	for {
		err := w.Next(&e)
		if errors.Is(err, io.EOF) {
			return entries, w.End, nil
		}
		if err != nil {
			return entries, w.Pos, err
		}
		entries = append(entries, entry{string(e.Name), string(e.Linkname), e.Typeflag, e.Offset, e.Size})
	}
}

// standardTar is the same by archive/tar. Where the data begin is the place of
// the reader after the header.
func standardTar(data []byte) ([]entry, error) {
	r := bytes.NewReader(data)
	tr := tar.NewReader(r)
	var entries []entry
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err != nil {
			return entries, err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		at, _ := r.Seek(0, io.SeekCurrent)
		switch h.Typeflag {
		case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
			h.Size = 0
		}
		entries = append(entries, entry{h.Name, h.Linkname, h.Typeflag, at, h.Size})
	}
}

// someTars are what the formats can express, by archive/tar.
func someTars(tb testing.TB) map[string][]byte {
	tb.Helper()
	long := strings.Repeat("long/", 30)
	tars := map[string][]byte{}
	for _, f := range []tar.Format{tar.FormatUSTAR, tar.FormatGNU, tar.FormatPAX} {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		headers := []tar.Header{
			{Name: "foo-1/gpkg-1", Typeflag: tar.TypeReg},
			{Name: "foo-1/image.tar.zst", Typeflag: tar.TypeReg, Size: 700},
			{Name: "foo-1/dir/", Typeflag: tar.TypeDir},
			{Name: "foo-1/link", Linkname: "target", Typeflag: tar.TypeSymlink},
			{Name: "foo-1/hard", Linkname: "foo-1/gpkg-1", Typeflag: tar.TypeLink},
			{Name: "foo-1/fifo", Typeflag: tar.TypeFifo},
			{Name: "foo-1/device", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
			{Name: long + "name", Typeflag: tar.TypeReg, Size: 512},
		}
		if f != tar.FormatUSTAR {
			headers = append(headers,
				tar.Header{Name: long + long + "ü", Typeflag: tar.TypeReg, Size: 1},
				tar.Header{Name: "l", Linkname: long + long, Typeflag: tar.TypeSymlink},
				tar.Header{Name: "uid", Uid: 1 << 40, Typeflag: tar.TypeReg})
		}
		for _, h := range headers {
			h.Format = f
			if err := w.WriteHeader(&h); err != nil {
				tb.Fatalf("%s: %s: %v", f, h.Name, err)
			}
			if _, err := w.Write(bytes.Repeat([]byte{'x'}, int(h.Size))); err != nil {
				tb.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			tb.Fatal(err)
		}
		tars[f.String()] = out.Bytes()
	}
	return tars
}

func TestTheWalkSeesWhatArchiveTarSees(t *testing.T) {
	t.Parallel()
	for name, data := range someTars(t) {
		want, err := standardTar(data)
		if err != nil {
			t.Fatal(err)
		}
		for source, src := range map[string]Source{
			"bytes": Bytes(data),
			"file":  File{bytes.NewReader(data), int64(len(data))},
		} {
			got, end, err := walkTar(src)
			if err != nil {
				t.Errorf("%s from %s: %v", name, source, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s from %s (-archive/tar +walk)\n%s", name, source, diff)
			}
			if end > int64(len(data)) || end < got[len(got)-1].Offset {
				t.Errorf("%s from %s: the archive ends at %d of %d", name, source, end, len(data))
			}
		}
	}
}

// Cut anywhere, an archive gives a prefix of its entries, from every source the
// same; and it is only taken for a whole one where an entry ends.
func TestACutArchiveIsAPrefix(t *testing.T) {
	t.Parallel()
	for name, data := range someTars(t) {
		whole, _, err := walkTar(Bytes(data))
		if err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < len(data); cut += 256 {
			short := data[:cut]
			fromBytes, _, errBytes := walkTar(Bytes(short))
			fromFile, _, errFile := walkTar(File{bytes.NewReader(short), int64(cut)})
			if diff := cmp.Diff(fromBytes, fromFile); diff != "" || (errBytes == nil) != (errFile == nil) {
				t.Fatalf("%s cut at %d: bytes: %v, file: %v\n%s", name, cut, errBytes, errFile, diff)
			}
			if len(fromBytes) > len(whole) || len(fromBytes) > 0 && cmp.Diff(whole[:len(fromBytes)], fromBytes) != "" {
				t.Fatalf("%s cut at %d: not a prefix: %v", name, cut, fromBytes)
			}
			if errBytes == nil && len(fromBytes) < len(whole) {
				next := whole[len(fromBytes)]
				if int64(cut) > next.Offset {
					t.Errorf("%s cut at %d: %q is passed over in silence", name, cut, next.Name)
				}
			}
		}
	}
}

// What archive/tar and Python's tarfile read differently, or one of them not
// at all.
func TestHeadersOnWhichReadersDisagreeAreRefused(t *testing.T) {
	t.Parallel()
	header := func(change func(b []byte)) []byte {
		b := make([]byte, 3*BlockSize)
		copy(b, "foo-1/gpkg-1")
		copy(b[fieldMode:], "0000644\x000000000\x000000000\x0000000000000\x0000000000000\x00")
		b[fieldTypeflag] = '0'
		copy(b[FieldMagic:], "ustar\x0000")
		change(b)
		copy(b[fieldChecksum:], fmt.Sprintf("%06o\x00 ", checksum(b, false)))
		return b
	}
	if _, _, err := walkTar(Bytes(header(func([]byte) {}))); err != nil {
		t.Fatalf("the plain header: %v", err)
	}
	for name, change := range map[string]func([]byte){
		"base-256 with another lead":            func(b []byte) { b[fieldSize] = 0x81 },
		"negative size":                         func(b []byte) { copy(b[fieldSize:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff") },
		"size of 2^62":                          func(b []byte) { copy(b[fieldSize:], "\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00") },
		"digits behind a NUL":                   func(b []byte) { copy(b[fieldSize:], "\x0000000000001") },
		"underscore, which Python's int takes":  func(b []byte) { copy(b[fieldMtime:], "0000000_0001") },
		"times in the prefix, as old GNU wrote": func(b []byte) { copy(b[FieldMagic:], "ustar  \x00"); copy(b[fieldPrefix:], "01234567890") },
		"prefix without a magic":                func(b []byte) { copy(b[FieldMagic:], "\x00\x00\x00\x00\x00\x00\x00\x00"); b[fieldPrefix] = 'a' },
		"star":                                  func(b []byte) { copy(b[508:], "tar\x00") },
		"sparse":                                func(b []byte) { b[fieldTypeflag] = 'S' },
		"a bad mode":                            func(b []byte) { b[fieldMode] = '9' },
	} {
		entries, _, err := walkTar(Bytes(header(change)))
		if err == nil || len(entries) > 0 {
			t.Errorf("%s: %v, %v", name, entries, err)
		}
	}
	pax := func(typeflag byte, record string) []byte {
		b := header(func(b []byte) {
			b[fieldTypeflag] = typeflag
			copy(b[fieldSize:], fmt.Sprintf("%011o\x00", len(record)))
		})
		copy(b[BlockSize:], record)
		return append(b[:2*BlockSize], header(func([]byte) {})...)
	}
	if entries, _, err := walkTar(Bytes(pax('x', "9 path=a\n"))); err != nil || entries[0].Name != "a" {
		t.Fatalf("the plain pax header: %v, %v", entries, err)
	}
	for name, data := range map[string][]byte{
		"a global path":     pax('g', "9 path=a\n"),
		"a path twice":      pax('x', "9 path=a\n9 path=b\n"),
		"a length too long": pax('x', "11 path=a\n"),
		"a length of zero":  pax('x', "0 path=a\n"),
		"a negative size":   pax('x', "11 size=-1\n"),
		"a NUL in a path":   pax('x', "11 path=a\x00b\n"),
		"a sparse map":      pax('x', "22 GNU.sparse.major=1\n"),
		"an empty path":     pax('x', "8 path=\n"),
		"Solaris' own":      pax('X', "9 path=a\n"),
	} {
		if entries, _, err := walkTar(Bytes(data)); err == nil {
			t.Errorf("%s: %v", name, entries)
		}
	}
}

// Laws: whatever the walk accepts, archive/tar accepts and sees alike; entries
// are in order, do not overlap and lie inside; the sources agree.
func FuzzTarWalkAgreesWithArchiveTar(f *testing.F) {
	for _, data := range someTars(f) {
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	paths, _ := filepath.Glob("../testdata/alpha/*.gpkg.tar")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		// A changed header has a wrong checksum and is the end of the walk;
		// with a right one it is what there is to find.
		data = bytes.Clone(data)
		for b := data; len(b) >= BlockSize; b = b[BlockSize:] {
			if string(b[FieldMagic:FieldMagic+5]) == "ustar" {
				copy(b[fieldChecksum:], fmt.Sprintf("%06o\x00 ", checksum(b, false)))
			}
		}
		got, end, err := walkTar(Bytes(data))
		at := int64(0)
		for _, e := range got {
			if e.Offset < at+BlockSize || e.Size < 0 || e.Offset+e.Size > int64(len(data)) {
				t.Fatalf("%q at %d, %d bytes, after %d in %d", e.Name, e.Offset, e.Size, at, len(data))
			}
			at = e.Offset + e.Size
		}
		fromFile, _, errFile := walkTar(File{bytes.NewReader(data), int64(len(data))})
		if cmp.Diff(got, fromFile) != "" || (err == nil) != (errFile == nil) {
			t.Fatalf("bytes: %v, file: %v\n%s", err, errFile, cmp.Diff(got, fromFile))
		}
		if err != nil {
			return
		}
		if end > int64(len(data)) {
			t.Fatalf("the archive ends at %d of %d", end, len(data))
		}
		// archive/tar wants a second zero block at the end, Python does not;
		// what follows the first is looked at as trailing data.
		data = append(bytes.Clone(data[:end]), zeroBlock[:]...)
		want, err := standardTar(data)
		if err != nil {
			t.Fatalf("archive/tar: %v, walk: %d entries", err, len(got))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("(-archive/tar +walk)\n%s", diff)
		}
	})
}

// Laws: the short way to tell that a field is a number agrees with the long one.
func FuzzOctalFields(f *testing.F) {
	f.Add([]byte("0000644\x0000000000000\x00"))
	f.Add([]byte("0000648\x0000000000000\x00"))
	f.Add([]byte("\x80000644 00000000008\x00"))
	f.Fuzz(func(t *testing.T, block []byte) {
		if len(block) < 20 {
			return
		}
		for _, field := range [][]byte{block[:8], block[8:20]} {
			if !isOctal(field) {
				continue
			}
			want, err := strconv.ParseInt(string(field[:len(field)-1]), 8, 64)
			if n, ok := number(field); !ok || err != nil || n != want {
				t.Fatalf("%q: %d, %t; want %d, %v", field, n, ok, want, err)
			}
		}
	})
}
