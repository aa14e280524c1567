package hosttest

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"emaudit/internal/hostarchive"

	"github.com/klauspost/compress/zstd"
)

// Broken unpacks the damaged and hostile packages and indexes of the tests of
// package binpkg into a folder of the test. They include FIFOs and dangling links.
// The folder has cases/NAME and index-cases/NAME, each a root with PKGDIR at the
// usual place, and oracle-*.json with Portage's result for each.
func Broken(tb testing.TB) string {
	tb.Helper()
	f, err := os.Open(repoFile(tb, "parse/binpkg/testdata/broken.tar.zst"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	unpacked, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	defer unpacked.Close()
	dir := tb.TempDir()
	for tr := tar.NewReader(unpacked); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err == nil {
			err = unpackMember(tr, h, filepath.Join(dir, filepath.FromSlash(brokenPath(h.Name))))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// brokenPath maps the path of a case to the place of PKGDIR in a root.
func brokenPath(name string) string {
	parts := strings.SplitN(strings.TrimPrefix(name, "./"), "/", 3)
	if len(parts) == 3 && strings.HasSuffix(parts[0], "cases") {
		return parts[0] + "/" + parts[1] + "/var/cache/binpkgs/" + parts[2]
	}
	return name
}

func unpackMember(tr *tar.Reader, h *tar.Header, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return os.MkdirAll(path, 0o755)
	case tar.TypeSymlink:
		return os.Symlink(h.Linkname, path)
	case tar.TypeFifo:
		return syscall.Mkfifo(path, 0o644)
	case tar.TypeLink:
		return os.Link(filepath.Join(strings.TrimSuffix(path, brokenPath(h.Name)), filepath.FromSlash(brokenPath(h.Linkname))), path)
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, tr)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return os.Chtimes(path, h.ModTime, h.ModTime)
}

// repoFile returns the path of a file of the repository.
func repoFile(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := hostarchive.Module()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(dir, filepath.FromSlash(name))
}
