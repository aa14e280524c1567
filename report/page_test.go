package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/report"
	"emaudit/report/reporttest"
)

// hostile are texts that a package or a log may hold and that a page must show
// as they are.
var hostile = []string{
	`<script>window.owned=1</script>`,
	`"><img src=x onerror=window.owned=1>`,
	`</title></style></script><script>window.owned=1</script>`,
	`javascript:window.owned=1`,
	`{{.Host}} ${x} <!-- -->`,
	"\x1b[31mred\x07 \u202egnp.exe",
	`]]> &lt;b&gt; | ` + "`code`" + ` [link](javascript:1)`,
}

// largePage makes the facts of a host with n packages, ten years of history,
// and hostile names in every place where a name can stand.
func largePage(n int) report.PageFacts {
	unix := func(i int64) *int64 { return &i }
	facts := report.PageFacts{
		Version: "1.0", Overview: &overview.Overview{Installed: n}, Coverage: &binpkgs.Coverage{Commands: []audit.Command{audit.Script(hostile[0])}},
		Storage: &overview.Storage{}, Importance: binpkgs.Importance{}, Doctor: &overview.Doctor{Checks: 3, Passed: 1},
		Failures: &aftermath.Failures{}, Messages: &aftermath.Messages{}, Runs: []*history.Run{},
	}
	const first = 1451606400 // 2016
	verdicts := []binpkgs.CoverageVerdict{binpkgs.CoverageExact, binpkgs.CoverageExact, binpkgs.CoverageSameBuild, binpkgs.CoverageSameVersion, binpkgs.CoverageNone}
	for i := range n {
		cp := fmt.Sprintf("cat-%d/package_%04d", i%40, i)
		if i < len(hostile) {
			cp = "app-misc/" + hostile[i]
		}
		cpv := cp + "-1.2.3"
		row := binpkgs.CoverageRow{CPV: cpv, Slot: "0", Repo: "gentoo", BuildTime: unix(first + int64(i)*1000), Verdict: verdicts[i%len(verdicts)], Size: int64(i) * 10000}
		stored := overview.StoredPackage{CP: cp, Files: 3, Bytes: int64(3 * i * 1000), Needed: int64(i * 1000)}
		for build := range int64(3) {
			stored.Binpkgs = append(stored.Binpkgs, overview.StoredBinpkg{
				CPV: cpv, PkgDir: "/var/cache/binpkgs", Path: fmt.Sprintf("%s/%s-%d.gpkg.tar", cp, "package-1.2.3", build+1),
				BuildTime: unix(first + build*1e6), Size: int64(i * 1000), Integrity: "whole", WrittenAt: first + build*1e6,
			})
		}
		if row.Verdict != binpkgs.CoverageNone {
			row.Instance = &binpkgs.InstanceRef{PkgDir: "/var/cache/binpkgs", Path: stored.Binpkgs[2].Path, Size: stored.Binpkgs[2].Size, Format: "gpkg"}
		}
		facts.Coverage.Rows = append(facts.Coverage.Rows, row)
		facts.Importance[cpv] = i % 30
		facts.Storage.Packages = append(facts.Storage.Packages, stored)
		facts.Storage.Points = append(facts.Storage.Points, overview.StoragePoint{At: first + int64(i)*100000, Files: i, Bytes: int64(i) << 20})
	}
	for i := range 5000 {
		at := int64(first + i*60000)
		run := &history.Run{ID: int64(i + 1), StartedAt: at, Seconds: unix(int64(i % 9000)), Args: "--update @world", Outcome: []string{"success", "failure", "killed", "declined"}[i%4]}
		for j := range 8 {
			name := facts.Coverage.Rows[(i*8+j)%n].CPV
			run.Merges = append(run.Merges, history.MergeEvent{CPV: name, Kind: "source", Outcome: "merged", StartedAt: unix(at), FinishedAt: unix(at + 60), Seconds: unix(int64(60 + i%50))})
		}
		if i < len(hostile) {
			run.Args = hostile[i]
		}
		facts.Runs = append(facts.Runs, run)
	}
	facts.Runs[4999].Args = hostile[1]
	for _, h := range hostile {
		finding := audit.Finding{Code: "binpkg-damaged", Severity: audit.SeverityError, Subject: h, Message: h, Remedy: audit.Advise(h), Evidence: []audit.Evidence{{Source: h, Offset: 7}}}
		facts.Findings = append(facts.Findings, finding)
		facts.Doctor.Findings = append(facts.Doctor.Findings, finding)
		facts.Doctor.Settings = append(facts.Doctor.Settings, overview.SettingRow{Name: h, Value: h, Source: h})
		facts.Failures.Rows = append(facts.Failures.Rows, aftermath.Failure{CPV: h, At: first, Phase: h, Line: h, Resolution: "open"})
		facts.Messages.Rows = append(facts.Messages.Rows, aftermath.Message{CPV: h, At: first, Class: "error", Lines: []string{h, h}, Unread: true})
	}
	facts.Messages.Unread = len(hostile)
	facts.Integrity = &binpkgs.Integrity{Rows: []binpkgs.IntegrityRow{{Path: hostile[0], Integrity: "damaged"}, {Integrity: "unchecked"}}, Findings: facts.Findings}
	for i := range 20 {
		h := hostile[i%len(hostile)]
		r := &rollback.Rollback{Verdict: rollback.ReadyWithWarnings, Target: state.Target{Run: unix(int64(i)), Time: first, Known: true, Args: h}, Findings: facts.Findings}
		r.Changes = []rollback.RollbackChange{{Change: state.Change{Action: state.ActionDowngrade, From: &h, To: &h}, Instance: &binpkgs.InstanceRef{Path: h}, Integrity: "whole", Usable: acceptance.UsableUnknown}}
		r.Gaps = []rollback.Gap{{CPV: h, Cause: h, Detail: h, Remedy: audit.Advise(h)}}
		r.Steps = []rollback.Step{{Title: h, Commands: []audit.Command{audit.Script(h), audit.Script(h)}}}
		facts.Rollbacks = append(facts.Rollbacks, r)
	}
	return facts
}

func pageOutput(w *bytes.Buffer, format string) report.Output {
	return report.Output{W: w, Format: format, Envelope: report.Envelope{Command: "report", Host: hostile[0], Root: "/", GeneratedAt: 1791138000}}
}

func renderPage(tb testing.TB, facts report.PageFacts) string {
	tb.Helper()
	var page bytes.Buffer
	if err := report.Page(facts, pageOutput(&page, "table")); err != nil {
		tb.Fatal(err)
	}
	return page.String()
}

func TestAPageOfManyPackagesIsUnderFiveMegabytes(t *testing.T) {
	t.Parallel()
	size := len(renderPage(t, largePage(2000)))
	t.Logf("2,000 packages: %d bytes", size)
	if size > 5_000_000 {
		t.Errorf("the page of 2,000 packages has %d bytes, want at most 5,000,000", size)
	}
}

func TestHostileNamesAppearAsText(t *testing.T) {
	t.Parallel()
	page := renderPage(t, largePage(50))
	for tag, want := range map[string]int{"<script": 1, "</script": 1, "<style": 1, "<title>": -1, "<img": 0, "onerror=window.owned=1>": 0, `href="javascript`: 0, "<iframe": 0, "<link": 1, "<meta": 5} {
		if got := strings.Count(page, tag); want >= 0 && got != want {
			t.Errorf("the page has %q %d times, want %d", tag, got, want)
		}
	}
	for _, r := range page {
		if r != '\n' && r != '\t' && (r < ' ' || r == 0x7f || r == '\u202e') {
			t.Fatalf("the page holds %U as it is", r)
		}
	}
	if !strings.Contains(page, "&lt;script&gt;window.owned=1&lt;/script&gt;") {
		t.Error("the page does not show the hostile name")
	}
}

// TestAPageLoadsNothing holds the promise that a page is one file: nothing in
// it names another one, except as a link that a reader may follow.
func TestAPageLoadsNothing(t *testing.T) {
	t.Parallel()
	page := renderPage(t, largePage(50))
	for _, no := range []string{"http://", "https://", "@import", "src=\"", "url(", "style=\"", "onclick"} {
		for rest := page; ; {
			i := strings.Index(rest, no)
			if i < 0 {
				break
			}
			// The namespace of the icon is a name, not an address.
			if context := rest[max(i-10, 0):min(i+40, len(rest))]; !strings.Contains(context, "www.w3.org/2000/svg") {
				t.Errorf("the page holds %q: %s", no, context)
			}
			rest = rest[i+len(no):]
		}
	}
}

// TestWhatWasNotAskedIsUnknown renders a page of nothing: every section must
// say that its answer is not known, and none that all is well.
func TestWhatWasNotAskedIsUnknown(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := report.PageMarkdown(report.PageFacts{}, pageOutput(&page, "markdown")); err != nil {
		t.Fatal(err)
	}
	sections := strings.Count(page.String(), "\n## ")
	if unknown := strings.Count(page.String(), ": unknown\n"); sections == 0 || unknown != sections {
		t.Errorf("%d sections, of which %d say unknown:\n%s", sections, unknown, page.String())
	}
	for _, good := range []string{"READY", "Every installed package could"} {
		if strings.Contains(page.String(), good) {
			t.Errorf("a page of nothing says %q", good)
		}
	}
}

func TestMarkdownHoldsNoMarkupOfOthers(t *testing.T) {
	t.Parallel()
	var page bytes.Buffer
	if err := report.PageMarkdown(largePage(50), pageOutput(&page, "markdown")); err != nil {
		t.Fatal(err)
	}
	inCode := false
	for line := range strings.Lines(page.String()) {
		if strings.HasPrefix(line, "```") {
			inCode = !inCode
			continue
		}
		if inCode {
			continue
		}
		for i, part := range strings.Split(line, "`") {
			if i%2 == 0 && strings.Contains(part, "<") {
				t.Errorf("markup outside of code: %s", line)
			}
		}
	}
}

func TestThePageAsJSONKeepsThePromisesOfJSON(t *testing.T) {
	t.Parallel()
	var document bytes.Buffer
	if err := report.PageJSON(largePage(50), pageOutput(&document, "json")); err != nil {
		t.Fatal(err)
	}
	reporttest.JSON(t, document.Bytes())
	var answer struct {
		Verdicts []struct{ Question, Answer string }
	}
	if err := json.Unmarshal(document.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Verdicts) == 0 || answer.Verdicts[0].Question != "rollback" {
		t.Errorf("verdicts: %+v", answer.Verdicts)
	}
}

func BenchmarkPage(b *testing.B) {
	facts := largePage(2000)
	b.ReportAllocs()
	for b.Loop() {
		renderPage(b, facts)
	}
}
