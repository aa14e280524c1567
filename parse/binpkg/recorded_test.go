package binpkg

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/internal/sharedtest"
	"emaudit/parse/binpkg/codec"
)

// readFile reads the package at path as a scan of PKGDIR does.
func readFile(tb testing.TB, rd *Reader, path string) *Package {
	tb.Helper()
	f, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	p, err := rd.Read(f, info.Size(), FormatOfName(path))
	if err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return p
}

func TestAPackageThatABuildMade(t *testing.T) {
	t.Parallel()
	p := readFile(t, NewReader(), "testdata/alpha/bar-daemon-4.1-1.gpkg.tar")
	if len(p.Names) != 31 || !slices.Contains(p.Names, "NEEDED.ELF.2") || slices.Contains(p.Names, "CONTENTS") {
		t.Errorf("keys: %q", p.Names)
	}
	if !strings.Contains(p.Others["FEATURES"], "binpkg-multi-instance") {
		t.Errorf("FEATURES: %q", p.Others["FEATURES"])
	}
	delete(p.Others, "FEATURES")
	p.Names = nil
	want := &Package{
		Format: FormatGpkg, Compressor: codec.Zstd, Prefix: "bar-daemon-4.1-1",
		Members: []Member{
			{"bar-daemon-4.1-1/gpkg-1", 512, 0},
			{"bar-daemon-4.1-1/metadata.tar.zst", 1024, 5276},
			{"bar-daemon-4.1-1/image.tar.zst", 7168, 2461},
			{"bar-daemon-4.1-1/Manifest", 10240, 884},
		},
		ImageOffset: 7168, ImageSize: 2461,
		Origin: OriginBuild, Integrity: Unchecked, MetadataSum: 3691105328,
		Metadata: Metadata{
			Category: "app-misc", PF: "bar-daemon-4.1", Slot: "0", Repository: "lab", EAPI: "8",
			Use: "amd64 elibc_glibc kernel_linux", Keywords: "amd64 ~arm64", License: "GPL-2",
			RDepend:  "acct-user/bard virtual/editor >=sys-libs/glibc-2.39-r6",
			Requires: "x86_64: libc.so.6", Phases: "compile install", CHost: "x86_64-pc-linux-gnu",
			Description: "Lab package",
			BuildTime:   1775983552, BuildID: 1, InstalledSize: 18559,
			HasEnvironment: true,
			Others: map[string]string{
				"CBUILD": "x86_64-pc-linux-gnu", "CC": "gcc", "CFLAGS": "-O2 -pipe", "CXXFLAGS": "-O2 -pipe",
				"HOMEPAGE": "https://example.org/lab", "INHERITED": "lab-utils",
				"IUSE_EFFECTIVE": "amd64 arm64 elibc_glibc elibc_musl kernel_Darwin kernel_linux ppc64 prefix prefix-guest prefix-stack x86",
				"LDFLAGS":        "-Wl,-O1 -Wl,--as-needed -Wl,-z,pack-relative-relocs",
				"REPO_REVISIONS": `{"lab": "aafa57c1832c52fe6446e0726289183f2f3b9f7f"}`,
			},
		},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestQuickpkgIsToldFromTheBuildItCopied(t *testing.T) {
	t.Parallel()
	rd := NewReader()
	built := readFile(t, rd, "testdata/alpha/bar-daemon-4.1-1.gpkg.tar")
	copied := readFile(t, rd, "testdata/alpha/bar-daemon-4.1-2.gpkg.tar")
	if built.Origin != OriginBuild || copied.Origin != OriginQuickpkg {
		t.Errorf("origins: built %s, copied %s", built.Origin, copied.Origin)
	}
	if copied.Prefix != "bar-daemon-4.1" {
		t.Errorf("quickpkg leaves the build id out of the folder, got %q", copied.Prefix)
	}
	if built.BuildTime != copied.BuildTime || built.BuildTime == 0 {
		t.Errorf("a copy keeps the build's time: %d, %d", built.BuildTime, copied.BuildTime)
	}
	if len(copied.Others["BINPKGMD5"]) != 32 {
		t.Errorf("BINPKGMD5 links a copy to its original, got %q", copied.Others["BINPKGMD5"])
	}
}

// The recorded host was also read by Portage's own API; both must see the same
// packages with the same values.
func TestEveryRecordedPackageReadsAsPortageReadsIt(t *testing.T) {
	t.Parallel()
	type binpkg struct {
		CPV       string            `json:"cpv"`
		BuildID   int64             `json:"build_id"`
		BuildTime int64             `json:"build_time"`
		Path      string            `json:"path"`
		Size      int64             `json:"file_size"`
		Format    Format            `json:"format"`
		Metadata  map[string]string `json:"metadata"`
	}
	var oracle struct {
		FromScratch struct {
			Binpkgs []binpkg `json:"binpkgs"`
		} `json:"portage_from_scratch"`
	}
	text, err := os.ReadFile(sharedtest.Path(t, "hosts", "alpha.oracle.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &oracle); err != nil {
		t.Fatal(err)
	}
	pkgdir := unpackAlpha(t)
	rd := NewReader()
	read := map[string]bool{}
	for _, want := range oracle.FromScratch.Binpkgs {
		p := readFile(t, rd, filepath.Join(pkgdir, want.Path))
		read[want.Path] = true
		got := binpkg{
			CPV: p.CPV(), BuildID: p.BuildID, BuildTime: p.BuildTime,
			Path: want.Path, Size: want.Size, Format: p.Format,
			Metadata: map[string]string{
				"SLOT": p.Slot, "repository": p.Repository, "USE": p.Use, "IUSE": p.IUse,
				"EAPI": p.EAPI, "KEYWORDS": p.Keywords, "RDEPEND": p.RDepend,
				"REQUIRES": p.Requires, "PROVIDES": p.Provides, "DEFINED_PHASES": p.Phases,
				"BUILD_TIME": strconv.FormatInt(p.BuildTime, 10),
				"BUILD_ID":   strconv.FormatInt(p.BuildID, 10),
			},
		}
		// An index leaves out what is empty; SIZE is there the file's and
		// the rest belongs to the index alone.
		for key, value := range got.Metadata {
			if value == "" || value == "0" && key == "BUILD_ID" {
				delete(got.Metadata, key)
			}
		}
		for _, key := range []string{"SIZE", "_mtime_", "MD5", "SHA1", "PATH"} {
			delete(want.Metadata, key)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-portage +emaudit)\n%s", want.Path, diff)
		}
		if p.Integrity != Unchecked {
			t.Errorf("%s: %s %v", want.Path, p.Integrity, p.Diagnostics)
		}
	}
	if len(read) < 100 {
		t.Fatalf("the oracle lists only %d packages", len(read))
	}
	filepath.WalkDir(pkgdir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(pkgdir, path)
		if err != nil || !strings.HasSuffix(path, ".gpkg.tar") || read[rel] {
			return err
		}
		// What Portage passed over: one that lies under a wrong name is
		// sound in itself, the other is an empty reservation.
		p := readFile(t, rd, path)
		want := map[string]Integrity{"copy-of-hello.gpkg.tar": Unchecked, "hello-2.0-1.gpkg.tar": Damaged}[filepath.Base(path)]
		if p.Integrity != want {
			t.Errorf("%s: %s %v, want %q", rel, p.Integrity, p.Problems(), want)
		}
		return nil
	})
}

// unpackAlpha unpacks PKGDIR of the recorded host.
func unpackAlpha(t *testing.T) string {
	t.Helper()
	archive := sharedtest.Path(t, "hosts", "alpha.tar.zst")
	if _, err := exec.LookPath("tar"); err != nil {
		t.Skip("no tar program to unpack the recorded host")
	}
	dir := t.TempDir()
	const pkgdir = "var/cache/binpkgs"
	cmd := exec.Command("tar", "--zstd", "-C", dir, "-xf", archive, "--wildcards", "*"+pkgdir+"*")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("cannot unpack the recorded host: %v: %s", err, bytes.TrimSpace(out))
	}
	for _, at := range []string{pkgdir, filepath.Join("alpha", pkgdir)} {
		if _, err := os.Stat(filepath.Join(dir, at)); err == nil {
			return filepath.Join(dir, at)
		}
	}
	t.Fatal("the recorded host has no PKGDIR")
	return ""
}

// The 60 packages of a real machine (2023) are all xpaks.
func TestEveryXpakOfARealMachineIsRead(t *testing.T) {
	t.Parallel()
	dir := sharedtest.Path(t, "real", "binpkgs")
	rd := NewReader()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || FormatOfName(path) == FormatUnknown {
			return err
		}
		n++
		p := readFile(t, rd, path)
		if p.Integrity != Unchecked || len(p.Diagnostics) > 0 {
			t.Errorf("%s: %s %v", path, p.Integrity, p.Diagnostics)
		}
		if !strings.HasPrefix(filepath.Base(path), p.PF) || filepath.Base(filepath.Dir(filepath.Dir(path))) != p.Category {
			t.Errorf("%s: says it is %s", path, p.CPV())
		}
		if !p.HasEnvironment || p.BuildTime == 0 || p.Compressor == "" {
			t.Errorf("%s: environment %t, BUILD_TIME %d, compressor %q", path, p.HasEnvironment, p.BuildTime, p.Compressor)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n == 0 {
		t.Fatal("no packages found")
	}
}
