package vdb_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"emaudit/internal/hostarchive"
	"emaudit/parse/vdb"

	"github.com/google/go-cmp/cmp"
)

// everything is all that can be asked for.
const everything = vdb.WantIUSEEffective | vdb.WantSize | vdb.WantBuildEnv | vdb.WantIdentity

func TestInstalledPackagesAreWhatPortageTakesThemFor(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Reindexed struct {
			Installed []map[string]string `json:"installed"`
		} `json:"portage_reindexed"`
	}
	if err := json.Unmarshal(hostarchive.AlphaOracle(t), &oracle); err != nil {
		t.Fatal(err)
	}
	installed := walk(t, filepath.Join(hostarchive.Alpha(t), "var/db/pkg"))
	if got, want := len(installed), len(oracle.Reindexed.Installed); got != want {
		t.Errorf("%d packages, want %d", got, want)
	}
	for _, want := range oracle.Reindexed.Installed {
		p := installed[want["cpv"]]
		if p == nil {
			t.Errorf("%s is missing", want["cpv"])
			continue
		}
		slot := p.Slot
		if p.SubSlot != p.Slot {
			slot += "/" + p.SubSlot
		}
		got := map[string]string{
			"cpv":        p.CPV.String(),
			"SLOT":       slot,
			"repository": p.Repo,
			"BUILD_TIME": strconv.FormatInt(p.BuildTime, 10),
			"BUILD_ID":   "",
			"USE":        p.USE,
			"COUNTER":    strconv.FormatInt(p.Counter, 10),
			"EAPI":       p.EAPI,
			"KEYWORDS":   p.Keywords,
			"REQUIRES":   p.Requires,
			"PROVIDES":   p.Provides,
			"SIZE":       strconv.FormatInt(p.Size, 10),
			"IUSE":       p.IUSE,
			"RDEPEND":    p.RDepend,
		}
		if p.BuildID != 0 {
			got["BUILD_ID"] = strconv.FormatInt(p.BuildID, 10)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-Portage +emaudit):\n%s", want["cpv"], diff)
		}
		if p.Metadata != vdb.MetadataFresh {
			t.Errorf("%s: metadata is %s", want["cpv"], p.Metadata)
		}
	}
}

// walk reads all packages of a database.
func walk(t *testing.T, root string) map[string]*vdb.Package {
	packages := make(map[string]*vdb.Package)
	for _, category := range readDir(t, root) {
		if vdb.ClassifyCategory(category) != vdb.NameValid {
			continue
		}
		for _, pf := range readDir(t, filepath.Join(root, category)) {
			if vdb.ClassifyPackage(pf) != vdb.NameValid {
				continue
			}
			p, diags, err := vdb.ReadPackage(category, pf, openDir(t, root, category, pf), everything)
			if err != nil {
				t.Fatal(err)
			}
			if len(diags) > 0 || len(p.Unread) > 0 {
				t.Errorf("%s/%s: unread %v, diagnostics %v", category, pf, p.Unread, diags)
			}
			packages[category+"/"+pf] = p
		}
	}
	return packages
}

func readDir(tb testing.TB, dir string) []string {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestTheMergeThatWasKilledOnAlphaIsReported(t *testing.T) {
	t.Parallel()
	root := filepath.Join(hostarchive.Alpha(t), "var/db/pkg")
	var got []string
	for _, category := range readDir(t, root) {
		for _, pf := range readDir(t, filepath.Join(root, category)) {
			if d, ok := vdb.ClassifyPackage(pf).Diagnostic(category, pf); ok {
				got = append(got, d.Code+": "+d.Message)
			}
		}
	}
	want := []string{`vdb-merge-leftover: "sys-apps/-MERGING-bigthing-1.1": a merge is going on, or was killed`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestAlphaContentsAndNeeded(t *testing.T) {
	t.Parallel()
	root := filepath.Join(hostarchive.Alpha(t), "var/db/pkg")
	files, err := filepath.Glob(filepath.Join(root, "*/*/CONTENTS"))
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]int)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range readContents(t, string(content)) {
			kinds[e.Kind.String()]++
		}
	}
	for _, kind := range []string{"dir", "obj", "sym", "fif"} {
		if kinds[kind] == 0 {
			t.Errorf("no entry of kind %s in %v", kind, kinds)
		}
	}

	b, err := os.ReadFile(filepath.Join(root, "app-misc/foo-tool-1.3.0/NEEDED.ELF.2"))
	if err != nil {
		t.Fatal(err)
	}
	needed, diags := vdb.ParseNeeded(b)
	want := []vdb.NeededEntry{{
		Path:   "/usr/bin/foo-tool",
		Needed: []string{"libfoo.so.2", "libc.so.6"},
	}}
	if diff := cmp.Diff(want, needed); diff != "" || len(diags) > 0 {
		t.Errorf("needed (-want +got):\n%s%v", diff, diags)
	}
}
