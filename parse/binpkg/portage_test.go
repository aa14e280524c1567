package binpkg

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"emaudit/internal/portagetest"
)

// askVerify has Portage verify packages, and read their metadata.
const askVerify = `
import json, sys
import portage
from portage.gpkg import gpkg
settings = portage.config(config_root=sys.argv[1], target_root=sys.argv[1], env={})
settings.unlock()
answer = []
for path in sys.argv[2:]:
    try:
        package = gpkg(settings, None, path)
        package._verify_binpkg()
        package.get_metadata()
        answer.append("")
    except BaseException as e:
        answer.append(f"{type(e).__name__}: {e}")
print(json.dumps(answer))
`

// TestWherePortageTakesWhatIsNotWholeOrOdd asks real Portage about rows of
// docs/containers.md: it takes each of these packages without a word.
func TestWherePortageTakesWhatIsNotWholeOrOdd(t *testing.T) {
	t.Parallel()
	portagetest.Checkout(t)
	control := filesOf(t, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	key := func(name, value string) file { return file{"metadata/" + name, []byte(value)} }
	metadata := func(more ...file) []byte {
		return makeGpkg(t, []file{control[0], {control[1].name, metadataWith(t, control[1].data, more...)}, control[2]})
	}
	many := func(n int) (all []file) {
		for i := range n {
			all = append(all, key(fmt.Sprintf("KEY_%d", i), "x"))
		}
		return all
	}
	members := slices.Clone(control)
	for i := range maxMembers {
		members = append(members, file{fmt.Sprintf("extra-%d", i), []byte("x")})
	}
	plain := makeGpkg(t, control)
	cases := []struct {
		name      string
		pkg       []byte
		integrity Integrity
		problem   string
	}{
		{"nothing odd", metadata(), Whole, ""},
		{"more members than are read", makeGpkg(t, members), Unknown, ProblemTooManyMembers},
		{"a Manifest larger than is read", packGpkg(t, append(slices.Clone(control), file{manifestName, append(manifestOf(control), bytes.Repeat([]byte("\n"), maxManifestSize)...)})), Unknown, ProblemManifestTooLarge},
		{"more behind the end than is read", append(slices.Clone(plain), make([]byte, maxTrailing+1)...), Unknown, ProblemTrailingTooLarge},
		{"data behind the end", append(slices.Clone(plain), bytes.Repeat([]byte("x"), 4096)...), Whole, ProblemTrailingData},
		{"a value larger than is kept", metadata(key("DESCRIPTION", strings.Repeat("x", maxKeyValue+1))), Unknown, ProblemMetadataTooLarge},
		{"more keys than are read", metadata(many(maxMetadataEntries)...), Unknown, ProblemMetadataTooLarge},
		{"a key twice", metadata(key("DESCRIPTION", "another\n")), Whole, ProblemMetadataDuplicate},
		{"a key in a folder", metadata(key("folder/KEY", "x")), Whole, ProblemMetadataNested},
		{"a value that is not UTF-8", metadata(key("HOMEPAGE", "caf\xe9\n")), Whole, ProblemMetadataEncoding},
		{"a NUL in a value", metadata(key("HOMEPAGE", "a\x00b\n")), Whole, ProblemMetadataControl},
		{"a member that is not known", makeGpkg(t, append(slices.Clone(control), file{"notes", []byte("x")})), Whole, ProblemMemberUnknown},
		{"metadata twice", makeGpkg(t, append(slices.Clone(control), file{"metadata.tar", []byte("x")})), Whole, ProblemMemberAmbiguous},
		{"an image with a FIFO", makeGpkg(t, []file{control[0], control[1], {control[2].name, makeImage(t, []tar.Header{{Name: "image/f", Typeflag: tar.TypeFifo}}, nil)}}), Whole, ProblemImageDevice},
	}
	dir := t.TempDir()
	args := []string{dir}
	if err := os.MkdirAll(filepath.Join(dir, "etc/portage"), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		path := filepath.Join(dir, fmt.Sprintf("%d-1.gpkg.tar", i))
		if err := os.WriteFile(path, c.pkg, 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	var says []string
	portagetest.Ask(t, &says, askVerify, args...)
	for i, c := range cases {
		if says[i] != "" {
			t.Errorf("%s: Portage refuses it: %s", c.name, says[i])
		}
		v := verifyBytes(t, c.pkg, VerifyOptions{Image: true})
		if v.Integrity != c.integrity || c.problem == "" && len(v.Problems()) > 0 || c.problem != "" && !slices.Contains(v.Problems(), c.problem) {
			t.Errorf("%s: %s %q, want %s %s", c.name, v.Integrity, v.Problems(), c.integrity, c.problem)
		}
	}
}

// metadataWith is a metadata.tar.zst with more entries.
func metadataWith(tb testing.TB, packed []byte, more ...file) []byte {
	tb.Helper()
	z, err := zstd.NewReader(bytes.NewReader(packed))
	if err != nil {
		tb.Fatal(err)
	}
	defer z.Close()
	var out bytes.Buffer
	pack, err := zstd.NewWriter(&out)
	if err != nil {
		tb.Fatal(err)
	}
	w := tar.NewWriter(pack)
	for tr := tar.NewReader(z); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = w.WriteHeader(h)
		}
		if err == nil {
			_, err = io.Copy(w, tr)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	for _, f := range more {
		err := w.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Mode: 0o644, Size: int64(len(f.data))})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), pack.Close()); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}
