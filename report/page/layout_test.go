package page_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"emaudit/internal/hostfacts"

	"github.com/google/go-cmp/cmp"
)

// TestThePageFitsScreens looks at the page on screens of a telephone, a tablet and a
// desk: nothing is wider than the screen, the tiles fill their rows, and the one
// failure among 21,000 runs is seen.
func TestThePageFitsScreens(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a browser")
	}
	t.Parallel()
	written := renderPage(t, hostfacts.Large(60))
	d := startDevtools(t)
	type layout struct {
		Sideways   bool
		EmptyTiles int  // rows of tiles that do not reach the right edge
		Failures   int  // marks of failures
		Seen       bool // each of them is large enough
		Overlaps   int  // labels of a time axis that lie on the one before
	}
	for _, width := range []int{390, 800, 1400} {
		d.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
		d.open(written)
		var got layout
		d.ask(`(() => {
			const box = e => e.getBoundingClientRect(), all = s => [...document.querySelectorAll(s)];
			const grid = box(document.querySelector(".verdicts")), rows = {};
			for (const tile of all(".verdict")) rows[box(tile).top] = Math.max(rows[box(tile).top] ?? 0, box(tile).right);
			const failures = all("svg[aria-labelledby^=runs-weeks] rect.bad").map(box);
			let overlaps = 0;
			for (const chart of all("svg.plot")) {
				const labels = [...chart.querySelectorAll("text.x")].filter(e => e.checkVisibility()).map(box);
				overlaps += labels.filter((l, i) => i > 0 && l.left < labels[i-1].right).length;
			}
			return {
				Sideways: document.documentElement.scrollWidth > innerWidth,
				EmptyTiles: Object.values(rows).filter(right => right < grid.right - 2).length,
				Failures: failures.length, Seen: failures.every(f => f.width >= 3 && f.height >= 3),
				Overlaps: overlaps,
			};
		})()`, &got)
		if diff := cmp.Diff(layout{Failures: 1, Seen: true}, got); diff != "" {
			t.Errorf("at %d pixels (-want +got):\n%s", width, diff)
		}
	}
}

// TestPrintLosesNothing prints the page on A4: no table is wider than the paper, and no
// page ends with a heading.
func TestPrintLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a browser")
	}
	t.Parallel()
	d := startDevtools(t)
	// A4 without the margins, in CSS pixels.
	d.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": 688, "height": 1017, "deviceScaleFactor": 1, "mobile": false}, nil)
	d.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	d.open(renderPage(t, hostfacts.Large(60)))
	var wide []string
	d.ask(`[...document.querySelectorAll("table, pre, svg.plot")].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > 689).map(e => e.id || e.textContent.slice(0, 40))`, &wide)
	if len(wide) > 0 {
		t.Errorf("wider than the paper: %q", wide)
	}
	var headings []string
	d.ask(`[...document.querySelectorAll("h2, h3, caption, figcaption")].filter(e => e.checkVisibility()).map(e => e.textContent.trim())`, &headings)

	toText, err := exec.LookPath("pdftotext")
	if err != nil {
		t.Skip("no pdftotext on this machine: where the pages end is not tested")
	}
	var pdf struct {
		Data string `json:"data"`
	}
	d.call("Page.printToPDF", map[string]any{"printBackground": false, "paperWidth": 8.27, "paperHeight": 11.69}, &pdf)
	data, err := base64.StdEncoding.DecodeString(pdf.Data)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "report.pdf")
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(toText, "-layout", file, "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	pages := strings.Split(strings.TrimRight(string(text), "\f\n"), "\f")
	if len(pages) < 5 || len(headings) < 20 {
		t.Fatalf("%d pages with %d headings", len(pages), len(headings))
	}
	for i, page := range pages {
		lines := strings.Split(strings.TrimSpace(page), "\n")
		last := strings.TrimSpace(lines[len(lines)-1])
		for _, h := range headings {
			if last == h {
				t.Errorf("page %d ends with the heading %q", i+1, h)
			}
		}
	}
}
