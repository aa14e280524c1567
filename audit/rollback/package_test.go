package rollback

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
)

// TestAPackageTakesAlongWhatItMust holds that what goes along with a package is
// found by what would break without it, and that nothing else goes.
func TestAPackageTakesAlongWhatItMust(t *testing.T) {
	t.Parallel()
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		for _, tt := range []struct {
			name, build string
			want        []string
		}{
			// Nothing needs it, and it needs nothing that is not there.
			{"hello", "", []string{"app-misc/hello-2.0_rc1"}},
			{"app-misc/hello", "1.1-2", []string{"app-misc/hello-1.1"}},
			// 1.2.4 was built against libfoo:0/1, and so were others of that time.
			{"foo-tool", "", []string{"app-misc/foo-tool-1.2.4", "sys-libs/libfoo-1.1-r1", "app-misc/foo-viewer-0.5-r1", "dev-libs/libbar-1.0_p1"}},
		} {
			r, err := AuditPackage(db, tt.name, tt.build, Options{})
			if err != nil {
				return err
			}
			var got []string
			for _, c := range r.Changes {
				got = append(got, *c.To)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || r.Carried != r.Wished || r.Verdict != ReadyWithWarnings {
				t.Errorf("%s %s: %s, %d of %d: -want +got\n%s", tt.name, tt.build, r.Verdict, r.Carried, r.Wished, diff)
			}
		}
		for name, want := range map[string]error{"nothing": ErrNotInstalled, "tinylang": ErrAmbiguous} {
			if _, err := AuditPackage(db, name, "", Options{}); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
		return nil
	})
}

// TestUndoKeepsWhatCameLater holds that the plan that undoes one run touches only
// what that run changed and no later one did.
func TestUndoKeepsWhatCameLater(t *testing.T) {
	t.Parallel()
	audittest.Ask(audittest.Alpha(t), hosttest.Now, func(db audit.Database) error {
		j, err := NewJudge(db, Options{})
		if err != nil {
			return err
		}
		for _, run := range j.Past.ChangingRuns() {
			r, err := AuditUndo(db, run, Options{})
			if err != nil {
				return err
			}
			if r.Undo == nil || *r.Undo != run {
				t.Errorf("run %d: it undoes %v", run, r.Undo)
			}
			changes, _, _, err := j.Past.Undo(run)
			if err != nil {
				return err
			}
			for _, want := range changes {
				if !slices.ContainsFunc(r.Changes, func(c Change) bool { return c.CPV() == want.CPV() }) {
					t.Errorf("run %d: %s is not among the changes", run, want.CPV())
				}
				// What the run did is there today: nothing later changed it.
				if want.Before != nil && !slices.Contains(j.Now.Installations, want.Before) {
					t.Errorf("run %d: %s is not installed", run, *want.From)
				}
			}
		}
		return nil
	})
}
