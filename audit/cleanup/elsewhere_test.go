package cleanup

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/binpkgs"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
	"emaudit/store/merge"
)

// TestWhatAnotherHostNeedsStays prunes the PKGDIR of the recorded host, in whose
// database there is a host that has two of the builds installed of which nothing
// here needs a file, and one whose build nobody knows.
func TestWhatAnotherHostNeedsStays(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	files := map[string]*binpkgs.Binpkg{} // a candidate by cpv
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		plan, err := PlanPrune(db, PrunePolicy{KeepStates: 1}, PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }})
		if err != nil {
			return err
		}
		past, err := state.TakePast(db)
		if err != nil {
			return err
		}
		for _, c := range plan.Candidates {
			if c.CPV == nil || c.Code != PruneOldVersion {
				continue
			}
			for _, b := range past.ByCPV[*c.CPV] {
				if b.Path == c.Path && b.BuildTime != 0 {
					files[*c.CPV] = b
				}
			}
		}
		return nil
	})
	root := filepath.Join(t.TempDir(), "client")
	client := hosttest.New(t, root)
	wanted := map[string]string{}
	for cpv, c := range files {
		if len(wanted) == 3 {
			break
		}
		built := ""
		if len(wanted) < 2 {
			built = strconv.FormatInt(c.BuildTime, 10)
		}
		category, pf, _ := strings.Cut(cpv, "/")
		for name, value := range map[string]string{"SLOT": "0", "PF": pf, "CATEGORY": category, "BUILD_TIME": built} {
			dir := filepath.Join(root, "var/db/pkg", cpv)
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if value == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, name), []byte(value+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		wanted[cpv] = c.Path
	}
	if len(wanted) != 3 {
		t.Fatalf("only %v can go", wanted)
	}
	client.Ingest(hosttest.Now)
	if _, err := merge.Databases(context.Background(), h.DB, client.DB, func(string) string { return "client" }); err != nil {
		t.Fatal(err)
	}
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		plan, err := PlanPrune(db, PrunePolicy{KeepStates: 1, MaxSize: 1}, PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }})
		if err != nil {
			return err
		}
		kept := map[string]PruneKept{}
		for _, k := range plan.Kept {
			kept[k.Path] = k
		}
		exact := 0
		for cpv, file := range wanted {
			found := false
			for _, k := range kept {
				found = found || k.CPV != nil && *k.CPV == cpv && k.Code == KeepElsewhere && strings.Contains(k.Reason, "installed on client (known until ")
			}
			if !found {
				t.Errorf("no file of %s is kept for the client", cpv)
			}
			if kept[file].Code == KeepElsewhere {
				exact++
			}
		}
		if exact < 2 {
			t.Errorf("%d of the very builds are kept, want 2", exact)
		}
		return nil
	})
}
