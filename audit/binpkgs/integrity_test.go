package binpkgs_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// instanceFact is what both Portage and emaudit say of one binary package.
type instanceFact struct {
	CPV, Path, Format  string
	BuildID, BuildTime int64
	Size, MTime        int64
	Slot, Repo         string
}

// TestInstancesAreWhatPortageSays compares every binary package of the recorded
// host, field by field, with Portage's own API looking at the files.
func TestInstancesAreWhatPortageSays(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Reindexed struct {
			Binpkgs []struct {
				CPV       string
				BuildID   *int64 `json:"build_id"`
				BuildTime int64  `json:"build_time"`
				Path      string
				FileSize  int64 `json:"file_size"`
				MTime     int64
				Format    string
				Metadata  map[string]string
			}
		} `json:"portage_reindexed"`
	}
	if err := json.Unmarshal(hostarchive.AlphaOracle(t), &oracle); err != nil {
		t.Fatal(err)
	}
	want := map[string]instanceFact{}
	for _, b := range oracle.Reindexed.Binpkgs {
		f := instanceFact{CPV: b.CPV, Path: b.Path, Format: b.Format, BuildTime: b.BuildTime, Size: b.FileSize, MTime: b.MTime, Repo: b.Metadata["repository"]}
		f.Slot = b.Metadata["SLOT"]
		if b.BuildID != nil {
			f.BuildID = *b.BuildID
		}
		want[b.Path] = f
	}
	if len(want) != 132 {
		t.Fatalf("the oracle has %d binary packages, want 132", len(want))
	}
	host := hosttest.New(t, hostarchive.Alpha(t))
	host.Ingest(hosttest.Now)
	integrity := askIntegrity(t, host, hosttest.Now)
	got := map[string]instanceFact{}
	var invisible []string
	for r := range integrity.Rows {
		if !r.Visible {
			invisible = append(invisible, r.Path)
			continue
		}
		f := instanceFact{CPV: *r.CPV, Path: r.Path, Format: string(r.Format), BuildTime: *r.BuildTime, Size: r.Size, MTime: r.MTime, Slot: r.Slot, Repo: r.Repo}
		if r.BuildID != nil {
			f.BuildID = *r.BuildID
		}
		got[r.Path] = f
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("instances (-Portage +emaudit)\n%s", diff)
	}
	if diff := cmp.Diff([]string{"app-misc/hello/copy-of-hello.gpkg.tar", "app-misc/hello/hello-2.0-1.gpkg.tar"}, invisible); diff != "" {
		t.Errorf("what Portage passes over (-want +got)\n%s", diff)
	}
}

func askIntegrity(t *testing.T, host *hosttest.Host, now int64) *binpkgs.Integrity {
	t.Helper()
	var integrity *binpkgs.Integrity
	audittest.Ask(host, now, func(db audit.Database) (err error) {
		integrity, err = binpkgs.AuditIntegrity(db, binpkgs.IntegrityOptions{})
		return err
	})
	return integrity
}

// TestLostEntriesAreWhatEmaintSays compares the entries without a file with
// what emaint --check prints of the recorded host as it lies there.
func TestLostEntriesAreWhatEmaintSays(t *testing.T) {
	t.Parallel()
	var oracle struct {
		Trusted struct {
			Check struct{ Output string } `json:"emaint_check_binhost"`
		} `json:"portage_trusted_index"`
	}
	if err := json.Unmarshal(hostarchive.AlphaOracle(t), &oracle); err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(oracle.Trusted.Check.Output) {
		if cpv, ok := strings.CutSuffix(strings.TrimSpace(line), "' is not in the repository"); ok {
			want = append(want, strings.TrimPrefix(cpv, "'"))
		}
	}
	host := hosttest.New(t, hostarchive.Alpha(t))
	host.Ingest(hosttest.Now)
	var got []string
	for _, f := range askIntegrity(t, host, hosttest.Now).Findings {
		if f.Code == "index-lists-missing" {
			_, rest, _ := strings.Cut(f.Message, "the index lists ")
			cpv, _, _ := strings.Cut(rest, ",")
			got = append(got, cpv)
			if f.Severity != audit.SeverityError {
				t.Errorf("%s: %s, but a merge would die", f.Subject, f.Severity)
			}
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) != 8 {
		t.Fatalf("emaint names %d entries, want 8: %v", len(want), want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries without a file (-emaint +emaudit)\n%s", diff)
	}
}

// TestHalfMadeFilesAreToldFromABuildThatRuns ages the zero-byte reservation and
// the temporary file of a build.
func TestHalfMadeFilesAreToldFromABuildThatRuns(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	dir := filepath.Join(root, "var/cache/binpkgs/app-misc/hello")
	begun := time.Unix(hosttest.Now, 0)
	for name, content := range map[string]string{"hello-7-1.gpkg.tar": "", "hello-7-1.gpkg.tarAbCdEf12.4242": "half"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, begun, begun); err != nil {
			t.Fatal(err)
		}
	}
	host := hosttest.New(t, root)
	host.Ingest(hosttest.Now)
	runs := func(pid int) bool { return pid == 4242 }
	nothing := func(int) bool { return false }
	for _, test := range []struct {
		name            string
		after           int64
		running         func(int) bool
		empty, leftover audit.Severity
		says            string
	}{
		{"the process runs", 60, runs, "info", "info", "is packing this package now"},
		{"the process is gone", 60, nothing, "warning", "info", "left on 2026-10-04 by a build"},
		{"another system, a minute ago", 60, nil, "info", "info", "may still be packing"},
		{"another system, yesterday", 86400, nil, "warning", "info", "left on 2026-10-04 by a build"},
	} {
		t.Run(test.name, func(t *testing.T) {
			audittest.Ask(host, hosttest.Now+test.after, func(db audit.Database) error {
				i, err := binpkgs.AuditIntegrity(db, binpkgs.IntegrityOptions{Running: test.running})
				if err != nil {
					return err
				}
				seen := 0
				for _, f := range i.Findings {
					switch {
					case strings.HasSuffix(f.Subject, "/hello-7-1.gpkg.tar"):
						seen++
						if f.Code != "binpkg-empty" || f.Severity != test.empty || !strings.Contains(f.Message, test.says) {
							t.Errorf("%s %s: %s", f.Severity, f.Code, f.Message)
						}
					case strings.Contains(f.Subject, "hello-7-1.gpkg.tarAb"):
						seen++
						if f.Code != "pkgdir-temporary" || f.Severity != test.leftover {
							t.Errorf("%s %s: %s", f.Severity, f.Code, f.Message)
						}
						if rm := f.Remedy.Program() == "rm"; rm != strings.Contains(f.Message, "left over") {
							t.Errorf("%s: %s", f.Message, f.Remedy)
						}
					}
				}
				if seen != 2 {
					t.Errorf("%d findings about the two files", seen)
				}
				return nil
			})
		})
	}
}
