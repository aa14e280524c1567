package binpkg

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// former is what the next reading of a package is told of this one.
func (v *Verification) former() Former {
	return Former{MetadataSum: v.MetadataSum, Frame: v.Frame, MD5: v.MD5, SHA1: v.SHA1}
}

// Whatever happened to the file since, a digest that was not computed is the one
// that would have been, or the package is not called whole.
func TestADigestIsTakenOverOnlyFromTheVerySameBytes(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"testdata/alpha/bar-daemon-4.1-1.gpkg.tar", "testdata/signed/rsa2048-binary.gpkg.tar"} {
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rd := NewReader()
		verify := func(data []byte, former Former) *Verification {
			v, err := rd.Verify(context.Background(), bytes.NewReader(data), int64(len(data)), VerifyOptions{Expect: FormatGpkg, SHA1: true, Former: former})
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		first := verify(good, Former{})
		if first.Integrity != Whole || first.Frame == nil || first.MetadataSum == 0 {
			t.Fatalf("%s: %s, frame %x, sum %x: %v", path, first.Integrity, first.Frame, first.MetadataSum, first.Diagnostics)
		}
		again := verify(good, first.former())
		if again.Integrity != Whole || again.SHA1 != first.SHA1 || !bytes.Equal(again.Frame, first.Frame) {
			t.Errorf("%s again: %s, SHA1 %s, want %s", path, again.Integrity, again.SHA1, first.SHA1)
		}
		if taken := verify(good, Former{Frame: first.Frame, SHA1: "taken over"}); taken.SHA1 != "taken over" {
			t.Errorf("%s: the SHA1 was computed although the frame is the same", path)
		}
		inside := func(i int) bool {
			for _, m := range first.Members {
				if m.Base() != manifestName && m.Offset < int64(i) && int64(i) < m.Offset+m.Size {
					return true
				}
			}
			return false
		}
		for i := range good {
			// Members are hashed and padding is zeros, each byte like the next.
			if (inside(i) || good[i] == 0) && i%128 != 0 {
				continue
			}
			for _, flip := range []byte{0x01, 0x20, 0x80} {
				bad := bytes.Clone(good)
				bad[i] ^= flip
				sum := sha1.Sum(bad)
				v := verify(bad, first.former())
				if v.Integrity == Whole && v.SHA1 != hex.EncodeToString(sum[:]) {
					t.Fatalf("%s, byte %d ^ %#x: whole, with the SHA1 of another file: %s", path, i, flip, v.SHA1)
				}
				if v.Integrity != Whole && v.Frame != nil {
					t.Fatalf("%s, byte %d ^ %#x: %s, with a frame", path, i, flip, v.Integrity)
				}
			}
		}
		// A package that grew or lost its padding is another file.
		for _, other := range [][]byte{append(bytes.Clone(good), make([]byte, 512)...), good[:len(good)-512]} {
			sum := sha1.Sum(other)
			if v := verify(other, first.former()); v.SHA1 != hex.EncodeToString(sum[:]) {
				t.Errorf("%s with %d bytes: SHA1 %s", path, len(other), v.SHA1)
			}
		}
	}
}

// What a former reading spares must not be missed: with it and without it every
// package has the same verdict.
func TestAFormerReadingChangesNoVerdict(t *testing.T) {
	t.Parallel()
	root := unpackBroken(t)
	rd := NewReader()
	good := verifyFile(t, rd, filepath.Join(root, "cases/00-control/app-misc/foo-tool/foo-tool-1.2.3-1.gpkg.tar"), VerifyOptions{MD5: true, SHA1: true})
	if good.Frame == nil {
		t.Fatal("the good package has no frame")
	}
	for _, c := range brokenCases {
		if strings.HasPrefix(c.name, "bomb-") {
			continue // another test has them, and once is enough
		}
		for _, rel := range regularFiles(t, filepath.Join(root, "cases", c.name)) {
			path := filepath.Join(root, "cases", c.name, rel)
			opts := VerifyOptions{Expect: FormatOfName(path), MD5: true, SHA1: true}
			want := verifyFile(t, rd, path, opts)
			opts.Former = good.former()
			got := verifyFile(t, rd, path, opts)
			if got.Integrity != want.Integrity || got.MD5 != want.MD5 || got.SHA1 != want.SHA1 {
				t.Errorf("%s: %s, MD5 %s, SHA1 %s; without: %s, %s, %s", path, got.Integrity, got.MD5, got.SHA1, want.Integrity, want.MD5, want.SHA1)
			}
			if diff := cmp.Diff(want.Problems(), got.Problems()); diff != "" {
				t.Errorf("%s (-without +with)\n%s", path, diff)
			}
		}
	}
}
