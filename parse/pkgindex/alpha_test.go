package pkgindex_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"emaudit/internal/hostarchive"
	"emaudit/internal/sharedtest"
	"emaudit/parse/pkgindex"

	"github.com/google/go-cmp/cmp"
)

func TestWhatPortageWroteIsReadWithoutComplaintAndWrittenTheSame(t *testing.T) {
	t.Parallel()
	want := readFile(t, hostarchive.Alpha(t), "var/cache/binpkgs/Packages")

	index, diags := pkgindex.Parse(want)
	if len(diags) > 0 {
		t.Errorf("diagnostics: %v", diags)
	}
	if index.Refused != "" || len(index.Entries) != 140 {
		t.Errorf("refused %q, %d entries; want 140", index.Refused, len(index.Entries))
	}
	if n, ok := index.PackageCount(); !ok || n != 140 {
		t.Errorf("PackageCount is %d, %v", n, ok)
	}
	if at, ok := index.Timestamp(); !ok || at != 1791134452 {
		t.Errorf("Timestamp is %d, %v", at, ok)
	}
	if diff := cmp.Diff(string(want), write(t, index)); diff != "" {
		t.Errorf("the index changes when it is written (-Portage +emaudit):\n%s", diff)
	}
}

func TestPackagesGzHoldsTheSameIndex(t *testing.T) {
	t.Parallel()
	alpha := hostarchive.Alpha(t)
	plain, _ := pkgindex.Parse(readFile(t, alpha, "var/cache/binpkgs/Packages"))

	packed := readFile(t, alpha, "var/cache/binpkgs/Packages.gz")
	unpacked, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	index, diags := pkgindex.Parse(text)
	if len(diags) > 0 {
		t.Fatalf("diagnostics %v", diags)
	}
	if diff := cmp.Diff(plain, index); diff != "" {
		t.Errorf("Packages and Packages.gz differ:\n%s", diff)
	}

	var again bytes.Buffer
	if err := pkgindex.WriteGzip(&again, index); err != nil {
		t.Fatal(err)
	}
	// The gzip header, RFC 1952: flags, time and extra flags. Only the last,
	// which says how hard the compressor tried, and the system may differ.
	if got, want := again.Bytes()[:8], packed[:8]; !bytes.Equal(got, want) {
		t.Errorf("gzip header % x, want % x", got, want)
	}
}

func TestEntriesAreWhatPortageTakesThemFor(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Trusted struct {
			Binpkgs []struct {
				CPV       string            `json:"cpv"`
				BuildID   int64             `json:"build_id"`
				BuildTime int64             `json:"build_time"`
				Path      string            `json:"path"`
				Size      int64             `json:"file_size"`
				MTime     int64             `json:"mtime"`
				Metadata  map[string]string `json:"metadata"`
			} `json:"binpkgs"`
		} `json:"portage_trusted_index"`
	}
	if err := json.Unmarshal(hostarchive.AlphaOracle(t), &oracle); err != nil {
		t.Fatal(err)
	}
	index, _ := pkgindex.Parse(readFile(t, hostarchive.Alpha(t), "var/cache/binpkgs/Packages"))
	byPath := make(map[string]*pkgindex.Entry)
	for i := range index.Entries {
		byPath[index.Entries[i].Path] = &index.Entries[i]
	}
	if len(oracle.Trusted.Binpkgs) != len(byPath) {
		t.Errorf("Portage sees %d packages, emaudit %d", len(oracle.Trusted.Binpkgs), len(byPath))
	}
	for _, want := range oracle.Trusted.Binpkgs {
		e := byPath[want.Path]
		if e == nil {
			t.Errorf("%s is missing", want.Path)
			continue
		}
		got := want
		got.CPV, got.BuildID, got.BuildTime, got.Size = e.CPV, e.BuildID, e.BuildTime, e.Size
		// For files that are gone the oracle has no mtime of its own.
		if want.MTime != 0 {
			got.MTime = e.MTime
		}
		got.Metadata = make(map[string]string)
		for key := range want.Metadata {
			name := key
			switch key {
			case "_mtime_":
				name = "MTIME"
			case "repository":
				name = "REPO"
			}
			got.Metadata[key] = e.Value(name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Portage +emaudit):\n%s", want.Path, diff)
		}
		if e.Hidden != pkgindex.Visible {
			t.Errorf("%s: hidden: %s", want.Path, e.Hidden)
		}
	}
}

// Of 161 entries of this index, three are shadowed: packages that were put into
// PKGDIR again, byte by byte, under another build id of the file name.
func TestAnIndexFromTheWild(t *testing.T) {
	t.Parallel()
	want := readFile(t, sharedtest.Path(t, "real", "binpkgs"), "Packages")

	index, diags := pkgindex.Parse(want)
	if len(index.Entries) != 161 {
		t.Errorf("%d entries, want 161", len(index.Entries))
	}
	shadowed := 0
	for _, e := range index.Entries {
		if e.Hidden == pkgindex.Shadowed {
			shadowed++
		}
	}
	if shadowed != 3 || len(diags) != 3 {
		t.Errorf("%d entries are shadowed, want 3; diagnostics: %v", shadowed, diags)
	}
	if got := write(t, index); got != string(want) {
		t.Error("the index changes when it is written")
	}
}

func readFile(tb testing.TB, elem ...string) []byte {
	tb.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func write(tb testing.TB, index *pkgindex.Index) string {
	tb.Helper()
	var b bytes.Buffer
	if err := pkgindex.Write(&b, index); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}
