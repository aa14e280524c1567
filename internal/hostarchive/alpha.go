package hostarchive

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// alphaShared holds the shared copy of alpha, found at most once in a process.
var alphaShared struct {
	sync.Once
	dir string
	err error
}

// Alpha returns the root directory of the recorded host alpha (see
// testdata/hosts/README.md). The tests of all packages share this copy, so they
// must not change it. A test that writes must use [AlphaCopy].
func Alpha(tb testing.TB) string {
	tb.Helper()
	s := &alphaShared
	archive := hostsFile(tb, "alpha.tar.zst")
	s.Do(func() { s.dir, s.err = Shared(archive, os.TempDir()) })
	if s.err != nil {
		tb.Fatal(s.err)
	}
	return s.dir
}

// AlphaCopy returns the root directory of a copy of the recorded host alpha. The
// copy belongs to this test, which may change it.
func AlphaCopy(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if err := Unpack(hostsFile(tb, "alpha.tar.zst"), dir); err != nil {
		tb.Fatal(err)
	}
	return dir
}

// AlphaOracle returns the results of Portage's own API for alpha as a JSON
// document: alpha.oracle.json.zst, decompressed.
func AlphaOracle(tb testing.TB) []byte {
	tb.Helper()
	return decompressed(tb, hostsFile(tb, "alpha.oracle.json.zst"))
}

// AlphaTruth returns the recorded history of alpha, command by command, as a JSON
// document: alpha.truth.json.zst, decompressed.
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

func hostsFile(tb testing.TB, name string) string {
	tb.Helper()
	file, err := File(name)
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// File returns the path of a file in testdata/hosts.
func File(name string) (string, error) {
	dir, err := Module()
	return filepath.Join(dir, "testdata", "hosts", name), err
}

// Module returns the folder of the module that the working directory is in. go test
// starts each test in the folder of its package.
func Module() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("the working directory is in no module")
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}
