package rollback

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// TestThePlanMergesAgainWhatWasCut interrupts the merge of one package of the recorded
// host, and asks for the way back: its package is unknown until it is merged again, and
// the plan does that from a binary package, or names the gap.
func TestThePlanMergesAgainWhatWasCut(t *testing.T) {
	t.Parallel()
	const unpackaged = "app-text/qa-mess" // its binary packages are gone
	for _, test := range []struct {
		name, cut string
		run       int64
		verdict   Readiness
		merges    []string // that the plan does
		stays     []string // changes that are not carried out
		gaps      []string
		clears    bool // what the merge left in the VDB
	}{
		{"the registered version", "app-misc/hello-9", 83, ReadyWithWarnings, []string{"app-misc/hello-2.1", "app-misc/warny-0.3"}, nil, nil, true},
		{"the build of the target", "app-misc/warny-9", 83, ReadyWithWarnings, []string{"app-misc/warny-0.3"}, nil, nil, true},
		// The build of the target was never packaged: the registered one takes its place.
		{
			"the registered version, where the target is a gap", "app-misc/hello-9", 82, Partial,
			[]string{"app-misc/hello-2.1", "app-misc/warny-0.3"},
			[]string{"app-misc/hello-2.1"},
			[]string{"app-misc/hello-2.1 never-built"},
			true,
		},
		{
			"no version is registered, and the version has a binary package", "dev-util/postfail-1.0", 83, Partial,
			[]string{"app-misc/warny-0.3", "dev-util/postfail-1.0"},
			nil, nil, true,
		},
		{
			"no version is registered, and none has a binary package", "app-misc/nothing-1", 83, Partial,
			[]string{"app-misc/warny-0.3"},
			[]string{"app-misc/nothing-1"},
			[]string{"app-misc/nothing-1 merge-cut"},
			false,
		},
		{
			"no build of the registered version is there", unpackaged + "-9", 83, Partial,
			[]string{"app-misc/warny-0.3"},
			[]string{"app-text/qa-mess-1.1"},
			[]string{"app-text/qa-mess-1.1 pruned"},
			false,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			root := hostarchive.AlphaCopy(t)
			merging := filepath.Join("/var/db/pkg", filepath.Dir(test.cut), "-MERGING-"+filepath.Base(test.cut))
			if err := os.MkdirAll(filepath.Join(root, merging), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, merging, "CONTENTS"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(root, "var/cache/binpkgs", unpackaged)); err != nil {
				t.Fatal(err)
			}
			at := time.Unix(hosttest.Now-600, 0)
			if err := os.Chtimes(filepath.Join(root, merging), at, at); err != nil {
				t.Fatal(err)
			}
			host := hosttest.New(t, root)
			host.Ingest(hosttest.Now)
			host.Verify(hosttest.Now)
			audittest.Ask(host, hosttest.Now, func(db audit.Database) error {
				r, err := AuditRollback(db, state.Moment{Run: test.run}, Options{})
				if err != nil {
					return err
				}
				var merges, stays, gaps []string
				for _, c := range r.Changes {
					switch {
					case c.Stays:
						stays = append(stays, c.CPV())
					case c.Chosen != nil:
						merges = append(merges, *c.To)
					}
				}
				for _, g := range r.Gaps {
					gaps = append(gaps, g.CPV+" "+string(g.Cause))
				}
				slices.Sort(merges)
				for _, x := range []struct {
					what      string
					want, got any
				}{{"verdict", test.verdict, r.Verdict}, {"merges", test.merges, merges}, {"stays", test.stays, stays}, {"gaps", test.gaps, gaps}} {
					if diff := cmp.Diff(x.want, x.got); diff != "" {
						t.Errorf("%s: -want +got\n%s", x.what, diff)
					}
				}
				script := strings.Join(audit.Lines(r.Plan), "\n")
				for _, cpv := range merges {
					if !strings.Contains(script, `"=`+cpv+`"`) {
						t.Errorf("no command merges %s:\n%s", cpv, script)
					}
				}
				if got := strings.Contains(script, "rm -rf "+merging); got != test.clears {
					t.Errorf("the plan clears %s away: %v, want %v", merging, got, test.clears)
				}
				cp := audit.PackageOf(test.cut)
				if strings.Contains(script, "quickpkg") && strings.Contains(strings.SplitN(script, "\n", 2)[0], cp) {
					t.Errorf("the plan packages what is on disk of it:\n%s", script)
				}
				if !slices.ContainsFunc(r.Findings, func(f audit.Finding) bool { return f.Code == "merge-cut" && f.Subject == test.cut }) {
					t.Errorf("no finding names %s", test.cut)
				}
				return nil
			})
		})
	}
}
