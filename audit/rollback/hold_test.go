package rollback

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hostarchive"
	"emaudit/internal/hosttest"
)

// TestTheWayForwardLiftsTheHolds asks for the way back to a newer app-misc/warny while
// package.mask masks it: what a rollback wrote there is lifted by the plan, together
// with the comment above it, and what somebody else wrote refuses it.
func TestTheWayForwardLiftsTheHolds(t *testing.T) {
	t.Parallel()
	root := hostarchive.AlphaCopy(t)
	host := hosttest.New(t, root)
	const file = "/etc/portage/package.mask"
	for i, tt := range []struct {
		name, mask string
		lifted     []string // what the plan takes out; nil: it is refused
	}{
		{"its own lines", "# emaudit hold run:84\n>app-misc/warny-0.2:0\n\n", []string{">app-misc/warny-0.2:0", "# emaudit hold run:84"}},
		{
			"with another package, which stays held", "# emaudit hold run:84\n>app-misc/warny-0.2:0\n>app-misc/hello-2:0\n",
			[]string{">app-misc/warny-0.2:0"},
		},
		{"without the comment", ">app-misc/warny-0.2:0\n", []string{">app-misc/warny-0.2:0"}},
		{"a line below the empty one", "# emaudit hold run:84\n>app-misc/hello-2:0\n\n>app-misc/warny-0.1\n", nil},
		{"a line of somebody else", "# broken\n>app-misc/warny-0.1\n", nil},
	} {
		path := filepath.Join(root, file)
		if err := os.WriteFile(path, []byte(tt.mask), 0o644); err != nil {
			t.Fatal(err)
		}
		now := int64(hosttest.Now + i)
		host.Ingest(now)
		audittest.Ask(host, now, func(db audit.Database) error {
			r, err := AuditRollback(db, state.Moment{Run: 83}, Options{})
			if err != nil {
				return err
			}
			i := slices.IndexFunc(r.Steps, func(s Step) bool { return strings.HasPrefix(s.Title, "Lift") })
			switch {
			case tt.lifted == nil:
				if i >= 0 || !slices.ContainsFunc(r.Gaps, func(g Gap) bool { return g.CPV == "app-misc/warny-0.3" && g.Cause == "masked" }) {
					t.Errorf("%s: %s, step %d, gaps %v", tt.name, r.Verdict, i, r.Gaps)
				}
			case i < 0 || len(r.Gaps) > 0:
				t.Errorf("%s: %s, step %d, gaps %v", tt.name, r.Verdict, i, r.Gaps)
			default:
				want := withoutLines(file, tt.lifted).String()
				if diff := cmp.Diff([]string{want}, audit.Lines(r.Steps[i].Commands)); diff != "" {
					t.Errorf("%s: -want +got\n%s", tt.name, diff)
				}
			}
			return nil
		})
	}
}

// TestAHoldGoesToWhereTheMasksAre holds that a plan appends to package.mask if that is
// a file, and to a file in it if it is a folder, also an empty one. What lifts
// the hold names the same file.
func TestAHoldGoesToWhereTheMasksAre(t *testing.T) {
	t.Parallel()
	const folder, own = "/etc/portage/package.mask", "/etc/portage/package.mask/emaudit-rollback-warny"
	for _, tt := range []struct {
		name          string
		folders       []string
		hold, letting string
	}{
		{"a file", nil, " >> " + folder, "sed -i "},
		{"a folder", []string{"package.mask"}, " >> " + own, "rm " + own},
	} {
		audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
			r, err := AuditPackage(db, "app-misc/warny", "", Options{Folders: tt.folders})
			if err != nil {
				return err
			}
			var steps []string
			for _, s := range append(slices.Clone(r.Steps), r.Later...) {
				steps = append(steps, audit.Lines(s.Commands)...)
			}
			for _, want := range []string{tt.hold, tt.letting} {
				if !slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, want) }) {
					t.Errorf("%s: no step has %q:\n%s", tt.name, want, strings.Join(steps, "\n"))
				}
			}
			return nil
		})
	}
}
