package prune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"emaudit/audit/cleanup"
	"emaudit/hostfs"
	"emaudit/parse/pkgindex"
)

// testNow is the clock of the tests: later than every file of a test PKGDIR.
const testNow = 1791138000

// testDir is a PKGDIR inside a root.
type testDir struct {
	tb   testing.TB
	root string
	path string // inside the root
	top  string // on the running system
}

// newTestDir makes a PKGDIR with binary packages at the given paths and an
// index of them; what does not end as a binary package does is not indexed.
func newTestDir(tb testing.TB, paths ...string) *testDir {
	tb.Helper()
	return newTestDirOf(tb, 0o755, paths...)
}

// newTestDirOf is newTestDir for a PKGDIR of a mode: with 2775, the quarantine
// lies above it.
func newTestDirOf(tb testing.TB, mode uint32, paths ...string) *testDir {
	tb.Helper()
	d := &testDir{tb: tb, root: memoryDir(tb), path: "/var/cache/binpkgs"}
	d.top = filepath.Join(d.root, d.path)
	index := pkgindex.Index{Header: pkgindex.Fields{{Key: "VERSION", Value: "0"}, {Key: "CHOST", Value: "x86_64-pc-linux-gnu"}, {Key: "TIMESTAMP", Value: "1790000000"}}}
	for i, p := range paths {
		content := fmt.Sprintf("content of %s %s", p, strings.Repeat("x", i))
		mtime := int64(1780000000+i)*1e9 + int64(i)*1001
		d.write(p, content, mtime)
		if !strings.HasSuffix(p, ".gpkg.tar") {
			continue
		}
		e := pkgindex.Entry{}
		e.Fields.Set("CPV", filepath.Dir(filepath.Dir(p))+"/"+strings.TrimSuffix(filepath.Base(p), "-1.gpkg.tar"))
		e.Fields.Set("PATH", p)
		e.Fields.Set("SIZE", fmt.Sprint(len(content)))
		e.Fields.Set("MTIME", fmt.Sprint(mtime/1e9))
		e.Fields.Set("BUILD_ID", "1")
		index.Entries = append(index.Entries, e)
	}
	index.Header.Set("PACKAGES", fmt.Sprint(len(index.Entries)))
	var plain, gzip bytes.Buffer
	d.check(pkgindex.Write(&plain, &index))
	d.check(pkgindex.WriteGzip(&gzip, &index))
	d.write("Packages", plain.String(), 1790000000e9)
	d.write("Packages.gz", gzip.String(), 1790000000e9)
	d.check(os.Chmod(filepath.Join(d.top, "Packages"), 0o640))
	d.check(unix.Chmod(d.top, mode))
	d.ageFolders()
	return d
}

// memoryDir is a folder for thousands of small changes: in memory where the
// system has a file system there, since none of these tests outlives a reboot.
func memoryDir(tb testing.TB) string {
	tb.Helper()
	const shared = "/dev/shm"
	var st unix.Statfs_t
	if unix.Statfs(shared, &st) != nil || st.Type != unix.TMPFS_MAGIC || unix.Access(shared, unix.W_OK) != nil {
		return tb.TempDir()
	}
	dir, err := os.MkdirTemp(shared, "prune-test-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (d *testDir) check(err error) {
	d.tb.Helper()
	if err != nil {
		d.tb.Fatal(err)
	}
}

func (d *testDir) write(rel, content string, mtimeNS int64) {
	d.tb.Helper()
	p := filepath.Join(d.top, rel)
	d.check(os.MkdirAll(filepath.Dir(p), 0o755))
	d.check(os.WriteFile(p, []byte(content), 0o644))
	d.check(os.Chtimes(p, time.Unix(0, mtimeNS), time.Unix(0, mtimeNS)))
}

// ageFolders gives every folder a time of its own, long ago.
func (d *testDir) ageFolders() {
	d.tb.Helper()
	n := int64(0)
	var dirs []string
	d.check(filepath.WalkDir(d.top, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() {
			dirs = append(dirs, p)
		}
		return err
	}))
	for _, p := range slices.Backward(dirs) {
		n++
		at := time.Unix(1785000000+n, n*7)
		d.check(os.Chtimes(p, at, at))
	}
}

// open opens the PKGDIR for changes, with steps that fail as f says.
func (d *testDir) open(f *fault) *PkgDir {
	d.tb.Helper()
	root, err := hostfs.Open(d.root)
	d.check(err)
	defer root.Close()
	p, err := Open(root, d.path, Options{Now: testNow})
	d.check(err)
	if f == nil {
		f = &fault{at: -1, err: errKilled}
		f.at = 1 << 30
	}
	p.fail(f)
	d.tb.Cleanup(func() { p.Close() })
	return p
}

// candidates are those of the given paths as the files are now.
func (d *testDir) candidates(paths ...string) []cleanup.PruneCandidate {
	d.tb.Helper()
	all, err := candidatesOf(d.top, d.path, paths)
	d.check(err)
	return all
}

func candidatesOf(top, pkgdir string, paths []string) ([]cleanup.PruneCandidate, error) {
	var all []cleanup.PruneCandidate
	for _, p := range paths {
		c := cleanup.PruneCandidate{PkgDir: pkgdir, Path: p, Code: "test"}
		info, err := os.Lstat(filepath.Join(top, p))
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
			c.EntryOnly = true
		case err != nil:
			return nil, err
		default:
			c.Size, c.MTimeNS, c.Inode = info.Size(), info.ModTime().UnixNano(), info.Sys().(*syscall.Stat_t).Ino
		}
		all = append(all, c)
	}
	return all, nil
}

// snapshot describes everything in the PKGDIR: names, kinds, modes, times and
// content. The time of PKGDIR itself is under ".".
func (d *testDir) snapshot() map[string]string {
	d.tb.Helper()
	return d.snapshotOf(d.top)
}

func (d *testDir) snapshotOf(top string) map[string]string {
	d.tb.Helper()
	all := map[string]string{}
	d.check(filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(top, p)
		info, err := e.Info()
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		text := fmt.Sprintf("%v %d:%d %d", info.Mode(), st.Uid, st.Gid, info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			text += " " + string(content)
		}
		all[rel] = text
		return nil
	}))
	return all
}

// index returns the paths that the index lists.
func (d *testDir) index() []string {
	d.tb.Helper()
	text, err := os.ReadFile(filepath.Join(d.top, "Packages"))
	d.check(err)
	index, diags := pkgindex.Parse(text)
	for _, diag := range diags {
		d.tb.Errorf("Packages: %v", diag)
	}
	var paths []string
	for _, e := range index.Entries {
		paths = append(paths, e.Path)
	}
	slices.Sort(paths)
	return paths
}

// binpkgs returns the paths of what Portage's walk would take up.
func (d *testDir) binpkgs() []string {
	d.tb.Helper()
	var paths []string
	d.check(filepath.WalkDir(d.top, func(p string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && strings.HasSuffix(p, ".gpkg.tar") {
			rel, _ := filepath.Rel(d.top, p)
			paths = append(paths, rel)
		}
		return err
	}))
	slices.Sort(paths)
	return paths
}

// noneLost fails the test where the content of a file is nowhere below PKGDIR, and
// in no quarantine.
func (d *testDir) noneLost(paths []string, context string) {
	d.tb.Helper()
	here := map[string]bool{}
	for _, text := range d.snapshotOf(filepath.Dir(d.top)) {
		if _, content, ok := strings.Cut(text, " content of "); ok {
			name, _, _ := strings.Cut(content, " ")
			here[name] = true
		}
	}
	for _, p := range paths {
		if !here[p] {
			d.tb.Errorf("%s: %s is lost", context, p)
		}
	}
}

// indexIsHonest fails the test where the index lists what is not there.
func (d *testDir) indexIsHonest(context string) {
	d.tb.Helper()
	there := d.binpkgs()
	for _, p := range d.index() {
		if !slices.Contains(there, p) {
			d.tb.Errorf("%s: the index lists %s, which is not there", context, p)
		}
	}
}

// somePaths are of several folders, two of which keep files.
var somePaths = []string{
	"app-misc/hello/hello-1.0-1.gpkg.tar",
	"app-misc/hello/hello-1.1-1.gpkg.tar",
	"app-misc/other/other-2-1.gpkg.tar",
	"dev-libs/libfoo/libfoo-3-1.gpkg.tar",
	"dev-libs/libfoo/libfoo-3-1.gpkg.tarAbCd.123",
}

var someGone = []string{somePaths[0], somePaths[3], somePaths[4]}

var background = context.Background()

// randomPaths are n paths of binary packages in some folders.
func randomPaths(r *rand.Rand, n int) []string {
	var paths []string
	for i := range n {
		pn := fmt.Sprintf("pkg%d", r.IntN(n/2+1))
		paths = append(paths, fmt.Sprintf("cat-%d/%s/%s-%d-1.gpkg.tar", r.IntN(3), pn, pn, i))
	}
	return paths
}
