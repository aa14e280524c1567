package binpkg

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/crypto/blake2b"
)

// BenchmarkRead is one package of a scan of PKGDIR in a warm page cache; the
// budget is 20 µs, 2,400 packages in 50 ms on one core.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"bar-daemon-4.1-1", "bar-daemon-4.1-2"} {
		b.Run(name, func(b *testing.B) {
			f, err := os.Open("testdata/alpha/" + name + ".gpkg.tar")
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				b.Fatal(err)
			}
			rd := NewReader()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rd.Read(f, info.Size(), FormatGpkg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkVerify compares the verification of one package with the floor: the
// two hashes of its Manifest, with or without the two of the Packages index, over
// the same bytes, one after the other.
func BenchmarkVerify(b *testing.B) {
	image := make([]byte, 32<<20)
	source := rand.New(rand.NewPCG(1, 2))
	for i := 0; i < len(image); i += 8 {
		binary.LittleEndian.PutUint64(image[i:], source.Uint64())
	}
	control := filesOf(b, "testdata/alpha/foo-tool-1.2.3-1.gpkg.tar")
	pkg := makeGpkg(b, []file{control[0], control[1], {"image.tar.zst", image}})
	hashes := func(names ...string) []hash.Hash {
		all := map[string]hash.Hash{"SHA512": sha512.New(), "MD5": md5.New(), "SHA1": sha1.New()}
		all["BLAKE2B"], _ = blake2b.New512(nil)
		var h []hash.Hash
		for _, name := range names {
			h = append(h, all[name])
		}
		return h
	}
	floor := func(names ...string) func(*testing.B) {
		return func(b *testing.B) {
			b.SetBytes(int64(len(pkg)))
			for b.Loop() {
				for _, h := range hashes(names...) {
					h.Write(pkg)
				}
			}
		}
	}
	b.Run("floor/SHA512+BLAKE2B", floor("SHA512", "BLAKE2B"))
	b.Run("floor/SHA512+BLAKE2B+MD5+SHA1", floor("SHA512", "BLAKE2B", "MD5", "SHA1"))
	verify := func(opts VerifyOptions) func(*testing.B) {
		return func(b *testing.B) {
			b.SetBytes(int64(len(pkg)))
			rd := NewReader()
			for b.Loop() {
				v, err := rd.Verify(context.Background(), bytes.NewReader(pkg), int64(len(pkg)), opts)
				if err != nil || v.Integrity != Whole {
					b.Fatal(v.Integrity, err)
				}
			}
		}
	}
	b.Run("Manifest", verify(VerifyOptions{}))
	b.Run("Manifest+SHA1", verify(VerifyOptions{SHA1: true}))
	b.Run("Manifest+SHA1+MD5", verify(VerifyOptions{SHA1: true, MD5: true}))
}
