package binpkg

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/parse/binpkg/codec"
)

func TestMembersInEveryOrder(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	for i := range control {
		for j := range control {
			files := slices.Clone(control)
			files[i], files[j] = files[j], files[i]
			if v := verifyBytes(t, makeGpkg(t, files), VerifyOptions{Image: true}); v.Integrity != Whole || len(v.Problems()) > 0 || v.Slot != "0" {
				t.Errorf("%d and %d exchanged: %s, %v", i, j, v.Integrity, v.Diagnostics)
			}
		}
	}
}

func TestPlainMembersDependOnPortagesSetting(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	var u codec.Unpacker
	metadata, err := u.Unpack(nil, control[1].data, codec.Zstd, maxMetadataSize)
	if err != nil {
		t.Fatal(err)
	}
	pkg := makeGpkg(t, []file{control[0], {"metadata.tar", metadata}, {"image.tar", sampleTar(t)}})
	rd := NewReader()
	for plain, want := range map[bool]Integrity{false: Unknown, true: Whole} {
		rd.AcceptPlain = plain
		v, err := rd.Verify(t.Context(), bytes.NewReader(pkg), int64(len(pkg)), VerifyOptions{Image: true})
		if err != nil {
			t.Fatal(err)
		}
		if v.Integrity != want || v.CPV() != "app-misc/foo-tool-1.2.3" || v.Compressor != codec.None || v.Image.Files != 2 {
			t.Errorf("AcceptPlain %t: %s %s %s %+v", plain, v.Integrity, v.CPV(), v.Compressor, v.Image)
		}
	}
}

// Many notes must not crowd out the reason of the verdict.
func TestTheReasonOfAVerdictIsAlwaysKept(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	files := slices.Clone(control)
	for i := range maxMembers - len(control) - 1 {
		files = append(files, file{fmt.Sprintf("note-%d", i), nil})
	}
	if v := verifyBytes(t, makeGpkg(t, files), VerifyOptions{}); v.Integrity != Whole || !slices.Equal(v.Problems(), []string{ProblemMemberUnknown}) {
		t.Errorf("as many as are read: %s %q", v.Integrity, v.Problems())
	}
	files = append(files, file{"one-more", nil})
	v := verifyBytes(t, makeGpkg(t, files), VerifyOptions{})
	if diff := cmp.Diff([]string{ProblemTooManyMembers, ProblemMemberUnknown}, v.Problems()); diff != "" || v.Integrity != Unknown {
		t.Errorf("one more: %s (-want +got)\n%s", v.Integrity, diff)
	}
	files = append(slices.Clone(control), slices.Repeat([]file{{"x/y/z", nil}}, maxMembers-len(control)-1)...)
	v = verifyBytes(t, makeGpkg(t, files), VerifyOptions{})
	for _, problem := range []string{ProblemMemberPath, ProblemManifestDuplicate} {
		if !slices.Contains(v.Problems(), problem) {
			t.Errorf("no %s in %q", problem, v.Problems())
		}
	}
	if len(v.Diagnostics) > maxDiagnostics+len(effects) {
		t.Errorf("%d diagnostics", len(v.Diagnostics))
	}
}

// Portage finds a member by the last part of its name, and starts the program that
// its suffix names, which may tell other streams by their first bytes.
func TestWhatPortageToleratesIsNotDamaged(t *testing.T) {
	t.Parallel()
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	for _, c := range []struct {
		folder, problem string
		integrity       Integrity
	}{
		{"..", ProblemMemberName, Whole},
		{".", ProblemMemberPath, Damaged},
	} {
		pkg := packGpkgIn(t, c.folder, append(slices.Clone(control), file{manifestName, manifestOf(control)}))
		v := verifyBytes(t, pkg, VerifyOptions{Image: true})
		if v.Integrity != c.integrity || !slices.Contains(v.Problems(), c.problem) || v.Integrity == Whole && v.CPV() != "app-misc/foo-tool-1.2.3" {
			t.Errorf("folder %s: %s %s %v", c.folder, v.Integrity, v.CPV(), v.Diagnostics)
		}
	}
	var u codec.Unpacker
	metadata, err := u.Unpack(nil, control[1].data, codec.Zstd, maxMetadataSize)
	if err != nil {
		t.Fatal(err)
	}
	pkg := makeGpkg(t, []file{control[0], {"metadata.tar.zst", gzipped(t, metadata)}, {"image.tar.zst", gzipped(t, sampleTar(t))}})
	v := verifyBytes(t, pkg, VerifyOptions{Image: true})
	if v.Integrity != Unknown || v.CPV() != "app-misc/foo-tool-1.2.3" || v.Image.Files != 2 || !slices.Equal(v.Problems(), []string{ProblemOtherPacker}) || !v.Readable() {
		t.Errorf("gzip named as zstd: %s %s %v", v.Integrity, v.CPV(), v.Diagnostics)
	}
	// gzip reads nothing but gzip.
	pkg = makeGpkg(t, []file{control[0], control[1], {"image.tar.gz", control[2].data}})
	if v := verifyBytes(t, pkg, VerifyOptions{Image: true}); v.Integrity != Damaged {
		t.Errorf("zstd named as gzip: %s %v", v.Integrity, v.Diagnostics)
	}
}
