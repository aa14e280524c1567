package rollback

import (
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
	"emaudit/parse/vdb"
)

// TestTheKernelThatRuns holds that each plan that removes the package with the modules
// of the running kernel says so, and no other plan does.
func TestTheKernelThatRuns(t *testing.T) {
	t.Parallel()
	const release = "6.12.8-lab"
	contents := func(cpv string, each func(vdb.ContentsEntry)) bool {
		if strings.HasPrefix(cpv, "sys-kernel/") {
			each(vdb.ContentsEntry{Kind: vdb.Directory, Path: "/lib/modules/" + release})
		}
		return true
	}
	for _, running := range []string{release, "6.6.30-lab", ""} {
		removed := 0
		audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
			all, err := AuditRollbacks(db, 0, Options{Contents: contents, KernelRelease: running})
			for _, r := range all {
				for _, c := range r.Changes {
					if c.Action != state.ActionRemove || c.Stays || !strings.HasPrefix(*c.From, "sys-kernel/") {
						continue
					}
					removed++
					got := slices.ContainsFunc(r.Risks, func(x Risk) bool {
						return x.Code == "kernel" && x.CPV != nil && *x.CPV == *c.From && strings.Contains(x.Detail, "the kernel that runs")
					})
					if want := running == release; got != want {
						t.Errorf("run %d removes %s while %q runs: said %v, want %v", *r.Target.Run, *c.From, running, got, want)
					}
				}
			}
			return err
		})
		if removed == 0 {
			t.Error("no plan removes a kernel")
		}
	}
}
