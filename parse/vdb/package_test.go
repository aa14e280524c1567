package vdb_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"emaudit/parse"
	"emaudit/parse/atom"
	"emaudit/parse/vdb"

	"github.com/google/go-cmp/cmp"
)

// fooTool is what the directory of app-misc/foo-tool-1.3.0 on alpha says.
func fooTool(d *osDir) *vdb.Package {
	return &vdb.Package{
		CPV:           atom.CPV{Category: "app-misc", PN: "foo-tool", Version: "1.3.0"},
		Slot:          "0",
		SubSlot:       "0",
		Repo:          "lab",
		EAPI:          "8",
		BuildTime:     1786315989,
		BuildID:       1,
		Counter:       144,
		BinpkgMD5:     "1d834aef4ddaeb55975ffcfc3fbf82e1",
		USE:           "amd64 elibc_glibc kernel_linux",
		IUSE:          "nls",
		Keywords:      "amd64 ~arm64",
		License:       "GPL-2",
		CHOST:         "x86_64-pc-linux-gnu",
		DefinedPhases: "compile install",
		Description:   "Lab package",
		Depend:        "sys-libs/libfoo:0/2=",
		RDepend:       "sys-libs/libfoo:0/2= >=sys-libs/glibc-2.40-r2",
		Requires:      "x86_64: libc.so.6 libfoo.so.2",
		Metadata:      vdb.MetadataFresh,
		DirMTimeNS:    d.mtime,
	}
}

// inMetadata are the files whose content metadata holds as well.
var inMetadata = []string{
	"BUILD_ID", "BUILD_TIME", "CHOST", "COUNTER", "DEFINED_PHASES", "DEPEND", "DESCRIPTION", "EAPI", "HOMEPAGE",
	"IUSE", "KEYWORDS", "LICENSE", "RDEPEND", "REQUIRES", "SLOT", "USE", "repository",
}

func TestTheFileMetadataAndTheFilesOfSingleKeysSayTheSame(t *testing.T) {
	t.Parallel()
	const cpv = "app-misc/foo-tool-1.3.0"
	for _, test := range []struct {
		name   string
		change func(t *testing.T, dir string)
		touch  bool
		state  vdb.MetadataState
		stale  bool
		codes  string
		reads  int
	}{
		{name: "as it is", state: vdb.MetadataFresh, reads: 2},
		{
			name:   "without the files of single keys",
			change: func(t *testing.T, dir string) { remove(t, dir, inMetadata...) },
			state:  vdb.MetadataFresh,
			reads:  2,
		},
		{
			name:   "without metadata",
			change: func(t *testing.T, dir string) { remove(t, dir, "metadata") },
			state:  vdb.MetadataAbsent,
			reads:  1 + len(inMetadata),
		},
		{
			name:  "copied without its time",
			touch: true,
			state: vdb.MetadataStale,
			reads: 2 + len(inMetadata),
		},
		{
			name:   "copied without its time, and without the files of single keys",
			change: func(t *testing.T, dir string) { remove(t, dir, inMetadata...) },
			touch:  true,
			state:  vdb.MetadataStale,
			stale:  true,
			codes:  vdb.CodeStaleValues,
			reads:  2,
		},
		{
			name:   "with metadata cut off before its last line",
			change: func(t *testing.T, dir string) { editMetadata(t, dir, "#dir_mtime=", "#was=") },
			state:  vdb.MetadataUnusable,
			codes:  vdb.CodeMetadata,
			reads:  2 + len(inMetadata),
		},
		{
			name:   "with metadata of a later format",
			change: func(t *testing.T, dir string) { editMetadata(t, dir, "#format=1", "#format=2") },
			state:  vdb.MetadataUnusable,
			codes:  vdb.CodeMetadata,
			reads:  2 + len(inMetadata),
		},
		{
			name:   "with metadata of no format",
			change: func(t *testing.T, dir string) { editMetadata(t, dir, "#format=1\n", "") },
			state:  vdb.MetadataUnusable,
			codes:  vdb.CodeMetadata,
			reads:  2 + len(inMetadata),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := copyPackage(t, cpv, func(dir string) {
				if test.change != nil {
					test.change(t, dir)
				}
			})
			if test.touch {
				setTime(t, d.path, time.Unix(1789294427, 0))
				d = openDir(t, d.path)
			}
			p, diags, err := vdb.ReadPackage("app-misc", "foo-tool-1.3.0", d, 0)
			if err != nil {
				t.Fatal(err)
			}
			want := fooTool(d)
			want.Metadata, want.StaleValues = test.state, test.stale
			if diff := cmp.Diff(want, p); diff != "" {
				t.Errorf("package (-want +got):\n%s", diff)
			}
			if got := codes(diags); got != test.codes {
				t.Errorf("codes %q, want %q: %v", got, test.codes, diags)
			}
			if d.reads != test.reads {
				t.Errorf("%d files were read, want %d", d.reads, test.reads)
			}
		})
	}
}

func editMetadata(t *testing.T, dir, from, to string) {
	t.Helper()
	path := filepath.Join(dir, "metadata")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), from) {
		t.Fatalf("no %q in %s", from, b)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(b), from, to, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAFieldThatValidMetadataLacksIsEmptyWhateverFileThereIs(t *testing.T) {
	t.Parallel()
	d := copyPackage(t, "app-misc/foo-tool-1.3.0", func(dir string) {
		editMetadata(t, dir, "RDEPEND=", "# ")
	})
	p, _, err := vdb.ReadPackage("app-misc", "foo-tool-1.3.0", d, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Metadata != vdb.MetadataFresh || p.RDepend != "" {
		t.Errorf("metadata is %s and RDEPEND %q", p.Metadata, p.RDepend)
	}
}

func TestOutdatedMetadataDoesNotFillInForOneFile(t *testing.T) {
	t.Parallel()
	// An absent file is an empty key as long as there are files at all.
	d := copyPackage(t, "app-misc/foo-tool-1.3.0", func(dir string) {
		remove(t, dir, "RDEPEND")
		editMetadata(t, dir, "#dir_mtime=178", "#dir_mtime=177")
	})
	p, diags, err := vdb.ReadPackage("app-misc", "foo-tool-1.3.0", d, 0)
	if err != nil {
		t.Fatal(err)
	}
	if p.Metadata != vdb.MetadataStale || p.StaleValues || p.RDepend != "" || len(diags) > 0 {
		t.Errorf("metadata is %s, stale values %v, RDEPEND %q, diagnostics %v", p.Metadata, p.StaleValues, p.RDepend, diags)
	}
}

func TestWantReadsMore(t *testing.T) {
	t.Parallel()
	d := copyPackage(t, "app-misc/foo-tool-1.3.0", nil)
	p, diags, err := vdb.ReadPackage("app-misc", "foo-tool-1.3.0", d, everything)
	if err != nil || len(diags) > 0 {
		t.Fatal(err, diags)
	}
	want := fooTool(d)
	want.Size = p.Size
	if want.Size < 1000 {
		t.Errorf("Size is %d", p.Size)
	}
	want.IUSEEffective = p.IUSEEffective
	if !strings.Contains(" "+p.IUSEEffective+" ", " elibc_glibc ") {
		t.Errorf("IUSEEffective is %q", p.IUSEEffective)
	}
	want.BuildEnv = vdb.BuildEnv{
		CBUILD:   "x86_64-pc-linux-gnu",
		CFLAGS:   "-O2 -pipe",
		CXXFLAGS: "-O2 -pipe",
		LDFLAGS:  p.BuildEnv.LDFLAGS,
		Features: p.BuildEnv.Features,
	}
	if !strings.HasPrefix(p.BuildEnv.LDFLAGS, "-Wl,") || !strings.Contains(p.BuildEnv.Features, "binpkg-multi-instance") {
		t.Errorf("BuildEnv is %+v", p.BuildEnv)
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("package (-want +got):\n%s", diff)
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	const slot = "0\n"
	for _, test := range []struct {
		name  string
		dir   memDir
		want  func(*vdb.Package)
		codes string
	}{
		{"an empty directory", memDir{}, func(*vdb.Package) {}, vdb.CodeNoSlot},
		{
			"runs of blanks are one blank",
			memDir{files: map[string]string{"SLOT": slot, "RDEPEND": "a/b\n\n  c/d \t e/f\n", "USE": " a\n"}},
			func(p *vdb.Package) { p.RDepend, p.USE = "a/b c/d e/f", "a" },
			"",
		},
		{
			"an invalid slot",
			memDir{files: map[string]string{"SLOT": "../1"}},
			func(*vdb.Package) {},
			vdb.CodeNoSlot,
		},
		{
			"a sub-slot",
			memDir{files: map[string]string{"SLOT": "1/2.3\n"}},
			func(p *vdb.Package) { p.Slot, p.SubSlot = "1", "2.3" },
			"",
		},
		{
			"numbers that are none",
			memDir{files: map[string]string{"SLOT": slot, "COUNTER": "x", "BUILD_TIME": "1.5", "BUILD_ID": "1 2", "SIZE": "\x00\x00"}},
			func(p *vdb.Package) { p.BuildTime, p.BuildID, p.Size = -1, -1, -1 },
			strings.Join([]string{vdb.CodeNumber, vdb.CodeNumber, vdb.CodeNumber, vdb.CodeNumber}, " "),
		},
		{
			"an MD5 that is none",
			memDir{files: map[string]string{"SLOT": slot, "BINPKGMD5": "deadbeef\n"}},
			func(*vdb.Package) {},
			vdb.CodeDigest,
		},
		{
			"an MD5 in capitals",
			memDir{files: map[string]string{"SLOT": slot, "BINPKGMD5": "1D834AEF4DDAEB55975FFCFC3FBF82E1"}},
			func(p *vdb.Package) { p.BinpkgMD5 = "1d834aef4ddaeb55975ffcfc3fbf82e1" },
			"",
		},
		{
			"a value that is not UTF-8",
			memDir{files: map[string]string{"SLOT": slot, "DESCRIPTION": "f\xfcr\n"}},
			func(p *vdb.Package) { p.Description = "f\xfcr" },
			vdb.CodeEncoding,
		},
		{
			"a directory of another package",
			memDir{files: map[string]string{"SLOT": slot, "CATEGORY": "app-misc\n", "PF": "bar-1\n"}},
			func(*vdb.Package) {},
			vdb.CodeIdentity,
		},
		{
			"a file that cannot be read",
			memDir{files: map[string]string{"SLOT": slot}, broken: map[string]error{"USE": syscall.EIO, "BINPKGMD5": syscall.ELOOP}},
			func(p *vdb.Package) { p.Unread = []string{"BINPKGMD5", "USE"} },
			vdb.CodeUnread + " " + vdb.CodeUnread,
		},
		{
			"metadata that cannot be read",
			memDir{files: map[string]string{"SLOT": slot}, broken: map[string]error{"metadata": syscall.EACCES}},
			func(p *vdb.Package) { p.Unread, p.Metadata = []string{"metadata"}, vdb.MetadataUnusable },
			vdb.CodeUnread,
		},
		{
			"a file that vanishes",
			memDir{files: map[string]string{"SLOT": slot}, broken: map[string]error{"USE": os.ErrNotExist}},
			func(*vdb.Package) {},
			"",
		},
		{
			"metadata with lines that are none",
			memDir{mtime: 5, files: map[string]string{"metadata": "#format=1\njunk\nUSE=a=b\n# comment\n\nSLOT=3\nEXTRA=x\n#dir_mtime=5\n"}},
			func(p *vdb.Package) { p.Slot, p.SubSlot, p.USE, p.Metadata = "3", "3", "a=b", vdb.MetadataFresh },
			vdb.CodeMetadata,
		},
		{
			"metadata whose last line is torn",
			memDir{mtime: 56, files: map[string]string{"metadata": "#format=1\nSLOT=3\n#dir_mtime=5"}},
			func(p *vdb.Package) {
				p.Slot, p.SubSlot, p.Metadata, p.StaleValues = "3", "3", vdb.MetadataStale, true
			},
			vdb.CodeStaleValues,
		},
		{
			"INSTALL_MASK before PKG_INSTALL_MASK",
			memDir{files: map[string]string{"SLOT": slot, "PKG_INSTALL_MASK": "/a\n", "INSTALL_MASK": "/b\n"}},
			func(p *vdb.Package) { p.BuildEnv.InstallMask = "/b" },
			"",
		},
		{
			"PKG_INSTALL_MASK alone",
			memDir{files: map[string]string{"SLOT": slot, "PKG_INSTALL_MASK": "/a\n"}},
			func(p *vdb.Package) { p.BuildEnv.InstallMask = "/a" },
			"",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p, diags, err := vdb.ReadPackage("app-misc", "foo-1", test.dir, everything)
			if err != nil {
				t.Fatal(err)
			}
			want := &vdb.Package{
				CPV:        atom.CPV{Category: "app-misc", PN: "foo", Version: "1"},
				Slot:       "0",
				SubSlot:    "0",
				EAPI:       "0",
				Metadata:   vdb.MetadataAbsent,
				DirMTimeNS: test.dir.mtime,
			}
			test.want(want)
			if diff := cmp.Diff(want, p); diff != "" {
				t.Errorf("package (-want +got):\n%s", diff)
			}
			if got := codes(diags); got != test.codes {
				t.Errorf("codes %q, want %q: %v", got, test.codes, diags)
			}
			for _, d := range diags {
				if !strings.HasPrefix(d.Message, "app-misc/foo-1: ") {
					t.Errorf("the message does not name the package: %q", d.Message)
				}
			}
		})
	}
}

func TestReadPackageNeedsAPackageAndItsNames(t *testing.T) {
	t.Parallel()
	for _, pf := range []string{"foo", "-MERGING-foo-1", "../foo-1", "foo-1\x1b[2J", ""} {
		if p, _, err := vdb.ReadPackage("app-misc", pf, memDir{}, 0); err == nil || p != nil {
			t.Errorf("%q: %v, %v", pf, p, err)
		}
	}
	p, _, err := vdb.ReadPackage("app-misc", "foo-1", lostDir{}, 0)
	if !errors.Is(err, syscall.EIO) || p != nil || err.Error() != "vdb app-misc/foo-1: input/output error" {
		t.Errorf("%v, %v", p, err)
	}
}

type lostDir struct{ memDir }

func (lostDir) Names() ([]string, error) { return nil, syscall.EIO }

func codes(diags []parse.Diagnostic) string {
	var all []string
	for _, d := range diags {
		all = append(all, d.Code)
	}
	return strings.Join(all, " ")
}
