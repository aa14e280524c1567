package hostarchive

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// alphaShared is the copy of alpha that the running tests of this process read
// together. It is removed with the last of them: a test binary has no other
// moment at which it could clean up after itself.
var alphaShared struct {
	sync.Mutex
	dir   string
	users int
}

// Alpha returns the root directory of the recorded host alpha (see
// testdata/hosts/README.md), shared with all tests of the process that run at
// the same time. It must not be changed: a test that writes takes [AlphaCopy].
func Alpha(tb testing.TB) string {
	tb.Helper()
	s := &alphaShared
	s.Lock()
	defer s.Unlock()
	if s.users == 0 {
		dir, err := os.MkdirTemp("", "emaudit-alpha-")
		if err != nil {
			tb.Fatal(err)
		}
		s.dir = dir
		if err := Unpack(hostsFile(tb, "alpha.tar.zst"), dir); err != nil {
			os.RemoveAll(dir)
			tb.Fatal(err)
		}
	}
	s.users++
	tb.Cleanup(func() {
		s.Lock()
		defer s.Unlock()
		s.users--
		if s.users > 0 {
			return
		}
		if err := os.RemoveAll(s.dir); err != nil {
			tb.Error(err)
		}
	})
	return s.dir
}

// AlphaCopy returns the root directory of a copy of the recorded host alpha
// that belongs to this test alone and may be changed.
func AlphaCopy(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := Unpack(hostsFile(tb, "alpha.tar.zst"), dir); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// AlphaOracle returns the JSON document of what Portage's own API says of
// alpha: alpha.oracle.json.zst, decompressed.
func AlphaOracle(tb testing.TB) []byte {
	tb.Helper()
	return decompressed(tb, hostsFile(tb, "alpha.oracle.json.zst"))
}

// AlphaTruth returns the JSON document of what happened on alpha, command by
// command: alpha.truth.json.zst, decompressed.
func AlphaTruth(tb testing.TB) []byte {
	tb.Helper()
	return decompressed(tb, hostsFile(tb, "alpha.truth.json.zst"))
}

func decompressed(tb testing.TB, path string) []byte {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	zr, err := zstd.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	defer zr.Close()
	data, err := io.ReadAll(zr)
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return data
}

// hostsFile returns the path of a file in testdata/hosts of the module that the
// test belongs to. go test starts a test in the directory of its package.
func hostsFile(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "testdata", "hosts", name)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Fatal("the test does not run inside a module")
		}
		dir = parent
	}
}
