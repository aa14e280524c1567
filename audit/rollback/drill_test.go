package rollback

import (
	"context"
	"slices"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/state"
	"emaudit/internal/audittest"
	"emaudit/internal/hosttest"
	"emaudit/store"
	"emaudit/store/inventory"
)

// drillHost is the recorded host, with all files read in full, so that what a verdict
// says more is of the drill.
func drillHost(t *testing.T) *hosttest.Host {
	t.Helper()
	h := audittest.Alpha(t)
	h.Verify(hosttest.Now)
	return h
}

// previous judges the way back before the last update.
func previous(t *testing.T, h *hosttest.Host, now int64) (r *Rollback) {
	t.Helper()
	audittest.Ask(h, now, func(db audit.Database) (err error) {
		r, err = AuditRollback(db, state.Moment{Previous: true}, Options{})
		return err
	})
	return r
}

func change(t *testing.T, h *hosttest.Host, what func(*store.Tx) error) {
	t.Helper()
	if err := h.DB.Update(context.Background(), what); err != nil {
		t.Fatal(err)
	}
}

// drillFinding is the code of the finding about drills, with its severity.
func drillFinding(r *Rollback) (code string) {
	for _, f := range r.Findings {
		if strings.HasPrefix(f.Code, "drill-") {
			code += f.Code + " " + string(f.Severity)
		}
	}
	return code
}

func TestWhatADrillSays(t *testing.T) {
	t.Parallel()
	h := drillHost(t)
	before := previous(t, h, hosttest.Now)
	if before.Proof != nil || len(before.Plan) == 0 {
		t.Fatalf("proof %+v, %d commands", before.Proof, len(before.Plan))
	}
	at := int64(hosttest.Now)
	for _, test := range []struct {
		name    string
		drill   func(*store.Drill)
		want    Proof
		finding string
		message string
	}{
		{"proven", func(d *store.Drill) { d.Verdict = "proven" }, Proof{Verdict: Proven, Holds: true}, "", ""},
		{"with differences", func(d *store.Drill) {
			d.Verdict = "proven-with-differences"
			d.Observations = []store.DrillObservation{{Kind: "next-update", Subject: "a/b-1", Expected: true}, {Kind: "file-missing", Subject: "/x", Detail: "a/b-1 installed it"}}
		}, Proof{Verdict: ProvenWithDifferences, Holds: true}, "drill-differs info", "the drill of 2026-10-04 18:20 UTC showed 1 difference, file-missing /x: a/b-1 installed it first"},
		{
			"failed", func(d *store.Drill) { d.Verdict, d.Step, d.Cause = "failed", "emerge =a/b-1", "no room" },
			Proof{Verdict: DrillFailed, Holds: true},
			"drill-failed warning", "the last drill failed on 2026-10-04 18:20 UTC: emerge =a/b-1: no room",
		},
		{"other builds came back", func(d *store.Drill) {
			d.Verdict, d.Observations = "failed", []store.DrillObservation{{Kind: "build-missing", Subject: "a/b-1"}}
		}, Proof{Verdict: DrillFailed, Holds: true}, "drill-failed warning", "the last drill failed on 2026-10-04 18:20 UTC: build-missing a/b-1"},
		{
			"a file changed", func(d *store.Drill) { d.Verdict, d.Files[0].Size = "proven", 1 },
			Proof{Verdict: Proven, ChangedFiles: 1},
			"drill-old info",
			"a drill proved it on 2026-10-04 18:20 UTC, and since then 1 of its binary packages changed",
		},
		{
			"the plan changed", func(d *store.Drill) { d.Verdict, d.Plan = "failed", []byte{1} },
			Proof{Verdict: DrillFailed, ChangedPlan: true},
			"drill-old info",
			"a drill failed on 2026-10-04 18:20 UTC, and since then the plan changed",
		},
	} {
		d := before.Drill()
		d.StartedAt = at
		d.Program = "1"
		test.drill(&d)
		change(t, h, func(tx *store.Tx) error { return tx.AddDrill(h.ID, &d) })
		// The folder for the copies has the time in its name.
		r := previous(t, h, hosttest.Now+1000)
		p := r.Proof
		if p == nil || p.Verdict != test.want.Verdict || p.Holds != test.want.Holds || p.ChangedFiles != test.want.ChangedFiles || p.ChangedPlan != test.want.ChangedPlan || p.ChangedPackages != 0 || p.At != at {
			t.Errorf("%s: %+v", test.name, p)
			continue
		}
		if got := drillFinding(r); got != test.finding {
			t.Errorf("%s: finding %q, want %q", test.name, got, test.finding)
		}
		for _, f := range r.Findings {
			if strings.HasPrefix(f.Code, "drill-") && (f.Message != test.message || f.Remedy.String() == "") {
				t.Errorf("%s: %q, remedy %q", test.name, f.Message, f.Remedy)
			}
		}
		if len(p.Files) != len(d.Files) || len(p.Files) == 0 || p.Files[0].BuildTime == nil {
			t.Errorf("%s: files %+v", test.name, p.Files)
		}
	}
}

// Where the same builds are installed again, what happened between does not count.
func TestWhatChangedBackIsNoChange(t *testing.T) {
	t.Parallel()
	h := drillHost(t)
	d := previous(t, h, hosttest.Now).Drill()
	d.StartedAt, d.Verdict, d.Target = hosttest.Now-1000*86400, "proven", "the same state by another name"
	change(t, h, func(tx *store.Tx) error { return tx.AddDrill(h.ID, &d) })
	if p := previous(t, h, hosttest.Now).Proof; p == nil || !p.Holds || p.ChangedPackages != 0 {
		t.Errorf("%+v", p)
	}
}

// A plan that failed in a drill is not ready, whatever its files show.
func TestAFailedDrillKeepsFromReady(t *testing.T) {
	t.Parallel()
	h := drillHost(t)
	var all []*Rollback
	ask := func() {
		t.Helper()
		audittest.Ask(h, hosttest.Now, func(db audit.Database) (err error) {
			all, err = AuditRollbacks(db, 0, Options{})
			return err
		})
	}
	ask()
	i := slices.IndexFunc(all, func(r *Rollback) bool { return r.Verdict == Ready && len(r.Plan) > 0 })
	if i < 0 {
		t.Fatal("no rollback of the recorded host is ready")
	}
	d := all[i].Drill()
	d.StartedAt, d.Verdict, d.Step = hosttest.Now, "failed", "emerge"
	change(t, h, func(tx *store.Tx) error { return tx.AddDrill(h.ID, &d) })
	ask()
	if all[i].Verdict != ReadyWithWarnings {
		t.Errorf("it is %s", all[i].Verdict)
	}
}

// The proof ends with the first package that changes, and says so.
func TestAProofEndsWhenAPackageChanges(t *testing.T) {
	t.Parallel()
	h := drillHost(t)
	d := previous(t, h, hosttest.Now).Drill()
	d.StartedAt, d.Verdict = hosttest.Now, "proven"
	change(t, h, func(tx *store.Tx) error { return tx.AddDrill(h.ID, &d) })
	change(t, h, func(tx *store.Tx) error {
		all, err := inventory.ReadInstalled(tx, h.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(p inventory.Installed) bool { return p.CPV == "app-text/qa-mess-1.1" })
		return inventory.RemoveInstalled(tx, all[i].ID, hosttest.Now+1)
	})
	r := previous(t, h, hosttest.Now+2)
	if p := r.Proof; p == nil || p.Holds || p.ChangedPackages != 1 {
		t.Errorf("%+v", p)
	}
	if got := drillFinding(r); got != "drill-old info" {
		t.Errorf("finding %q", got)
	}
}

func TestDrillsOfOtherTargets(t *testing.T) {
	t.Parallel()
	h := drillHost(t)
	audittest.Ask(h, hosttest.Now, func(db audit.Database) error {
		run := *previous(t, h, hosttest.Now).Target.Run
		undo, err := AuditUndo(db, run, Options{})
		if err != nil {
			return err
		}
		if want := "undo:"; !strings.HasPrefix(undo.Drill().Target, want) {
			t.Errorf("target %q", undo.Drill().Target)
		}
		at, err := AuditRollback(db, state.Moment{At: hosttest.Now - 30*86400}, Options{})
		if err != nil {
			return err
		}
		if got := at.Drill().Target; !strings.HasPrefix(got, "@") {
			t.Errorf("target %q", got)
		}
		one, err := AuditPackage(db, "media-libs/imgcodec", "", Options{})
		if err != nil {
			return err
		}
		if got := one.Drill().Target; got != "media-libs/imgcodec" {
			t.Errorf("target %q", got)
		}
		return nil
	})
}
