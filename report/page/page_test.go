package page_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"emaudit/audit/binpkgs"
	"emaudit/audit/overview"

	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/internal/hostfacts"
	"emaudit/report"
	"emaudit/report/page"
	"emaudit/report/reporttest"
)

func pageOutput(w *bytes.Buffer, format string) report.Output {
	return report.Output{W: w, Format: format, Envelope: report.Envelope{Command: "report", Host: hostfacts.Hostile[0], Root: "/", GeneratedAt: 1791138000}}
}

func renderPage(tb testing.TB, facts overview.HostFacts) string {
	tb.Helper()
	var written bytes.Buffer
	if err := page.Page(facts, pageOutput(&written, "table")); err != nil {
		tb.Fatal(err)
	}
	return written.String()
}

func TestAPageOfManyPackagesIsUnderFiveMegabytes(t *testing.T) {
	t.Parallel()
	size := len(renderPage(t, hostfacts.Large(2000)))
	t.Logf("2,000 packages: %d bytes", size)
	if size > 5_000_000 {
		t.Errorf("the page of 2,000 packages has %d bytes, want at most 5,000,000", size)
	}
}

// TestAnInstalledPackageWithoutItsBuildIsNeverLeftOut: the table of coverage is cut
// among the covered packages only, and says how many it leaves out.
func TestAnInstalledPackageWithoutItsBuildIsNeverLeftOut(t *testing.T) {
	t.Parallel()
	for want, covered := range map[string]int{
		"600 of 2,000 installed packages":   1600,
		"1,900 of 2,000 installed packages": 100,
		"Every installed package":           0,
	} {
		facts := hostfacts.Large(2000)
		for i := range facts.Coverage.Rows {
			facts.Coverage.Rows[i].Verdict = binpkgs.CoverageUnknown
			if i < covered {
				facts.Coverage.Rows[i].Verdict = binpkgs.CoverageExact
			}
		}
		written := renderPage(t, facts)
		_, rows, _ := strings.Cut(written, `<table id="coverage-packages"`)
		rows, _, _ = strings.Cut(rows, "</table>")
		if got := strings.Count(rows, `data-s="5">unknown<`); !strings.Contains(rows, want) || got != 2000-covered {
			t.Errorf("%d of 2,000 are covered: %d rows of others, want %d under %q", covered, got, 2000-covered, want)
		}
		if left := strings.Contains(written, "more packages are covered by"); left != (covered > 0) {
			t.Errorf("%d of 2,000 are covered: says that rows are left out: %v", covered, left)
		}
	}
}

func TestHostileNamesAppearAsText(t *testing.T) {
	t.Parallel()
	written := renderPage(t, hostfacts.Large(50))
	for tag, want := range map[string]int{"<script": 1, "</script": 1, "<style": 1, "<title>": -1, "<img": 0, "onerror=window.owned=1>": 0, `href="javascript`: 0, "<iframe": 0, "<link": 1, "<meta": 5} {
		if got := strings.Count(written, tag); want >= 0 && got != want {
			t.Errorf("the page has %q %d times, want %d", tag, got, want)
		}
	}
	for _, r := range written {
		if r != '\n' && r != '\t' && (r < ' ' || r == 0x7f || r == '\u202e') {
			t.Fatalf("the page holds %U as it is", r)
		}
	}
	if !strings.Contains(written, "&lt;script&gt;window.owned=1&lt;/script&gt;") {
		t.Error("the page does not show the hostfacts.Hostile name")
	}
}

// TestNoTwoVerdictsAreDrawnAlike: a reader who sees no colours, or a printer without
// them, tells the verdicts that share a colour by their shape.
func TestNoTwoVerdictsAreDrawnAlike(t *testing.T) {
	t.Parallel()
	drawn := map[string]binpkgs.CoverageVerdict{}
	for _, v := range binpkgs.CoverageVerdicts {
		class := page.VerdictClasses[v]
		if other, twice := drawn[class]; twice || class == "" {
			t.Errorf("%s is drawn as %q, like %q", v, class, other)
		}
		drawn[class] = v
		for name := range strings.FieldsSeq(class) {
			if !strings.Contains(page.Style, "rect."+name) {
				t.Errorf("%s: the style sheet draws no rect.%s", v, name)
			}
		}
	}
}

// TestAPageLoadsNothing holds the promise that a page is one file: nothing in
// it names another one, except as a link that a reader may follow.
func TestAPageLoadsNothing(t *testing.T) {
	t.Parallel()
	written := renderPage(t, hostfacts.Large(50))
	for _, no := range []string{"http://", "https://", "@import", "src=\"", "url(", "style=\"", "onclick"} {
		for rest := written; ; {
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
	var written bytes.Buffer
	if err := page.PageMarkdown(overview.HostFacts{}, pageOutput(&written, "markdown")); err != nil {
		t.Fatal(err)
	}
	sections := strings.Count(written.String(), "\n## ")
	if unknown := strings.Count(written.String(), ": unknown\n"); sections == 0 || unknown != sections {
		t.Errorf("%d sections, of which %d say unknown:\n%s", sections, unknown, written.String())
	}
	for _, good := range []string{"READY", "Every installed package could"} {
		if strings.Contains(written.String(), good) {
			t.Errorf("a page of nothing says %q", good)
		}
	}
}

// TestThePageShowsTheLastDrill holds the column about drills: the words of the verdict,
// and that an old one counts no more.
func TestThePageShowsTheLastDrill(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		proof *rollback.Proof
		want  string
	}{
		{&rollback.Proof{Verdict: rollback.Proven, At: 1791138000, Holds: true, Files: make([]rollback.ProofFile, 2)}, "| proven on 2026-10-04 with 2 binary packages |\n"},
		{&rollback.Proof{Verdict: rollback.DrillFailed, At: 1791138000, Holds: true}, "| a drill failed on 2026-10-04 |\n"},
		{&rollback.Proof{Verdict: rollback.Proven, At: 1791138000, ChangedPackages: 3}, "| was proven on 2026-10-04; since then 3 packages changed |\n"},
	} {
		facts := hostfacts.Large(5)
		run := int64(7)
		facts.Rollbacks = []*rollback.Rollback{{Verdict: rollback.Ready, Target: state.Target{Run: &run, Known: true}, Proof: test.proof}}
		var written bytes.Buffer
		if err := page.PageMarkdown(facts, pageOutput(&written, "markdown")); err != nil {
			t.Fatal(err)
		}
		_, table, _ := strings.Cut(written.String(), "The way back before each update")
		if !strings.Contains(table, "| Drill |") || !strings.Contains(table, test.want) {
			t.Errorf("no %q in\n%.1500s", test.want, table)
		}
	}
}

func TestMarkdownHoldsNoMarkupOfOthers(t *testing.T) {
	t.Parallel()
	var written bytes.Buffer
	if err := page.PageMarkdown(hostfacts.Large(50), pageOutput(&written, "markdown")); err != nil {
		t.Fatal(err)
	}
	inCode := false
	for line := range strings.Lines(written.String()) {
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
	if err := page.PageJSON(hostfacts.Large(50), pageOutput(&document, "json")); err != nil {
		t.Fatal(err)
	}
	reporttest.JSON(t, document.Bytes())
	var answer struct {
		Verdicts []struct{ Question, Answer string }
	}
	if err := json.Unmarshal(document.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Verdicts) == 0 || answer.Verdicts[0].Question != "update" {
		t.Errorf("verdicts: %+v", answer.Verdicts)
	}
}

func BenchmarkPage(b *testing.B) {
	facts := hostfacts.Large(2000)
	b.ReportAllocs()
	for b.Loop() {
		renderPage(b, facts)
	}
}
