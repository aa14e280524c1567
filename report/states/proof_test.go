package states_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"emaudit/audit/overview"

	"emaudit/audit"
	"emaudit/audit/rollback"
	"emaudit/report"
	"emaudit/report/states"
)

// proof is a drill with one binary package.
func proof(change func(*rollback.Proof)) *rollback.Proof {
	p := &rollback.Proof{Verdict: rollback.Proven, At: 1791138000, Holds: true, Files: []rollback.ProofFile{{CPV: "app-misc/foo-1.0"}}, Differences: []rollback.DrillDifference{}}
	change(p)
	return p
}

func TestWhatADrillSaysInWords(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		proof  *rollback.Proof
		text   string
		cell   string
		metric []string // samples, and with a minus those that are not there
	}{
		{nil, "", "-", []string{"-emaudit_rollback_proven", "-emaudit_rollback_drill"}},
		{
			proof(func(*rollback.Proof) {}), "proven on 2026-10-04 with 1 binary package", "proven 2026-10-04",
			[]string{`emaudit_rollback_proven_timestamp_seconds{host="h"} 1791138000`, `emaudit_rollback_drill_failed{host="h"} 0`},
		},
		{
			proof(func(p *rollback.Proof) {
				p.Verdict, p.Differences = rollback.ProvenWithDifferences, []rollback.DrillDifference{{Kind: "file-missing", Subject: "/x"}}
			}),
			"proven on 2026-10-04 with 1 binary package, with 1 difference", "differs 2026-10-04",
			[]string{`emaudit_rollback_proven_timestamp_seconds{host="h"} 1791138000`},
		},
		{
			proof(func(p *rollback.Proof) { p.Holds, p.ChangedPackages = false, 3 }), "was proven on 2026-10-04; since then 3 packages changed", "proven 2026-10-04, ended",
			[]string{"-emaudit_rollback_proven", "-emaudit_rollback_drill"},
		},
		{
			proof(func(p *rollback.Proof) { p.Holds, p.ChangedPackages, p.ChangedFiles = false, 1, 2 }), "was proven on 2026-10-04; since then 1 package and 2 of its binary packages changed", "proven 2026-10-04, ended", nil,
		},
		{proof(func(p *rollback.Proof) { p.Holds, p.ChangedPlan = false, true }), "was proven on 2026-10-04; since then the plan changed", "proven 2026-10-04, ended", nil},
		{
			proof(func(p *rollback.Proof) { p.Verdict = rollback.DrillFailed }), "a drill failed on 2026-10-04", "failed 2026-10-04",
			[]string{`emaudit_rollback_drill_failed{host="h"} 1`, "-emaudit_rollback_proven"},
		},
		{
			proof(func(p *rollback.Proof) { p.Verdict, p.Holds, p.ChangedPackages = rollback.DrillFailed, false, 1 }),
			"a drill failed on 2026-10-04; since then 1 package changed", "failed 2026-10-04, ended",
			[]string{"-emaudit_rollback_drill"},
		},
	} {
		if got := states.ProofText(test.proof, audit.Day); got != test.text {
			t.Errorf("%q, want %q", got, test.text)
		}
		if got := states.ProofCell(test.proof, audit.Day).Text; got != test.cell && test.proof != nil {
			t.Errorf("%q, want %q", got, test.cell)
		}
		r := aPlan(rollback.Ready, "true")
		r.Proof = test.proof
		if got := states.RollbackLine(r).Text; test.text != "" && !strings.Contains(got, "; "+test.text) {
			t.Errorf("the one screen: %q has no %q", got, test.text)
		}
		var metrics report.Metrics
		metrics.Add(report.HostMetrics{Host: "h", Facts: overview.HostFacts{Rollbacks: []*rollback.Rollback{r}}}, 1791138000)
		var text strings.Builder
		if err := metrics.Write(&text); err != nil {
			t.Fatal(err)
		}
		out := text.String()
		for _, sample := range test.metric {
			if absent, ok := strings.CutPrefix(sample, "-"); ok == strings.Contains(out, absent) || !ok && !strings.Contains(out, sample) {
				t.Errorf("%q: metrics: %s\n%s", test.text, sample, out)
			}
		}
	}
}

func TestRollbackShowsTheLastDrill(t *testing.T) {
	t.Parallel()
	text := func(a report.Answer, o report.Output, b *bytes.Buffer) string {
		t.Helper()
		if err := o.Write(a); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	r := aPlan(rollback.ReadyWithWarnings, "true")
	r.Proof = proof(func(p *rollback.Proof) {
		p.Verdict, p.Step, p.Cause, p.Log = rollback.DrillFailed, "emerge =app-misc/foo-1.0", "no room", "/var/lib/emaudit/drills/1.log"
	})
	var b bytes.Buffer
	got := text(states.Rollback(r, output(&b)), output(&b), &b)
	for _, want := range []string{"a drill failed on 2026-10-04", "emerge =app-misc/foo-1.0", "no room", "/var/lib/emaudit/drills/1.log"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	undrilled := aPlan(rollback.Ready, "true")
	for _, test := range []struct {
		all   []*rollback.Rollback
		shown bool
	}{{[]*rollback.Rollback{undrilled, r}, true}, {[]*rollback.Rollback{undrilled}, false}} {
		var b bytes.Buffer
		if got := text(states.Rollbacks(test.all, output(&b)), output(&b), &b); strings.Contains(got, "DRILL") != test.shown || strings.Contains(got, "failed 2026-10-04") != test.shown {
			t.Errorf("the column is shown: want %v\n%s", test.shown, got)
		}
	}
	b.Reset()
	o := output(&b)
	o.Format = "csv"
	if got := text(states.Rollbacks([]*rollback.Rollback{undrilled, r}, o), o, &b); !strings.Contains(got, ",failed,1791138000,true") || !strings.Contains(got, ",,,") {
		t.Errorf("%s", got)
	}
}

// TestADrillListsTheFirstOfEachKind holds that a failed drill, which misses many
// packages, does not hide the differences of other kinds.
func TestADrillListsTheFirstOfEachKind(t *testing.T) {
	t.Parallel()
	r := aPlan(rollback.Ready, "true")
	r.Proof = proof(func(p *rollback.Proof) {
		p.Verdict = rollback.DrillFailed
		for i := range 17 {
			p.Differences = append(p.Differences, rollback.DrillDifference{Kind: "build-missing", Subject: fmt.Sprintf("a/b-%d", i)})
		}
		for i := range 6 {
			p.Differences = append(p.Differences, rollback.DrillDifference{Kind: "file-missing", Subject: fmt.Sprintf("/x/%d", i)})
		}
	})
	var drills states.Drills
	drills.Add(r, "")
	var b bytes.Buffer
	o := output(&b)
	if err := o.Write(drills.Answer(o)); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if n := strings.Count(text, "build-missing"); n != 6 || !strings.Contains(text, "build-missing  and 12 more") || strings.Contains(text, "a/b-5 ") {
		t.Errorf("build-missing %d times:\n%s", n, text)
	}
	if n := strings.Count(text, "file-missing"); n != 6 || !strings.Contains(text, "/x/5") {
		t.Errorf("file-missing %d times:\n%s", n, text)
	}
}
