package page_test

import (
	"strings"
	"testing"

	"emaudit/internal/hostfacts"

	"github.com/google/go-cmp/cmp"
)

// TestThePageWorksWithTheKeyboard reaches the filter and the head of a column
// with Tab alone, sorts with Enter, and filters by typing.
func TestThePageWorksWithTheKeyboard(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a browser")
	}
	t.Parallel()
	written := renderPage(t, hostfacts.Large(600))
	d := startDevtools(t)
	d.open(written)

	// The first thing that Tab reaches skips what stands before the report.
	d.press("Tab", "", 9)
	var focus string
	d.ask(`document.activeElement.className`, &focus)
	if focus != "skip" {
		t.Errorf("Tab reaches %q first, want the link that skips to the report", focus)
	}
	tab := func(selector string) {
		t.Helper()
		for range 400 {
			var there bool
			if d.ask(`document.activeElement.matches(`+"`"+selector+"`"+`)`, &there); there {
				return
			}
			d.press("Tab", "", 9)
		}
		t.Fatalf("Tab does not reach %s", selector)
	}
	tab("#coverage-packages input[type=search]")
	for _, c := range "0042" {
		d.press(string(c), string(c), int(c))
	}
	shown := `[...document.querySelectorAll("#coverage-packages tbody tr")].filter(row => row.checkVisibility()).length`
	var rows int
	if d.ask(shown, &rows); rows != 1 {
		t.Errorf("after typing 0042 %d rows are shown, want 1", rows)
	}
	for range 4 {
		d.press("Backspace", "", 8)
	}
	if d.ask(shown, &rows); rows != 25 {
		t.Errorf("without a filter %d rows are shown, want 25", rows)
	}
	tab("#coverage-packages th:nth-last-child(2) button")
	var outlined string
	if d.ask(`getComputedStyle(document.activeElement).outlineStyle`, &outlined); outlined == "none" {
		t.Error("nothing shows where the focus is")
	}
	d.press("Enter", "\r", 13)
	var sorted []string
	d.ask(`[document.querySelector("#coverage-packages th:nth-last-child(2)").getAttribute("aria-sort"), document.querySelector("#coverage-packages tbody tr td:nth-last-child(2)").dataset.s]`, &sorted)
	if diff := cmp.Diff([]string{"descending", "5990000"}, sorted); diff != "" {
		t.Errorf("Enter on the head of a column (-want +got):\n%s", diff)
	}
	tab(".unfold")
	if len(d.console) > 0 {
		t.Errorf("the console says:\n%s", strings.Join(d.console, "\n"))
	}
	if len(d.requests) != 1 {
		t.Errorf("the page asked for more than itself: %q", d.requests)
	}
}

// TestThePageIsWholeWithoutAScript shows every row of every table that is open,
// and no control that would do nothing.
func TestThePageIsWholeWithoutAScript(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a browser")
	}
	t.Parallel()
	written := renderPage(t, hostfacts.Large(600))
	d := startDevtools(t)
	d.call("Emulation.setScriptExecutionDisabled", map[string]any{"value": true}, nil)
	d.open(written)
	var got struct{ Rows, Shown, Controls, HiddenPackages int }
	d.ask(`(() => {
		const rows = [...document.querySelectorAll("#coverage-packages tbody tr")];
		return {
			Rows: rows.length, Shown: rows.filter(row => row.checkVisibility()).length,
			Controls: document.querySelectorAll("button, input, select").length,
			HiddenPackages: [...document.querySelectorAll(".package h3")].filter(h => !h.checkVisibility()).length,
		};
	})()`, &got)
	want := got
	want.Rows, want.Shown, want.Controls, want.HiddenPackages = 600, 600, 0, 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without a script (-want +got):\n%s", diff)
	}
}

// TestThePagePrints leaves out what only a screen has, and colours the charts.
func TestThePagePrints(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a browser")
	}
	t.Parallel()
	d := startDevtools(t)
	d.open(renderPage(t, hostfacts.Large(600)))
	d.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	var shown []string
	d.ask(`["nav", "h1", ".verdicts", ".filter", ".chart svg", "#coverage-packages", ".package", ".printed"].filter(s => document.querySelector(s).checkVisibility())`, &shown)
	if diff := cmp.Diff([]string{"h1", ".verdicts", ".chart svg", "#coverage-packages", ".printed"}, shown); diff != "" {
		t.Errorf("shown in print (-want +got):\n%s", diff)
	}
	var pdf struct {
		Data string `json:"data"`
	}
	d.call("Page.printToPDF", map[string]any{"printBackground": false}, &pdf)
	if !strings.HasPrefix(pdf.Data, "JVBER") {
		t.Error("the browser made no PDF of the page")
	}
}

// BenchmarkPageInABrowser opens the page of 2,000 packages from a file: until
// something is seen, and until all of it is there and its script has run.
func BenchmarkPageInABrowser(b *testing.B) {
	if testing.Short() {
		b.Skip("-short: starts a browser")
	}
	written := renderPage(b, hostfacts.Large(2000))
	d := startDevtools(b)
	d.open(written) // the first page of a browser pays for its start
	var painted, loaded float64
	for b.Loop() {
		d.open(written)
		var times struct{ Painted, Loaded float64 }
		d.ask(`({Painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0, Loaded: performance.getEntriesByType("navigation")[0].loadEventEnd})`, &times)
		painted += times.Painted
		loaded += times.Loaded
	}
	b.ReportMetric(painted/float64(b.N), "ms-to-paint")
	b.ReportMetric(loaded/float64(b.N), "ms-to-load")
	b.ReportMetric(float64(len(written)), "bytes")
}
