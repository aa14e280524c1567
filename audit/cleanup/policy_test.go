package cleanup

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

func TestWeeksAndMonthsEndBeforeNow(t *testing.T) {
	t.Parallel()
	var got []string
	// Sunday, 2026-10-04 18:20:00 UTC: its week is not over.
	for _, end := range (PrunePolicy{KeepWeekly: 2, KeepMonthly: 2}).periodEnds(1791138000) {
		got = append(got, end.title)
	}
	want := []string{"the week to 2026-09-27", "the week to 2026-09-20", "2026-09", "2026-08"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestEachPolicyKeepsMore plans for the recorded host as if the ebuild repository had
// moved on from everything that is in PKGDIR.
func TestEachPolicyKeepsMore(t *testing.T) {
	t.Parallel()
	h := hosttest.New(t, hostarchive.Alpha(t))
	h.Ingest(hosttest.Now)
	gone := PruneFacts{Ebuild: func(string, string) acceptance.EbuildState { return acceptance.EbuildGone }}
	plan := func(policy PrunePolicy) (plan *PrunePlan) {
		audittest.Ask(h, hosttest.Now, func(db audit.Database) (err error) {
			plan, err = PlanPrune(db, policy, gone)
			return err
		})
		return plan
	}
	reasons := func(p *PrunePlan, code string) (all []string) {
		for _, k := range p.Kept {
			if k.Code == code {
				all = append(all, k.Reason)
			}
		}
		return all
	}
	least := plan(PrunePolicy{})
	if all := reasons(least, KeepLastCopy); len(all) > 0 {
		t.Errorf("%d last copies stay", len(all))
	}
	if !slices.ContainsFunc(least.Candidates, func(c PruneCandidate) bool {
		return strings.HasSuffix(c.Cost, "which could not be built again: its ebuild is gone")
	}) {
		t.Error("no candidate says that it could not be built again")
	}
	for _, test := range []struct {
		policy       PrunePolicy
		code, reason string
	}{
		{PrunePolicy{KeepVersions: 2}, KeepNewest, "of the newest 2 versions of "},
		{PrunePolicy{KeepBuilds: 3}, KeepNewest, "of the newest 3 builds of "},
		{PrunePolicy{KeepWeekly: 30}, KeepState, "the state at the end of the week to 2026-"},
		{PrunePolicy{KeepMonthly: 6}, KeepState, "the state at the end of 2026-"},
		{PrunePolicy{KeepLastCopies: true}, KeepLastCopy, "the last copy, and its ebuild is gone"},
	} {
		p := plan(test.policy)
		if p.KeptSize <= least.KeptSize {
			t.Errorf("%+v keeps no more", test.policy)
		}
		if all := reasons(p, test.code); !slices.ContainsFunc(all, func(r string) bool { return strings.HasPrefix(r, test.reason) }) {
			t.Errorf("%+v: nothing stays as %q: %q", test.policy, test.reason, all)
		}
	}
}
