package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"emaudit/audit"
	"emaudit/report"
	"emaudit/report/screen"
)

// TestWhatHurtsMostIsTheFirstStep gives findings in the order of their severity and
// wants them in that of their harm: each code once, gaps and housekeeping as one step
// each, and the folder that an interrupted merge leaves not beside that merge.
func TestWhatHurtsMostIsTheFirstStep(t *testing.T) {
	t.Parallel()
	finding := func(severity audit.Severity, code, subject string, at int64, remedy ...string) audit.Finding {
		f := audit.Finding{Code: code, Severity: severity, Subject: subject, Message: code, At: at}
		if len(remedy) > 0 {
			f.Remedy = audit.Do(audit.Run(remedy...))
		}
		return f
	}
	const failure, warning, info = audit.SeverityError, audit.SeverityWarning, audit.SeverityInfo
	update := []audit.Finding{
		finding(warning, "merge-cut", "a/cut-1", 0, "emerge", "--oneshot", "=a/cut-1"),
		finding(warning, "merge-failed", "a/old-1", 10, "less", "1"), finding(warning, "merge-failed", "a/new-1", 20, "less", "2"),
		finding(warning, "messages-unread", "a/loud-1", 0, "true"), finding(info, "messages-unread", "a/quiet-1", 0, "true"),
	}
	coverage := []audit.Finding{finding(warning, "binpkg-missing", "a/b-1", 0, "quickpkg", "1"), finding(warning, "binpkg-other-build", "a/c-1", 0, "quickpkg", "2"), finding(warning, "vdb-merge-leftover", "/var/db/pkg", 0)}
	integrity := []audit.Finding{
		finding(failure, "index-lists-missing", "/p/1", 0, "emaint", "--fix", "binhost"), finding(failure, "index-lists-missing", "/p/2", 0, "emaint", "--fix", "binhost"),
		finding(warning, "binpkg-empty", "/p/3", 0, "rm", "/p/3"),
	}
	back := []audit.Finding{finding(warning, "rollback-unverified", "a/d-1", 0), finding(info, "rollback-cost", "#1", 0, "quickpkg", "=a/d-2")}
	checks := []report.Check{
		{Line: screen.SummaryLine{Command: "emaudit audit update"}, Answer: report.Answer{Findings: update}},
		{Line: screen.SummaryLine{Command: "emaudit rollback"}, Answer: report.Answer{Findings: back}, Step: screen.Step{Text: "back", Command: "emaudit rollback --verify"}},
		{Line: screen.SummaryLine{Command: "emaudit audit coverage"}, Answer: report.Answer{Findings: coverage}},
		{Line: screen.SummaryLine{Command: "emaudit audit integrity"}, Answer: report.Answer{Findings: integrity}},
	}
	got := report.NextSteps(audit.MergeFindings(update, back, coverage, integrity), checks, audit.Place{Root: "/mnt"})
	want := []screen.Step{
		{Text: "a/cut-1: merge-cut", Command: `emerge --oneshot "=a/cut-1"`},
		{Text: "2 packages failed to merge: a/new-1 and 1 more", Command: "emaudit --root /mnt failures"},
		{Text: "rollback-cost", Command: `quickpkg "=a/d-2"`},
		{Text: "back", Command: "emaudit rollback --verify"},
		{Text: "a/loud-1: messages-unread", Command: "true"},
		{Text: "2 packages have no binary package of their build: a/b-1 and 1 more", Command: "emaudit --root /mnt audit coverage"},
		{Text: "Housekeeping: 2 in the index without a file, 1 empty", Command: "emaudit --root /mnt prune"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}
