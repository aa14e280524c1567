package look

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/rollback"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
)

// Each change of each rollback of the recorded host is either promised or missed.
func TestPlanOfTheRecordedHost(t *testing.T) {
	t.Parallel()
	h := audittest.Alpha(t)
	var all []*rollback.Rollback
	audittest.Ask(h, hosttest.Now, func(db audit.Database) (err error) {
		all, err = rollback.AuditRollbacks(db, 0, rollback.Options{})
		return err
	})
	merges, removes, missed := 0, 0, 0
	for _, r := range all {
		p := PlanOf(r)
		want := map[string]bool{}
		others := 0
		for i := range r.Changes {
			c := &r.Changes[i]
			switch {
			case c.Stays:
				others++
			case c.To != nil:
				want[*c.To] = true
			}
			if !c.Stays && c.Match == binpkgs.CoverageSameVersion {
				others++
			}
		}
		if len(p.Merges) != len(want) || len(p.Missed) != others+len(r.Target.Unknown) {
			t.Errorf("%v: %d merges and %d missed, want %d and %d", r.Target, len(p.Merges), len(p.Missed), len(want), others+len(r.Target.Unknown))
		}
		for _, b := range p.Merges {
			if !want[b.CPV] || b.BuildTime == 0 || b.Slot == "" {
				t.Errorf("%v: %+v", r.Target, b)
			}
		}
		for _, m := range p.Missed {
			if m.Why == "" {
				t.Errorf("%v: nothing says why %s does not come back", r.Target, m.CPV)
			}
		}
		for _, f := range r.ConfigFiles {
			if p.Config[f.Path] != f.Effect {
				t.Errorf("%v: %s is %q", r.Target, f.Path, p.Config[f.Path])
			}
		}
		merges, removes, missed = merges+len(p.Merges), removes+len(p.Removes), missed+len(p.Missed)
	}
	if merges == 0 || removes == 0 || missed == 0 {
		t.Errorf("%d merges, %d removes, %d missed in all", merges, removes, missed)
	}
}

func TestCauseOf(t *testing.T) {
	t.Parallel()
	const (
		named = ">>> Emerging binary (1 of 1) app-misc/x-1::lab\n>>> Failed to install app-misc/x-1, Log file:\n\n>>>  '/var/log/portage/app-misc:x-1:20260101-000000.log'\n"
		log   = " * Package:    app-misc/x-1:0\n * ERROR: app-misc/x-1::lab failed (preinst phase):\n *   the old version still runs\n"
	)
	for _, test := range []struct {
		name, output, log string
		want              Cause
		err               bool
	}{
		{"the log names it", named, log, Cause{CPV: "app-misc/x-1", Phase: "preinst", Line: "the old version still runs", Log: "/var/log/portage/app-misc:x-1:20260101-000000.log"}, false},
		{"there is no log", named, "", Cause{CPV: "app-misc/x-1", Log: "/var/log/portage/app-misc:x-1:20260101-000000.log"}, true},
		{"emerge refuses", "\n!!! All ebuilds that could satisfy \"=a/b-1\" have been masked.\n!!! One of the following\nmore text\n", "", Cause{Line: `All ebuilds that could satisfy "=a/b-1" have been masked.`}, false},
		{"another program", "cp: cannot create regular file '/x': No space left on device\n\n", "", Cause{Line: "cp: cannot create regular file '/x': No space left on device"}, false},
		{"nothing", "", "", Cause{}, false},
	} {
		d := newTree(t)
		if test.log != "" {
			d.write(test.want.Log, test.log)
		}
		got, err := CauseOf(d.open(), []byte(test.output))
		if (err != nil) != test.err || err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: error %v", test.name, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.name, diff)
		}
	}
}
