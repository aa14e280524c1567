package binpkgs_test

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"crypto/sha512"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/blake2b"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
)

// mergedAt is the time of the files that Portage merged on the hosts of these tests.
const mergedAt = 1_790_000_000

// installation is a root on which packages were merged.
type installation struct {
	tb   testing.TB
	root string
}

func newInstallation(tb testing.TB) *installation {
	tb.Helper()
	in := &installation{tb, tb.TempDir()}
	in.write("etc/portage/make.conf", `CONFIG_PROTECT="/etc /usr/share/config"`+"\n"+`CONFIG_PROTECT_MASK="/etc/env.d"`+"\n")
	in.write("var/log/emerge.log", "")
	return in
}

func (in *installation) write(name, content string) {
	in.tb.Helper()
	path := filepath.Join(in.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		in.tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		in.tb.Fatal(err)
	}
	if err := os.Chtimes(path, time.Unix(mergedAt, 0), time.Unix(mergedAt, 0)); err != nil {
		in.tb.Fatal(err)
	}
}

// edit changes a file as an editor does, at another time.
func (in *installation) edit(name, content string) {
	in.tb.Helper()
	in.write(name, content)
	if err := os.Chtimes(filepath.Join(in.root, name), time.Unix(mergedAt+60, 0), time.Unix(mergedAt+60, 0)); err != nil {
		in.tb.Fatal(err)
	}
}

func (in *installation) remove(name string) {
	in.tb.Helper()
	if err := os.Remove(filepath.Join(in.root, name)); err != nil {
		in.tb.Fatal(err)
	}
}

// merge installs a package with these files, the content of each being its name.
func (in *installation) merge(cpv string, files ...string) {
	in.tb.Helper()
	var contents strings.Builder
	for _, f := range files {
		in.write(f, f)
		fmt.Fprintf(&contents, "obj /%s %x %d\n", f, md5.Sum([]byte(f)), mergedAt)
	}
	for key, value := range map[string]string{"SLOT": "0", "EAPI": "8", "repository": "gentoo", "BUILD_TIME": "1789999999", "COUNTER": "7", "CONTENTS": strings.TrimSuffix(contents.String(), "\n")} {
		in.write("var/db/pkg/"+cpv+"/"+key, value+"\n")
	}
}

// packPlain packs a build as a gpkg without compression.
func (in *installation) packPlain(cpv, buildTime string) {
	in.tb.Helper()
	category, pf, _ := strings.Cut(cpv, "/")
	pn := pf[:strings.LastIndexByte(pf, '-')]
	archive := func(files ...string) []byte { // name, content, ...
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		for i := 0; i < len(files); i += 2 {
			err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Format: tar.FormatUSTAR})
			if err == nil {
				_, err = w.Write([]byte(files[i+1]))
			}
			if err != nil {
				in.tb.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			in.tb.Fatal(err)
		}
		return out.Bytes()
	}
	members := []string{
		"gpkg-1", "",
		"metadata.tar", string(archive("metadata/CATEGORY", category+"\n", "metadata/PF", pf+"\n", "metadata/SLOT", "0\n", "metadata/BUILD_TIME", buildTime+"\n", "metadata/BUILD_ID", "1\n")),
		"image.tar", string(archive("image/usr/bin/foo", "foo")),
	}
	manifest := ""
	for i := 0; i < len(members); i += 2 {
		data := []byte(members[i+1])
		manifest += fmt.Sprintf("DATA %s %d SHA512 %x BLAKE2B %x\n", members[i], len(data), sha512.Sum512(data), blake2b.Sum512(data))
	}
	var files []string
	for i, part := range append(members, "Manifest", manifest) {
		if i%2 == 0 {
			part = pf + "-1/" + part
		}
		files = append(files, part)
	}
	in.write("var/cache/binpkgs/"+category+"/"+pn+"/"+pf+"-1.gpkg.tar", string(archive(files...)))
}

// CONTENTS has paths without ROOT.
func TestFilesOfATargetRootAreLookedUpThere(t *testing.T) {
	t.Parallel()
	in := newInstallation(t)
	in.write("etc/portage/make.conf", `CONFIG_PROTECT="/etc"`+"\nROOT=/target\n")
	in.merge("app-misc/foo-1", "usr/bin/foo", "etc/foo.conf")
	for _, name := range []string{"usr", "etc/foo.conf", "var/db"} {
		if err := os.MkdirAll(filepath.Join(in.root, "target", filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(in.root, name), filepath.Join(in.root, "target", name)); err != nil {
			t.Fatal(err)
		}
	}
	in.edit("target/etc/foo.conf", "mine")
	c, _ := in.coverage()
	if diff := cmp.Diff([]string{"quickpkg-config app-misc/foo-1"}, told(c)); diff != "" {
		t.Errorf("(-want +got)\n%s%+v", diff, c.Findings)
	}
}

// A package that is the very build of what is installed covers it, whatever keeps
// Portage from merging it as the host is set today.
func TestAnUncompressedPackageCoversItsBuild(t *testing.T) {
	t.Parallel()
	for _, compress := range []string{"", "BINPKG_COMPRESS=none\n"} {
		in := newInstallation(t)
		in.write("etc/portage/make.conf", compress)
		in.merge("app-misc/foo-1", "usr/bin/foo")
		in.packPlain("app-misc/foo-1", "1789999999")
		c, _ := in.coverage()
		if len(c.Rows) != 1 || c.Rows[0].Verdict != binpkgs.CoverageSameBuild {
			t.Errorf("%q: %+v %+v", compress, c.Rows, c.Findings)
		}
	}
}

// coverage asks for it, after the files were compared.
func (in *installation) coverage() (*binpkgs.Coverage, *hosttest.Host) {
	in.tb.Helper()
	h := hosttest.New(in.tb, in.root)
	h.Ingest(mergedAt + 100)
	h.CompareInstalled(mergedAt + 100)
	var c *binpkgs.Coverage
	audittest.Ask(h, mergedAt+100, func(db audit.Database) (err error) {
		c, err = binpkgs.AuditCoverage(db)
		return err
	})
	return c, h
}

// told are the findings without those of a host that never packaged anything.
func told(c *binpkgs.Coverage) (all []string) {
	for _, f := range c.Findings {
		if strings.HasPrefix(f.Code, "installed-") || strings.HasPrefix(f.Code, "quickpkg-") {
			all = append(all, f.Code+" "+f.Subject)
		}
	}
	return all
}

const (
	packLive = `quickpkg --include-config=y "=app-misc/foo-1"`
	build    = `emerge --oneshot --usepkg=n --buildpkg "=app-misc/foo-1"`
)

// Before quickpkg is advised, what it would leave out or make the package's own is
// known: it warns of a missing file and succeeds (Portage bug 870229), and a changed
// configuration file that was packed counts as pristine later (bug 464662).
func TestQuickpkgIsAdvisedForWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		happens func(in *installation)
		told    []string
		command string
	}{
		{"nothing", func(*installation) {}, nil, packLive},
		{"a file is gone", func(in *installation) { in.remove("usr/bin/foo") }, []string{"installed-files-missing app-misc/foo-1"}, build},
		{"a file became a folder", func(in *installation) {
			in.remove("usr/bin/foo")
			in.write("usr/bin/foo/x", "")
		}, []string{"installed-files-changed app-misc/foo-1"}, packLive},
		{"a file was changed", func(in *installation) { in.edit("usr/bin/foo", "x") }, []string{"installed-files-changed app-misc/foo-1"}, packLive},
		{"a file was touched", func(in *installation) { in.edit("usr/bin/foo", "usr/bin/foo") }, nil, packLive},
		{"configuration was changed", func(in *installation) { in.edit("etc/foo.conf", "mine") }, []string{"quickpkg-config app-misc/foo-1"}, packLive},
		{"configuration was changed, its time was not", func(in *installation) { in.write("etc/foo.conf", "mine") }, []string{"quickpkg-config app-misc/foo-1"}, packLive},
		{"configuration elsewhere was changed", func(in *installation) { in.edit("usr/share/config/foo", "mine") }, []string{"quickpkg-config app-misc/foo-1"}, packLive},
		{"what is not protected was changed", func(in *installation) { in.edit("etc/env.d/50foo", "mine") }, []string{"installed-files-changed app-misc/foo-1"}, packLive},
		{"a folder whose name begins as a protected one's", func(in *installation) { in.edit("usr/share/configuration/foo", "mine") }, []string{"installed-files-changed app-misc/foo-1"}, packLive},
		{"configuration was changed, and a file is gone", func(in *installation) {
			in.edit("etc/foo.conf", "mine")
			in.remove("usr/bin/foo")
		}, []string{"installed-files-missing app-misc/foo-1"}, build},
		{"the root holds the VDB alone", func(in *installation) {
			for _, top := range []string{"usr", "etc/foo.conf", "etc/env.d"} {
				if err := os.RemoveAll(filepath.Join(in.root, top)); err != nil {
					in.tb.Fatal(err)
				}
			}
		}, nil, packLive},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := newInstallation(t)
			in.merge("app-misc/foo-1", "usr/bin/foo", "etc/foo.conf", "etc/env.d/50foo", "usr/share/config/foo", "usr/share/configuration/foo")
			c.happens(in)
			answer, _ := in.coverage()
			if diff := cmp.Diff(c.told, told(answer)); diff != "" {
				t.Errorf("(-want +got)\n%s%+v", diff, answer.Findings)
			}
			if len(answer.Commands) != 1 || answer.Commands[0].String() != c.command {
				t.Errorf("commands %q, want %q", answer.Commands, c.command)
			}
		})
	}
}
