package binpkgs_test

import (
	"encoding/json"
	"slices"
	"testing"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store/inventory"
)

// portageCoverage is what Portage's own API says about one installed package
// of the recorded host.
type portageCoverage struct {
	CPV     string   `json:"cpv"`
	Binpkgs []string `json:"binpkgs"`
	Exact   []string `json:"exact_instance"`
	State   string   `json:"state"`
}

// TestCoverageIsWhatPortageSays compares every verdict about the recorded host
// with Portage's answers. Portage does not tell exact from same-build; it
// answers from the files themselves (portage_reindexed), which is the truth
// that a trusted index can miss.
func TestCoverageIsWhatPortageSays(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Reindexed struct {
			Coverage []portageCoverage `json:"coverage"`
		} `json:"portage_reindexed"`
	}
	if err := json.Unmarshal(hostarchive.AlphaOracle(t), &oracle); err != nil {
		t.Fatal(err)
	}
	want := oracle.Reindexed.Coverage
	if len(want) != 50 {
		t.Fatalf("the oracle has %d installed packages, want 50", len(want))
	}
	host := hosttest.New(t, hostarchive.Alpha(t))
	host.Ingest(hosttest.Now)
	rows := map[string]binpkgs.CoverageRow{}
	audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
		c, err := binpkgs.AuditCoverage(db)
		if err == nil {
			for _, r := range c.Rows {
				rows[r.CPV] = r
			}
		}
		return err
	})
	if len(rows) != len(want) {
		t.Errorf("emaudit has %d installed packages, Portage %d", len(rows), len(want))
	}
	for _, w := range want {
		got, ok := rows[w.CPV]
		if !ok {
			t.Errorf("%s is installed for Portage and not for emaudit", w.CPV)
			continue
		}
		state := map[binpkgs.CoverageVerdict]string{
			binpkgs.CoverageExact: "exact", binpkgs.CoverageSameBuild: "exact",
			binpkgs.CoverageSameVersion: "other-build-only", binpkgs.CoverageNone: "none",
		}[got.Verdict]
		if state != w.State {
			t.Errorf("%s: want %s, got %s", w.CPV, w.State, got.Verdict)
		}
		switch {
		case got.Instance == nil && len(w.Binpkgs) > 0:
			t.Errorf("%s: no instance, Portage has %v", w.CPV, w.Binpkgs)
		case got.Instance != nil && !slices.Contains(w.Binpkgs, got.Instance.Path):
			t.Errorf("%s: instance %s, Portage has %v", w.CPV, got.Instance.Path, w.Binpkgs)
		case w.State == "exact" && !slices.Contains(w.Exact, got.Instance.Path):
			t.Errorf("%s: instance %s, Portage's are %v", w.CPV, got.Instance.Path, w.Exact)
		}
	}
}

// A package that lacks files of what it is a copy of covers nothing, and any other
// build of the version is nearer.
func TestALossyPackageIsTheLastChoice(t *testing.T) {
	t.Parallel()
	installed := &inventory.Installed{CPV: "app-misc/foo-1", BuildTime: 7, MetadataID: 1}
	packaged := func(path string, buildTime int64, problems ...inventory.Problem) *binpkgs.Binpkg {
		return &binpkgs.Binpkg{Instance: &inventory.Instance{
			Path: path, CPV: "app-misc/foo-1", BuildTime: buildTime, MetadataID: 1, Problems: problems, Traits: &inventory.Traits{Visible: true, Integrity: "whole"},
		}, Dir: &inventory.PkgDir{Path: "/p"}}
	}
	lossy := packaged("lossy", 7, inventory.Problem{Code: "image-lossy"})
	altered := packaged("altered", 7, inventory.Problem{Code: "image-altered"})
	other := packaged("other", 8)
	for _, c := range []struct {
		candidates []*binpkgs.Binpkg
		verdict    binpkgs.CoverageVerdict
		path       string
	}{
		{[]*binpkgs.Binpkg{lossy}, binpkgs.CoverageLossy, "lossy"},
		{[]*binpkgs.Binpkg{lossy, other}, binpkgs.CoverageSameVersion, "other"},
		{[]*binpkgs.Binpkg{lossy, other, altered}, binpkgs.CoverageSameBuild, "altered"},
	} {
		row, best, err := binpkgs.Cover(&binpkgs.UseFlags{Of: map[int64]string{}}, installed, c.candidates)
		if err != nil || row.Verdict != c.verdict || best.Path != c.path {
			t.Errorf("%s %+v %v, want %s %s", row.Verdict, best, err, c.verdict, c.path)
		}
	}
}
