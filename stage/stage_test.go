package stage_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"emaudit/hostfs"
	"emaudit/internal/hostarchive"
	"emaudit/parse/binpkg"
	"emaudit/parse/pkgindex"
	"emaudit/stage"
)

const (
	pkgdir = "/var/cache/binpkgs"
	hello  = "app-misc/hello/hello-2.1-1.gpkg.tar"
	now    = 1791300000
)

// host is a copy of the recorded host with one file to stage.
type host struct {
	dir  string
	root *hostfs.Root
	file stage.File
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{dir: hostarchive.AlphaCopy(t)}
	var err error
	if h.root, err = hostfs.Open(h.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.root.Close() })
	h.file = h.judged(t, hello)
	return h
}

// judged describes a file of PKGDIR as an audit does.
func (h *host) judged(t *testing.T, name string) stage.File {
	t.Helper()
	f, err := os.Open(filepath.Join(h.dir, pkgdir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	p, err := binpkg.Read(f, info.Size(), binpkg.FormatOfName(name))
	if err != nil {
		t.Fatal(err)
	}
	return stage.File{PkgDir: pkgdir, Path: name, CPV: p.CPV(), BuildTime: p.BuildTime, Size: info.Size(), MTimeNS: info.ModTime().UnixNano()}
}

func (h *host) stage(ctx context.Context, dir string, link bool) (stage.Result, error) {
	return stage.Make(ctx, h.root, dir, []stage.File{h.file}, stage.Options{PkgDirs: []string{pkgdir}, Now: now, Link: link})
}

func status(t *testing.T, name string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func readIndex(t *testing.T, name string) *pkgindex.Index {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	index, _ := pkgindex.Parse(text)
	if index.Refused != "" {
		t.Fatalf("%s: Portage refuses it: %s", name, index.Refused)
	}
	return index
}

// Every binary package that the index of the recorded host describes as it is gets
// the entry that Portage wrote for it.
func TestTheIndexIsTheOneOfPortage(t *testing.T) {
	h := newHost(t)
	want := map[string]pkgindex.Entry{}
	var files []stage.File
	formats := map[binpkg.Format]int{}
	for _, e := range readIndex(t, filepath.Join(h.dir, pkgdir, "Packages")).Entries {
		info, err := os.Stat(filepath.Join(h.dir, pkgdir, e.Path))
		if err != nil || info.Size() != e.Size || info.ModTime().Unix() != e.MTime || e.Hidden != pkgindex.Visible {
			continue
		}
		f := h.judged(t, e.Path)
		if f.CPV != e.CPV {
			continue // The recorded host has files in the wrong place.
		}
		files, want[e.Path] = append(files, f), e
		formats[binpkg.FormatOfName(e.Path)]++
	}
	if formats[binpkg.FormatGpkg] < 50 {
		t.Fatalf("files to compare: %v", formats)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := stage.Make(t.Context(), h.root, dir, files, stage.Options{PkgDirs: []string{pkgdir}, Now: now}); err != nil {
		t.Fatal(err)
	}
	index := readIndex(t, filepath.Join(dir, "Packages"))
	if n, _ := index.PackageCount(); n != int64(len(want)) || len(index.Entries) != len(want) {
		t.Errorf("PACKAGES: %d, %d entries; want %d", n, len(index.Entries), len(want))
	}
	for _, got := range index.Entries {
		w := want[got.Path]
		for _, f := range append(got.Fields, w.Fields...) {
			if pkgindex.KnownToPortage(f.Key) && got.Fields.Get(f.Key) != w.Fields.Get(f.Key) {
				t.Errorf("%s: %s: %q; Portage wrote %q", got.Path, f.Key, got.Fields.Get(f.Key), w.Fields.Get(f.Key))
			}
		}
	}
}

func TestCopiesLeavePkgdirAsItIs(t *testing.T) {
	h := newHost(t)
	source := filepath.Join(h.dir, pkgdir, hello)
	before := *status(t, source)
	dir := filepath.Join(t.TempDir(), "new")
	result, err := h.stage(t.Context(), dir, false)
	if err != nil {
		t.Fatal(err)
	}
	after := *status(t, source)
	if after.Ctim != before.Ctim || after.Nlink != before.Nlink {
		t.Errorf("ctime %v and %d names became %v and %d", before.Ctim, before.Nlink, after.Ctim, after.Nlink)
	}
	staged := status(t, filepath.Join(dir, hello))
	if staged.Ino == after.Ino || staged.Mtim != after.Mtim || result.Linked != 0 {
		t.Errorf("%+v: want a copy with the time of the original", staged)
	}
	a, _ := os.ReadFile(source)
	b, _ := os.ReadFile(filepath.Join(dir, hello))
	if !bytes.Equal(a, b) {
		t.Error("the copy differs")
	}
}

func TestAFileThatOthersCanWriteIsNotLinked(t *testing.T) {
	for _, test := range []struct {
		mode   fs.FileMode
		linked int
	}{{0o644, 1}, {0o664, 0}, {0o666, 0}} {
		h := newHost(t)
		if err := os.Chmod(filepath.Join(h.dir, pkgdir, hello), test.mode); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "new")
		result, err := h.stage(t.Context(), dir, true)
		if err != nil || result.Linked != test.linked {
			t.Errorf("mode %o: %d links, %v; want %d", test.mode, result.Linked, err, test.linked)
		}
		if mode := status(t, filepath.Join(dir, hello)).Mode; mode&0o022 != 0 {
			t.Errorf("mode %o: the staged file has mode %o", test.mode, mode)
		}
	}
}

// What only some users can reach in PKGDIR, only they can reach in the new folder.
func TestWhoReachesPkgdirReachesTheNewFolder(t *testing.T) {
	info, err := os.Stat(os.TempDir())
	if err != nil || info.Mode()&0o001 == 0 {
		t.Skip("not every user can reach the folder of the tests")
	}
	for above, want := range map[fs.FileMode]uint32{0o755: 0o755, 0o750: 0o700} {
		h := newHost(t)
		if err := errors.Join(os.Chmod(filepath.Dir(h.dir), 0o755), os.Chmod(filepath.Join(h.dir, "var/cache"), above)); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "new")
		if _, err := h.stage(t.Context(), dir, false); err != nil {
			t.Fatal(err)
		}
		if mode := status(t, dir).Mode & 0o777; mode != want {
			t.Errorf("/var/cache has mode %o: the folder has %o, want %o", above, mode, want)
		}
	}
}

func TestTheFolderIsRefused(t *testing.T) {
	h := newHost(t)
	existing, linked := t.TempDir(), filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(h.dir, pkgdir, "app-misc"), linked); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		dir  string
		want error
	}{
		"it exists":                      {existing, stage.ErrExists},
		"it is PKGDIR":                   {filepath.Join(h.dir, pkgdir), stage.ErrExists},
		"it is in PKGDIR":                {filepath.Join(h.dir, pkgdir, "new"), stage.ErrInside},
		"it is further inside":           {filepath.Join(h.dir, pkgdir, "app-misc/new"), stage.ErrInside},
		"a symlink leads inside":         {filepath.Join(linked, "new"), stage.ErrInside},
		"the folder above it is missing": {filepath.Join(existing, "no/new"), fs.ErrNotExist},
	} {
		if _, err := h.stage(t.Context(), test.dir, false); !errors.Is(err, test.want) {
			t.Errorf("%s: %v; want %v", name, err, test.want)
		}
	}
	if _, err := os.Lstat(existing); err != nil {
		t.Errorf("a folder that was refused is gone: %v", err)
	}
}

func TestRootRefusesAFolderThatAnotherUserControls(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give folders to another user")
	}
	h := newHost(t)
	above := t.TempDir()
	if err := os.Chown(above, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	_, err := h.stage(t.Context(), filepath.Join(above, "new"), false)
	var untrusted *hostfs.UntrustedError
	if !errors.As(err, &untrusted) {
		t.Errorf("%v; want a refusal", err)
	}
}

func TestNothingIsLeftOfAFailure(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		change func(*testing.T, *host)
		want   error
	}{
		"interrupted":          {canceled, func(*testing.T, *host) {}, context.Canceled},
		"another size":         {t.Context(), func(_ *testing.T, h *host) { h.file.Size++ }, stage.ErrChanged},
		"it grew":              {t.Context(), func(_ *testing.T, h *host) { h.file.Size-- }, stage.ErrChanged},
		"another time":         {t.Context(), func(_ *testing.T, h *host) { h.file.MTimeNS++ }, stage.ErrChanged},
		"another build":        {t.Context(), func(_ *testing.T, h *host) { h.file.BuildTime++ }, stage.ErrChanged},
		"another package":      {t.Context(), func(_ *testing.T, h *host) { h.file.CPV = "app-misc/hello-3" }, stage.ErrChanged},
		"gone":                 {t.Context(), func(_ *testing.T, h *host) { h.file.Path = "app-misc/hello/no-1.gpkg.tar" }, fs.ErrNotExist},
		"a path that leads up": {t.Context(), func(_ *testing.T, h *host) { h.file.PkgDir, h.file.Path = pkgdir+"/app-misc", "../"+hello }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			test.change(t, h)
			above := t.TempDir()
			_, err := h.stage(test.ctx, filepath.Join(above, "new"), false)
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v; want %v", err, test.want)
			}
			if left, _ := os.ReadDir(above); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
