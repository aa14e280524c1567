package binpkg

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
)

// brokenCases is what emaudit says of each file of testdata/broken.tar.zst:
// damaged and hostile packages, each in a PKGDIR of its own. What Portage says of
// them is in oracle-cases.json in the same archive.
var brokenCases = []struct {
	name      string
	integrity Integrity
	problems  []string
}{
	{"00-control", Whole, nil},
	{"00-control-rebuilt", Whole, nil},
	{"bomb-metadata-200k-members", Unknown, []string{ProblemMetadataTooLarge}},
	{"bomb-metadata-4GiB", Unknown, []string{ProblemMetadataTooLarge}},
	{"bomb-metadata-bz2-4GiB", Unknown, []string{ProblemMetadataTooLarge}},
	{"bomb-metadata-bz2-64GiB", Unknown, []string{ProblemMetadataTooLarge}},
	{"container-gzip", Damaged, []string{ProblemNotABinpkg}},
	{"container-symlink-member", Damaged, []string{ProblemMemberType, ProblemImageDamaged, ProblemManifestSize, ProblemManifestHash}},
	{"container-trailing-garbage", Whole, []string{ProblemTrailingData}},
	{"dup-metadata", Damaged, []string{ProblemMemberAmbiguous, ProblemMemberDuplicate, ProblemManifestSize, ProblemManifestHash}},
	{"extra-in-manifest", Whole, []string{ProblemMemberUnknown}},
	{"flip-metadata", Damaged, []string{ProblemMetadataDamaged, ProblemManifestHash}},
	{"flip-padding", Damaged, []string{ProblemHeaderInvalid, ProblemMarkerMissing, ProblemMetadataMissing, ProblemImageMissing, ProblemManifestMissing}},
	{"gpkg-1-missing", Damaged, []string{ProblemMarkerMissing}},
	{"gpkg-2-marker", Damaged, []string{ProblemMemberUnknown, ProblemMarkerMissing}},
	{"gpkg-named-tbz2", Damaged, []string{ProblemFormatMismatch}},
	{"image-traversal", Damaged, []string{ProblemImagePath, ProblemImageOutside}},
	{"manifest-crlf", Whole, nil},
	{"manifest-empty", Damaged, []string{ProblemManifestUnlisted}},
	{"manifest-extra-line", Damaged, []string{ProblemManifestAbsent}},
	{"manifest-garbage", Damaged, []string{ProblemManifestInvalid, ProblemManifestUnlisted}},
	{"manifest-only-unknown-hash", Unknown, []string{ProblemManifestHashes}},
	{"manifest-wrong-size", Damaged, []string{ProblemManifestSize}},
	{"meta-absolute", Damaged, []string{ProblemMetadataPath}},
	{"meta-bad-deps", Damaged, []string{ProblemMetadataValue}},
	{"meta-buildid-differs", Whole, nil}, // the path is for those who know it
	{"meta-dup-key", Whole, []string{ProblemMetadataDuplicate}},
	{"meta-fifo-dev", Damaged, []string{ProblemMetadataType}},
	{"meta-missing", Damaged, []string{ProblemMetadataMissing}},
	{"meta-nested-key", Whole, []string{ProblemMetadataNested}},
	{"meta-no-prefix", Damaged, []string{ProblemMetadataPath, ProblemMetadataKeys}},
	{"meta-no-slot", Damaged, []string{ProblemMetadataKeys}},
	{"meta-non-utf8", Whole, []string{ProblemMetadataEncoding}},
	{"meta-not-tar", Damaged, []string{ProblemMetadataDamaged, ProblemMetadataKeys}},
	{"meta-not-zstd", Damaged, []string{ProblemMetadataDamaged}},
	{"meta-nul-newline", Whole, []string{ProblemMetadataControl}},
	{"meta-other-cpv", Whole, nil},
	{"meta-traversal", Damaged, []string{ProblemMetadataPath}},
	{"meta-uncompressed", Unknown, []string{ProblemUncompressed}},
	{"name-junk", Whole, nil},
	{"order-image-first", Whole, nil},
	{"prefix-mixed", Damaged, []string{ProblemPrefixMixed}},
	{"prefix-wrong", Whole, nil},
	{"renamed-category", Whole, nil},
	{"renamed-other-pn", Whole, nil},
	{"size-claim-2e62", Damaged, []string{ProblemTruncated, ProblemImageMissing, ProblemManifestMissing}},
	{"size-claim-meta-1TiB", Damaged, []string{ProblemTruncated, ProblemMetadataMissing, ProblemImageMissing, ProblemManifestMissing}},
	{"size-negative", Damaged, []string{ProblemHeaderInvalid, ProblemImageMissing, ProblemManifestMissing}},
	{"trunc-0-empty-file", Damaged, []string{ProblemEmptyFile}},
	{"trunc-100", Damaged, []string{ProblemNotABinpkg}},
	{"trunc-before-image", Damaged, []string{ProblemImageMissing, ProblemManifestMissing}},
	{"trunc-in-manifest", Damaged, []string{ProblemTruncated, ProblemManifestMissing}},
	{"trunc-no-eof-blocks", Whole, nil},
	{"two-metadata-compressions", Whole, []string{ProblemMemberAmbiguous}},
	{"xpak-00-control", Unchecked, nil},
	{"xpak-01-rebuilt", Unchecked, nil},
	{"xpak-data-len-huge", Damaged, []string{ProblemXpakIndex}},
	{"xpak-empty", Damaged, []string{ProblemEmptyFile}},
	{"xpak-entry-len-huge", Damaged, []string{ProblemXpakIndex}},
	{"xpak-entry-offset-huge", Damaged, []string{ProblemXpakIndex}},
	{"xpak-flip-image", Damaged, []string{ProblemImageDamaged}},
	{"xpak-flip-metadata", Unchecked, nil}, // nothing covers it but the index's MD5
	{"xpak-index-len-huge", Damaged, []string{ProblemXpakIndex}},
	{"xpak-name-len-huge", Damaged, []string{ProblemXpakIndex, ProblemMetadataKeys}},
	{"xpak-name-slash", Damaged, []string{ProblemMetadataPath}},
	{"xpak-named-gpkg", Damaged, []string{ProblemFormatMismatch}},
	{"xpak-no-category", Damaged, []string{ProblemMetadataKeys}},
	{"xpak-offset-zero", Damaged, []string{ProblemXpakTail, ProblemImageDamaged}},
	{"xpak-trunc-tail-100", Damaged, []string{ProblemXpakTail, ProblemImageDamaged}},
	{"zeros", Damaged, []string{ProblemNotABinpkg}},
}

// stricterThanPortage are the cases in which Portage finds nothing wrong and
// emaudit does, and why. docs/ prints the same table.
var stricterThanPortage = map[string]string{
	"bomb-metadata-200k-members": "100 MB of metadata: more than any package has, so not read to the end",
	"container-trailing-garbage": "data behind the end is in no Manifest and belongs to nothing",
	"extra-in-manifest":          "a member that GLEP 78 does not know may mean something to a later Portage",
	"meta-dup-key":               "which of two values counts depends on the reader",
	"meta-nested-key":            "a key in a folder is read as SLOT by none, but unpacked beside it",
	"meta-non-utf8":              "the value cannot be written into the Packages index as it is",
	"meta-nul-newline":           "a line break in a value could add lines to the Packages index",
	"two-metadata-compressions":  "the second metadata are covered by the Manifest but never looked at",
	"xpak-data-len-huge":         "the length is not the segment's: a reader that believes it reads beyond",
	"xpak-entry-len-huge":        "Portage reads the value to the end of the file",
	"xpak-entry-offset-huge":     "Portage reads an empty value",
	"xpak-flip-image":            "bzip2's own checksum tells when the image is unpacked, not before",
	"xpak-name-slash":            "an absolute name is no key",
}

// portageCase is one case of oracle-cases.json: what Portage's readers answered,
// each with "raised" when it was an exception.
type portageCase struct {
	Populate json.RawMessage
	Files    map[string]json.RawMessage
}

func raised(answer json.RawMessage) bool { return strings.Contains(string(answer), `"raised"`) }

// accepts reports whether Portage, building its index, takes the file in.
func (c portageCase) accepts(path string) bool {
	return !raised(c.Populate) && strings.Contains(string(c.Populate), "path="+path+`"`)
}

// objects reports whether any of Portage's readers refuses the file itself.
func (c portageCase) objects(path string) bool { return raised(c.Populate) || raised(c.Files[path]) }

// Not parallel, so that it alone allocates.
func TestBrokenPackagesAreNeverCalledWholeWherePortageRefusesThem(t *testing.T) {
	root := unpackBroken(t)
	oracle := readOracle(t, root)
	rd := NewReader()
	tested := map[string]bool{}
	for _, c := range brokenCases {
		tested[c.name] = true
		var before, after runtime.MemStats
		for _, rel := range regularFiles(t, filepath.Join(root, "cases", c.name)) {
			path := filepath.Join(root, "cases", c.name, rel)
			runtime.ReadMemStats(&before)
			v := verifyFile(t, rd, path, VerifyOptions{Image: true})
			runtime.ReadMemStats(&after)

			if v.Integrity != c.integrity {
				t.Errorf("%s: %s, want %s: %v", c.name, v.Integrity, c.integrity, v.Diagnostics)
			}
			want := append([]string{}, c.problems...)
			if diff := cmp.Diff(want, v.Problems()); diff != "" {
				t.Errorf("%s (-want +got)\n%s", c.name, diff)
			}
			portage, ok := oracle[c.name]
			if v.Integrity == Whole && ok && portage.objects(rel) {
				t.Errorf("%s: whole, but Portage refuses it: %s", c.name, portage.Files[rel])
			}
			if ok && portage.accepts(rel) && !portage.objects(rel) {
				_, known := stricterThanPortage[c.name]
				if strict := len(v.Problems()) > 0; strict != known {
					t.Errorf("%s: Portage has no objection, emaudit has %q; stricterThanPortage says %t", c.name, v.Problems(), known)
				}
			}
			// The allocations of one file, freed or not, bound what it
			// can take at any moment.
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 256 {
				t.Errorf("%s: allocated %d MiB", c.name, used)
			}
			for _, m := range v.Members {
				if info, _ := os.Stat(path); m.Offset < 0 || m.Size < 0 || m.Offset+m.Size > info.Size() {
					t.Errorf("%s: member %q at %d, %d bytes, is outside the file", c.name, m.Name, m.Offset, m.Size)
				}
			}
		}
	}
	// What is no regular file never reaches this package.
	for _, name := range []string{"dir-named-gpkg", "fifo", "symlink-good", "symlink-loop"} {
		tested[name] = true
	}
	entries, err := os.ReadDir(filepath.Join(root, "cases"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !tested[e.Name()] {
			t.Errorf("case %s has no expectation", e.Name())
		}
	}
}

// Portage could not finish these within 40 s, and to decompress the largest whole
// takes many minutes. They take a second; that is not what is tested here, where
// the race detector and other tests run beside, but that there is a limit at all.
func TestBombsEndSoon(t *testing.T) {
	t.Parallel()
	root := unpackBroken(t)
	rd := NewReader()
	for _, name := range []string{"bomb-metadata-4GiB", "bomb-metadata-bz2-4GiB", "bomb-metadata-bz2-64GiB", "bomb-metadata-200k-members"} {
		for _, rel := range regularFiles(t, filepath.Join(root, "cases", name)) {
			begun := time.Now()
			readFile(t, rd, filepath.Join(root, "cases", name, rel))
			if took := time.Since(begun); took > time.Minute {
				t.Errorf("%s took %s", name, took)
			}
		}
	}
}

// The sparse file is in the list of cases but cannot be in an archive.
func TestAHoleOfGigabytesBehindThePackageIsNotRead(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile("testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "foo-tool-1.2.3-1.gpkg.tar")
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(whole))+8<<30); err != nil {
		t.Skipf("no sparse files here: %v", err)
	}
	read := int64(0)
	v := verifyFile(t, NewReader(), path, VerifyOptions{MD5: true, Progress: func(n int64) { read += n }})
	if v.Integrity != Unknown || !slices.Equal(v.Problems(), []string{ProblemTrailingTooLarge}) || v.MD5 != "" {
		t.Errorf("%s %q, MD5 %q", v.Integrity, v.Problems(), v.MD5)
	}
	if read > int64(len(whole)) {
		t.Errorf("read %d bytes of a package of %d", read, len(whole))
	}
}

func verifyFile(tb testing.TB, rd *Reader, path string, opts VerifyOptions) *Verification {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	opts.Expect = FormatOfName(path)
	v, err := rd.Verify(context.Background(), f, info.Size(), opts)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return v
}

func readOracle(t *testing.T, root string) map[string]portageCase {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "oracle-cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var oracle map[string]portageCase
	if err := json.Unmarshal(text, &oracle); err != nil {
		t.Fatal(err)
	}
	if !oracle["trunc-100"].objects("app-misc/foo-tool/foo-tool-1.2.3-1.gpkg.tar") ||
		!oracle["00-control"].accepts("app-misc/foo-tool/foo-tool-1.2.3-1.gpkg.tar") {
		t.Fatal("the oracle is not read as it is written")
	}
	return oracle
}

// regularFiles lists what a scan would open, relative to dir.
func regularFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && FormatOfName(path) != FormatUnknown {
			rel, _ := filepath.Rel(dir, path)
			files = append(files, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Errorf("no package in %s", dir)
	}
	return files
}

// unpackBroken unpacks testdata/broken.tar.zst, FIFOs and dangling links
// included, into a folder of the test.
func unpackBroken(t *testing.T) string {
	t.Helper()
	f, err := os.Open("testdata/broken.tar.zst")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unpacked, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer unpacked.Close()
	root := t.TempDir()
	for tr := tar.NewReader(unpacked); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, h.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeSymlink:
			err = os.Symlink(h.Linkname, path)
		case tar.TypeLink:
			err = os.Link(filepath.Join(root, h.Linkname), path)
		case tar.TypeFifo:
			err = syscall.Mkfifo(path, 0o644)
		case tar.TypeReg:
			var out *os.File
			if out, err = os.Create(path); err == nil {
				_, err = io.Copy(out, tr)
				err = errors.Join(err, out.Close())
			}
		default:
			t.Fatalf("%s: unexpected type %q", h.Name, h.Typeflag)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
