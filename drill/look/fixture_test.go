package look

import (
	"archive/tar"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"emaudit/hostfs"
	"emaudit/internal/hostarchive"
)

// tree is a root made of recorded binary packages, as a merge of them makes it.
type tree struct {
	tb      testing.TB
	dir     string
	counter int
}

func newTree(tb testing.TB) *tree {
	t := &tree{tb: tb, dir: tb.TempDir(), counter: 100}
	for _, dir := range []string{"etc", "usr/lib64", "lib64", "var/db/pkg", "var/lib/portage"} {
		t.must(os.MkdirAll(t.at(dir), 0o755))
	}
	t.write("etc/ld.so.conf", "include ld.so.conf.d/*.conf\n/usr/lib64\n")
	return t
}

func (t *tree) at(name string) string { return filepath.Join(t.dir, name) }

func (t *tree) must(err error) {
	t.tb.Helper()
	if err != nil {
		t.tb.Fatal(err)
	}
}

func (t *tree) write(name, content string) {
	t.tb.Helper()
	t.must(os.MkdirAll(filepath.Dir(t.at(name)), 0o755))
	t.must(os.WriteFile(t.at(name), []byte(content), 0o644))
}

func (t *tree) read(name string) string {
	t.tb.Helper()
	b, err := os.ReadFile(t.at(name))
	t.must(err)
	return string(b)
}

func (t *tree) remove(name string) {
	t.tb.Helper()
	t.must(os.RemoveAll(t.at(name)))
}

func (t *tree) edit(name, old, new string) {
	t.tb.Helper()
	content := t.read(name)
	if !strings.Contains(content, old) {
		t.tb.Fatalf("%s has no %q", name, old)
	}
	t.write(name, strings.Replace(content, old, new, 1))
}

// open opens the tree as a root.
func (t *tree) open() *hostfs.Root {
	t.tb.Helper()
	root, err := hostfs.Open(t.dir)
	t.must(err)
	t.tb.Cleanup(func() { root.Close() })
	return root
}

// merge installs a recorded binary package: its image, and an entry of the VDB with
// the CONTENTS that Portage would write. It replaces what is installed of the cpv.
func (t *tree) merge(gpkg string) (cpv string) {
	t.tb.Helper()
	file := filepath.Join(hostarchive.Alpha(t.tb), "var/cache/binpkgs", gpkg)
	var contents strings.Builder
	keys := map[string]string{}
	for _, m := range membersOf(t.tb, file) {
		name := m.Name
		if key, ok := strings.CutPrefix(name, "metadata/"); ok {
			keys[key] = m.content
			continue
		}
		name = "/" + strings.TrimSuffix(strings.TrimPrefix(name, "image/"), "/")
		if name == "/" || name == "/image" {
			continue
		}
		switch m.Typeflag {
		case tar.TypeDir:
			t.must(os.MkdirAll(t.at(name), 0o755))
			fmt.Fprintf(&contents, "dir %s\n", name)
		case tar.TypeSymlink:
			// Portage takes the folder of the image out of a target (vartree.py,
			// mergeme).
			target := m.Linkname
			if _, inside, ok := strings.Cut(target, "/image/"); ok {
				target = "/" + inside
			}
			os.Remove(t.at(name))
			t.must(os.Symlink(target, t.at(name)))
			fmt.Fprintf(&contents, "sym %s -> %s %d\n", name, target, m.ModTime.Unix())
		case tar.TypeFifo:
			t.must(unix.Mkfifo(t.at(name), 0o644))
			fmt.Fprintf(&contents, "fif %s\n", name)
		case tar.TypeLink:
			other := "/" + strings.TrimPrefix(m.Linkname, "image/")
			t.must(os.Link(t.at(other), t.at(name)))
			fmt.Fprintf(&contents, "obj %s %x %d\n", name, md5.Sum([]byte(t.read(other))), m.ModTime.Unix())
		case tar.TypeReg:
			t.write(name, m.content)
			t.must(os.Chtimes(t.at(name), m.ModTime, m.ModTime))
			fmt.Fprintf(&contents, "obj %s %x %d\n", name, md5.Sum([]byte(m.content)), m.ModTime.Unix())
		}
	}
	cpv = strings.TrimSpace(keys["CATEGORY"]) + "/" + strings.TrimSpace(keys["PF"])
	t.counter++
	keys["CONTENTS"], keys["COUNTER"] = contents.String(), fmt.Sprint(t.counter)
	// The other keys are not looked at, and would be most of the files.
	for _, key := range []string{"CATEGORY", "PF", "EAPI", "SLOT", "RDEPEND", "repository", "BUILD_TIME", "BUILD_ID", "COUNTER", "CONTENTS", "NEEDED.ELF.2"} {
		if value, ok := keys[key]; ok {
			t.write(path.Join("var/db/pkg", cpv, key), value)
		}
	}
	return cpv
}

// unmerge removes an installed package and its files, but for folders and what
// another package owns.
func (t *tree) unmerge(cpv string, keep ...string) {
	t.tb.Helper()
	for line := range strings.Lines(t.read(path.Join("var/db/pkg", cpv, "CONTENTS"))) {
		words := strings.SplitN(strings.TrimSpace(line), " /", 2)
		name, _, _ := strings.Cut(words[1], " ")
		if words[0] != "dir" && !strings.Contains(strings.Join(keep, "\n"), "/"+name) {
			os.Remove(t.at(name))
		}
	}
	t.remove(path.Join("var/db/pkg", cpv))
}

// member is one file of the metadata or of the image of a gpkg.
type member struct {
	*tar.Header
	content string
}

// unpacked holds the members of what was unpacked, by path: many trees have the same
// packages.
var unpacked sync.Map

func membersOf(tb testing.TB, file string) (all []member) {
	tb.Helper()
	if held, ok := unpacked.Load(file); ok {
		return held.([]member)
	}
	f, err := os.Open(file)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	eachMember(tb, f, func(h *tar.Header, r io.Reader) {
		if !strings.HasSuffix(h.Name, ".tar.zst") {
			return
		}
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			tb.Fatal(err)
		}
		defer z.Close()
		eachMember(tb, z, func(h *tar.Header, r io.Reader) {
			content, err := io.ReadAll(r)
			if err != nil {
				tb.Fatalf("%s: %v", file, err)
			}
			all = append(all, member{h, string(content)})
		})
	})
	unpacked.Store(file, all)
	return all
}

func eachMember(tb testing.TB, r io.Reader, visit func(*tar.Header, io.Reader)) {
	tb.Helper()
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatal(err)
		}
		visit(h, archive)
	}
}

// drilled is a drill of a plan that takes bar-daemon and libfoo back and leaves the
// rest alone: the root, the tree that came out, and what the steps wrote.
type drilled struct {
	before, after, upper *tree
	in                   Input
}

const (
	world    = "app-misc/bar-daemon\napp-misc/foo-viewer\n"
	barConf  = "/etc/bar/bar.conf"
	extra    = "/etc/bar/extra file.conf"
	link     = "/etc/bar/current.conf"
	noAnswer = "Calculating dependencies ... done!\n"
)

func newDrilled(tb testing.TB) *drilled {
	d := &drilled{before: theRoot(tb), after: newTree(tb), upper: &tree{tb: tb, dir: tb.TempDir()}}
	d.after.mergeAll("sys-libs/libfoo/libfoo-2.0-1.gpkg.tar", "app-misc/bar-daemon/bar-daemon-4.1-2.gpkg.tar")
	d.in = Input{
		VDB: "/var/db/pkg", State: "/var/lib/portage",
		Protected: func(name string) bool { return strings.HasPrefix(name, "/etc/") },
		Plan: Plan{
			Removes: []string{"sys-libs/libfoo-2.0.1", "app-misc/bar-daemon-4.2"},
			Config:  map[string]string{barConf: "replaced", extra: "replaced"},
		},
		Answers: Answers{
			Rebuild: Answer{Output: []byte(noAnswer)}, Update: Answer{Output: []byte(noAnswer)},
			Depclean: Answer{Output: []byte(">>> No packages selected for removal by depclean\n"), Err: errors.New("exit status 1")},
		},
	}
	for _, cpv := range []string{"sys-libs/libfoo-2.0", "app-misc/bar-daemon-4.1"} {
		d.in.Plan.Merges = append(d.in.Plan.Merges, d.after.build(cpv))
	}
	return d
}

// mergeAll makes the root of a drill with two of its packages.
func (t *tree) mergeAll(libfoo, barDaemon string) {
	t.tb.Helper()
	for _, gpkg := range []string{
		"sys-libs/glibc/glibc-2.40-r2-1.gpkg.tar", "dev-libs/libbar/libbar-1.0_p2-r1-1.gpkg.tar", "app-misc/foo-viewer/foo-viewer-0.6_alpha3-1.gpkg.tar",
		libfoo, barDaemon,
	} {
		t.merge(gpkg)
	}
	t.write("var/lib/portage/world", world)
	t.write("var/lib/portage/preserved_libs_registry", "{}")
}

// shared is the root as it was before the drill. A test that changes it makes its own
// with ownRoot.
var shared struct {
	sync.Once
	dir string
}

func theRoot(tb testing.TB) *tree {
	tb.Helper()
	shared.Do(func() {
		t := newRoot(tb)
		dir, err := os.MkdirTemp("", "look")
		t.must(err)
		shared.dir = filepath.Join(dir, "root")
		t.must(os.Rename(t.dir, shared.dir))
	})
	return &tree{tb: tb, dir: shared.dir}
}

func newRoot(tb testing.TB) *tree {
	tb.Helper()
	t := newTree(tb)
	t.mergeAll("sys-libs/libfoo/libfoo-2.0.1-1.gpkg.tar", "app-misc/bar-daemon/bar-daemon-4.2-1.gpkg.tar")
	return t
}

func (d *drilled) ownRoot() { d.before = newRoot(d.after.tb) }

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.dir != "" {
		os.RemoveAll(filepath.Dir(shared.dir))
	}
	os.Exit(code)
}

// build is what the VDB says of an installed package.
func (t *tree) build(cpv string) Build {
	t.tb.Helper()
	l := &looker{ctx: context.Background(), Input: Input{VDB: "/var/db/pkg"}}
	all, err := l.installed(t.open(), false)
	t.must(err)
	b, ok := all[cpv]
	if !ok {
		t.tb.Fatalf("%s is not installed", cpv)
	}
	b.Counter = 0
	return b
}

// look looks at the drill.
func (d *drilled) look() []Observation {
	d.before.tb.Helper()
	d.in.Before, d.in.After = d.before.open(), d.after.open()
	d.in.Layers = []Layer{{Mount: "/", Upper: d.upper.open()}}
	all, err := Look(context.Background(), d.in)
	d.before.must(err)
	return all
}

// wrote puts a file into the merged tree and into the upper layer.
func (d *drilled) wrote(name, content string) {
	d.after.write(name, content)
	d.upper.write(name, content)
}

// dropped removes a file and leaves a whiteout in the upper layer.
func (d *drilled) dropped(name string) {
	d.after.tb.Helper()
	d.after.remove(name)
	d.upper.must(os.MkdirAll(filepath.Dir(d.upper.at(name)), 0o755))
	if err := unix.Mknod(d.upper.at(name), unix.S_IFCHR, 0); errors.Is(err, fs.ErrPermission) {
		d.after.tb.Skip("a whiteout is a device, which only root can make")
	} else {
		d.upper.must(err)
	}
}
