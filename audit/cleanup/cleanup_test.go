package cleanup

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/rollback"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// A mask is taken back by a line: what a kept state needs stays though Portage
// would refuse it today.
func TestWhatIsMaskedTodayIsKeptForItsState(t *testing.T) {
	t.Parallel()
	const file = "app-misc/warny/warny-0.3-2.gpkg.tar" // of the state before the last run
	root := hostarchive.AlphaCopy(t)
	masks := filepath.Join(root, "etc/portage/package.mask")
	if err := os.RemoveAll(masks); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(masks, []byte("=app-misc/warny-0.3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := hosttest.New(t, root)
	h.Ingest(hosttest.Now)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		plan, err := PlanPrune(db, PrunePolicy{KeepStates: 3}, PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildThere }})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(plan.Kept, func(k PruneKept) bool { return k.Path == file && k.Code == KeepState }) {
			candidates, kept := plan.Explain(file)
			t.Errorf("want it kept for its state; got %+v, %+v", candidates, kept)
		}
		if plan.States[0].Verdict != rollback.NotReady {
			t.Errorf("verdict %s: the mask does not count, and this test tests nothing", plan.States[0].Verdict)
		}
		return nil
	})
}
