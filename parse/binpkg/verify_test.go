package binpkg

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"emaudit/internal/sharedtest"
)

// Portage computed the digests of all packages when it made its index.
func TestFileDigestsAreThoseOfPortagesIndex(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Reindexed struct {
			Binpkgs []struct {
				Path     string
				Metadata map[string]string
			}
		} `json:"portage_reindexed"`
	}
	text, err := os.ReadFile(sharedtest.Path(t, "hosts", "alpha.oracle.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &oracle); err != nil {
		t.Fatal(err)
	}
	pkgdir := unpackAlpha(t)
	rd := NewReader()
	compared, stubs := 0, []string{}
	for _, want := range oracle.Reindexed.Binpkgs {
		v := verifyFile(t, rd, filepath.Join(pkgdir, want.Path), VerifyOptions{MD5: true, SHA1: true, Image: true})
		if v.Integrity != Whole || v.Signature != SignatureNone {
			t.Errorf("%s: %s, %s: %v", want.Path, v.Integrity, v.Signature, v.Diagnostics)
		}
		if md5 := want.Metadata["MD5"]; md5 != "" {
			compared++
			if v.MD5 != md5 || v.SHA1 != want.Metadata["SHA1"] {
				t.Errorf("%s: MD5 %s, SHA1 %s, want %s, %s", want.Path, v.MD5, v.SHA1, md5, want.Metadata["SHA1"])
			}
		}
		// The recorded FIFO: whole, yet Portage does not extract it.
		yes, known := v.Installable()
		if !known || yes == strings.Contains(want.Path, "/oddnames/") {
			t.Errorf("%s: installable %t, %t", want.Path, yes, known)
		}
		if len(v.Image.ConfigStubs) > 0 {
			stubs = append(stubs, want.Path)
		}
	}
	if compared < 100 {
		t.Errorf("only %d digests compared", compared)
	}
	if diff := cmp.Diff([]string{"www-servers/tinyd/tinyd-1.26.1-2.gpkg.tar"}, stubs); diff != "" {
		t.Errorf("packages with config stubs (-want +got)\n%s", diff)
	}
}

// makeImage packs entries, whose data is their size in zeros unless given.
func makeImage(tb testing.TB, headers []tar.Header, data map[string]string) []byte {
	tb.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out)
	if err != nil {
		tb.Fatal(err)
	}
	w := tar.NewWriter(z)
	for _, h := range headers {
		content := data[h.Name]
		if content != "" {
			h.Size = int64(len(content))
		}
		if err := w.WriteHeader(&h); err != nil {
			tb.Fatalf("%s: %v", h.Name, err)
		}
		if content == "" {
			_, err = io.CopyN(w, zeros{}, h.Size)
		} else {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestWhatAnImageMayHold(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	reg := func(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeReg} }
	link := func(name, to string) tar.Header {
		return tar.Header{Name: name, Linkname: to, Typeflag: tar.TypeLink}
	}
	for _, c := range []struct {
		name        string
		headers     []tar.Header
		integrity   Integrity
		problem     string
		installable bool
	}{
		{"files and links", []tar.Header{reg("image/a"), link("image/b", "image/a"), {Name: "image/c", Linkname: "/x", Typeflag: tar.TypeSymlink}}, Whole, "", true},
		{"a name with dots", []tar.Header{reg("image/..a"), reg("image/a..")}, Whole, "", true},
		{"the folder alone", []tar.Header{{Name: "image/", Typeflag: tar.TypeDir}}, Whole, "", true},
		{"nothing", nil, Damaged, ProblemImageDamaged, false},
		{"a file in place of the folder", []tar.Header{reg("image")}, Damaged, ProblemImageDamaged, false},
		{"nothing but outside", []tar.Header{reg("imagine/a")}, Damaged, ProblemImageOutside, false},
		{"..", []tar.Header{reg("image/../../etc/passwd")}, Damaged, ProblemImagePath, false},
		{"an absolute name", []tar.Header{reg("/image/a")}, Damaged, ProblemImagePath, false},
		{"a name twice", []tar.Header{reg("image/a"), reg("image/a")}, Damaged, ProblemImageDuplicate, false},
		{"a folder as a file", []tar.Header{reg("image/a"), {Name: "image/a/", Typeflag: tar.TypeDir}}, Damaged, ProblemImageDuplicate, false},
		{"a hard link to nothing", []tar.Header{link("image/b", "image/a"), reg("image/a")}, Damaged, ProblemImageHardlink, false},
		{"a hard link to outside", []tar.Header{link("image/b", "/etc/shadow")}, Damaged, ProblemImageHardlink, false},
		{"a FIFO", []tar.Header{{Name: "image/f", Typeflag: tar.TypeFifo}}, Whole, ProblemImageDevice, false},
		{"a device", []tar.Header{{Name: "image/d", Typeflag: tar.TypeBlock}}, Whole, ProblemImageDevice, false},
		{"a file outside", []tar.Header{reg("image/a"), reg("imagine/a")}, Whole, ProblemImageOutside, true},
		{"zeros", []tar.Header{{Name: "image/z", Typeflag: tar.TypeReg, Size: 100 << 20}}, Unknown, ProblemImageTooLarge, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pkg := makeGpkg(t, []file{control[0], control[1], {"image.tar.zst", makeImage(t, c.headers, nil)}})
			v := verifyBytes(t, pkg, VerifyOptions{Image: true})
			if yes, _ := v.Installable(); v.Integrity != c.integrity || yes != c.installable {
				t.Errorf("%s, installable %t, want %s, %t: %v", v.Integrity, yes, c.integrity, c.installable, v.Diagnostics)
			}
			if c.problem == "" && len(v.Problems()) > 0 || c.problem != "" && !slices.Contains(v.Problems(), c.problem) {
				t.Errorf("problems %q, want %q", v.Problems(), c.problem)
			}
			// Without the walk the Manifest is all there is to go by.
			if v := verifyBytes(t, pkg, VerifyOptions{}); v.Integrity != Whole || v.Image != nil {
				t.Errorf("without the walk: %s", v.Integrity)
			}
		})
	}
}

// Portage reads an image to the end of its tar and waits for the decompressor, which
// waits for ever where a pipe does not hold the rest.
func TestWhatIsBehindTheTarOfAnImageFitsIntoAPipe(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	for behind, want := range map[int]Integrity{0: Whole, 40_000: Whole, 90_000: Damaged, 1 << 20: Damaged} {
		image := gzipped(t, append(sampleTar(t), make([]byte, behind)...))
		v := verifyBytes(t, makeGpkg(t, []file{control[0], control[1], {"image.tar.gz", image}}), VerifyOptions{Image: true})
		if v.Integrity != want || want == Damaged && !slices.Contains(v.Problems(), ProblemImageTrailing) {
			t.Errorf("%d bytes: %s %v", behind, v.Integrity, v.Diagnostics)
		}
	}
}

// TestNamesTellTypes holds that what an image installs is known with its type:
// Portage treats a folder, a symbolic link and a file each in its own way where
// something else lies in their place.
func TestNamesTellTypes(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	image := makeImage(t, []tar.Header{
		{Name: "image/", Typeflag: tar.TypeDir},
		{Name: "image/usr/", Typeflag: tar.TypeDir},
		{Name: "image/usr/a", Typeflag: tar.TypeReg},
		{Name: "image/usr/b", Typeflag: tar.TypeLink, Linkname: "image/usr/a"},
		{Name: "image/usr/c", Typeflag: tar.TypeSymlink, Linkname: "a -> b"},
	}, map[string]string{"image/usr/a": "x"})
	v := verifyBytes(t, makeGpkg(t, []file{control[0], control[1], {"image.tar.zst", image}}), VerifyOptions{Image: true})
	var got []ImageName
	ReadImageNames(v.Image.Names, func(n ImageName) { got = append(got, n) })
	want := []ImageName{{Path: "/usr", Kind: ImageFolder}, {Path: "/usr/a"}, {Path: "/usr/b"}, {Path: "/usr/c", Kind: ImageSymlink, Target: "a -> b"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestConfigStubsAreNamed(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	image := makeImage(t, []tar.Header{
		{Name: "image/etc/a.conf", Typeflag: tar.TypeReg},
		{Name: "image/etc/b.conf", Typeflag: tar.TypeReg},
		{Name: "image/etc/same-size", Typeflag: tar.TypeReg},
	}, map[string]string{
		"image/etc/a.conf":    configStub,
		"image/etc/b.conf":    "key = value\n",
		"image/etc/same-size": strings.Repeat("x", len(configStub)),
	})
	v := verifyBytes(t, makeGpkg(t, []file{control[0], control[1], {"image.tar.zst", image}}), VerifyOptions{Image: true})
	if diff := cmp.Diff(&Image{Entries: 3, Files: 3, ConfigStubs: []string{"image/etc/a.conf"}, Names: []byte("/etc/a.conf\n/etc/b.conf\n/etc/same-size\n")}, v.Image); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A package above the size from which hashes run in parallel, signed, with the
// image walked: everything that can run at once does.
func TestALargePackageIsVerifiedInParallel(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/signed/ed25519-armoured.gpkg.tar")
	noise := strings.Builder{}
	state := uint32(1)
	for noise.Len() < parallelSize+chunkSize/2 {
		state = state*1664525 + 1013904223
		noise.WriteByte(byte(state >> 24))
	}
	image := makeImage(t, []tar.Header{{Name: "image/noise", Typeflag: tar.TypeReg}}, map[string]string{"image/noise": noise.String()})
	pkg := makeGpkg(t, []file{control[0], control[1], control[2], {"image.tar.zst", image}, {"image.tar.zst.sig", control[4].data}})
	read := int64(0)
	v := verifyBytes(t, pkg, VerifyOptions{
		Keyring: testKeyring(t, "keys.gpg"), MD5: true, SHA1: true, Image: true,
		Progress: func(n int64) { read += n },
	})
	if read != int64(len(pkg)) || len(pkg) < parallelSize {
		t.Errorf("read %d of %d bytes", read, len(pkg))
	}
	// The signature is over another image, and the Manifest has none.
	if diff := cmp.Diff([]string{ProblemManifestUnsigned, ProblemSignatureMissing, ProblemSignatureInvalid}, v.Problems()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if v.Image.Files != 1 {
		t.Errorf("%+v", v.Image)
	}
	small := verifyBytes(t, pkg, VerifyOptions{})
	if small.MD5 != "" || small.SHA1 != "" || small.Image != nil {
		t.Errorf("not asked for: %q %q %v", small.MD5, small.SHA1, small.Image)
	}
}

// failing is a file that fails, or ends, at an offset.
type failing struct {
	data []byte
	at   int64
	err  error
}

func (f failing) ReadAt(p []byte, offset int64) (int, error) {
	if offset+int64(len(p)) > f.at {
		return 0, f.err
	}
	return copy(p, f.data[offset:]), nil
}

func TestAFailingDiskIsAnErrorAndAShrinkingFileIsDamage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/alpha/bar-daemon-4.1-1.gpkg.tar")
	if err != nil {
		t.Fatal(err)
	}
	disk := errors.New("input/output error")
	rd := NewReader()
	for at := int64(0); at < int64(len(data)); at += 512 {
		p, err := rd.Read(failing{data, at, disk}, int64(len(data)), FormatGpkg)
		if !errors.Is(err, disk) || p != nil {
			t.Fatalf("failing at %d: %v, %v", at, p, err)
		}
		v, err := rd.Verify(context.Background(), failing{data, at, disk}, int64(len(data)), VerifyOptions{Image: true})
		if !errors.Is(err, disk) || v != nil {
			t.Fatalf("failing at %d: %v, %v", at, v, err)
		}
		v, err = rd.Verify(context.Background(), failing{data, at, io.EOF}, int64(len(data)), VerifyOptions{Image: true, MD5: true})
		if err != nil {
			t.Fatalf("ending at %d: %v", at, err)
		}
		if v.Integrity != Damaged || v.MD5 != "" {
			t.Errorf("ending at %d: %s, MD5 %q", at, v.Integrity, v.MD5)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if v, err := rd.Verify(ctx, bytes.NewReader(data), int64(len(data)), VerifyOptions{Image: true}); !errors.Is(err, context.Canceled) || v != nil {
		t.Errorf("cancelled: %v, %v", v, err)
	}
}

// One Reader for many packages keeps nothing of one for the next.
func TestAReaderGivesTheSameAnswerAgain(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/*/*.gpkg.tar")
	if err != nil || len(paths) < 10 {
		t.Fatal(paths, err)
	}
	rd := NewReader()
	opts := VerifyOptions{Keyring: testKeyring(t, "pubring.kbx"), Image: true, MD5: true, SHA1: true}
	for _, path := range append(paths, paths...) {
		if diff := cmp.Diff(verifyFile(t, NewReader(), path, opts), verifyFile(t, rd, path, opts)); diff != "" {
			t.Errorf("%s (-new +used)\n%s", path, diff)
		}
	}
}

// quickpkg packs what it finds, warns of what it does not find, and copies CONTENTS
// as it is: what was lost shows in the package alone.
func TestAnImageIsComparedWithTheCONTENTSThatQuickpkgCopied(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	of := func(text string) string { return fmt.Sprintf("%x", md5.Sum([]byte(text))) }
	listing := strings.Join([]string{
		"dir /usr", "dir /usr/empty",
		"obj /usr/a " + of("a") + " 1", "obj /usr/b " + of("b") + " 1", "obj /usr/c " + of("c") + " 1", "obj /usr/d " + of("a") + " 1",
		"obj /etc/e " + of("e") + " 1", "obj /usr/f " + of("f") + " 1",
		"sym /usr/s -> a 1", "sym /usr/t -> a 1", "fif /run/p",
	}, "\n") + "\n"
	metadata := packed(t, map[string]string{
		"CATEGORY": "app-misc\n", "PF": "foo-1\n", "SLOT": "0\n", "COUNTER": "5\n", "CONTENTS": listing,
	})
	image := makeImage(t, []tar.Header{
		{Name: "image/", Typeflag: tar.TypeDir},
		{Name: "image/usr/", Typeflag: tar.TypeDir},
		{Name: "image/usr/a", Typeflag: tar.TypeReg},
		{Name: "image/usr/c", Typeflag: tar.TypeReg}, // of the same size
		{Name: "image/usr/d", Typeflag: tar.TypeLink, Linkname: "image/usr/a"},
		{Name: "image/etc/e", Typeflag: tar.TypeReg},
		{Name: "image/usr/f", Typeflag: tar.TypeSymlink, Linkname: "a"},
		{Name: "image/usr/s", Typeflag: tar.TypeSymlink, Linkname: "a"},
		{Name: "image/usr/t", Typeflag: tar.TypeSymlink, Linkname: "b"},
		{Name: "image/usr/not-listed", Typeflag: tar.TypeReg},
	}, map[string]string{"image/usr/a": "a", "image/usr/c": "X", "image/etc/e": configStub})
	pkg := makeGpkg(t, []file{control[0], {"metadata.tar.zst", metadata}, {"image.tar.zst", image}})
	v := verifyBytes(t, pkg, VerifyOptions{Image: true})
	if v.Integrity != Whole || v.Origin != OriginQuickpkg {
		t.Errorf("%s %s: %v", v.Integrity, v.Origin, v.Diagnostics)
	}
	if diff := cmp.Diff([]string{"/run/p", "/usr/b", "/usr/empty"}, v.Image.Missing); diff != "" {
		t.Errorf("missing (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"/usr/c", "/usr/f", "/usr/t"}, v.Image.Altered); diff != "" {
		t.Errorf("altered (-want +got)\n%s", diff)
	}
	for _, code := range []string{ProblemImageLossy, ProblemImageAltered, ProblemConfigStub} {
		if !slices.Contains(v.Problems(), code) {
			t.Errorf("no %s: %v", code, v.Diagnostics)
		}
	}
	// What an earlier reading knew of the metadata does not hide their CONTENTS.
	again := verifyBytes(t, pkg, VerifyOptions{Image: true, Former: Former{MetadataSum: v.MetadataSum}})
	if len(again.Image.Missing) != 3 {
		t.Errorf("read again: %v", again.Image.Missing)
	}
	// A build packages its own image, whatever key it carries.
	if v := verifyBytes(t, makeGpkg(t, []file{control[0], control[1], {"image.tar.zst", image}}), VerifyOptions{Image: true}); v.Image.Missing != nil || v.Image.Altered != nil {
		t.Errorf("a build: %+v", v.Image)
	}
}

// packed returns a metadata member with these keys.
func packed(tb testing.TB, keys map[string]string) []byte {
	tb.Helper()
	headers, data := []tar.Header{}, map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		headers = append(headers, tar.Header{Name: "metadata/" + key, Typeflag: tar.TypeReg})
		data["metadata/"+key] = keys[key]
	}
	return makeImage(tb, headers, data)
}
