package page_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"emaudit/internal/hostfacts"

	"github.com/google/go-cmp/cmp"
)

// pageCheck is put into a copy of the page, behind everything else, and writes
// down what a reader would find.
const pageCheck = `
addEventListener("load", () => setTimeout(() => {
	const result = {};
	const table = document.querySelector("#coverage-packages");
	const rows = () => [...table.tBodies[0].rows];
	const shown = () => rows().filter(row => getComputedStyle(row).display !== "none").length;
	const column = i => rows().map(row => row.cells[i].textContent);
	result.owned = window.owned === 1;
	result.rows = rows().length;
	result.folded = shown();
	const size = [...table.tHead.rows[0].cells].find(head => head.textContent === "Installed size"), at = size.cellIndex;
	size.querySelector("button").click();
	result.largestFirst = rows()[0].cells[at].dataset.s;
	result.sort = size.getAttribute("aria-sort");
	size.querySelector("button").click();
	result.smallestFirst = rows()[0].cells[at].dataset.s;
	table.tHead.rows[0].cells[0].querySelector("button").click();
	result.byName = column(0).every((name, i, all) => i === 0 || all[i-1] <= name);
	const input = table.closest(".scroll").parentElement.querySelector("#coverage input[type=search]");
	input.value = "PACKAGE_0042 ";
	input.dispatchEvent(new Event("input"));
	result.filtered = shown();
	result.status = table.querySelector("[role=status]").textContent;
	input.value = "";
	input.dispatchEvent(new Event("input"));
	result.unfiltered = shown();
	const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
	result.ids = new Set(ids).size === ids.length;
	result.deadLinks = [...document.querySelectorAll("a[href^='#']")].filter(a => !document.getElementById(decodeURIComponent(a.getAttribute("href").slice(1)))).map(a => a.getAttribute("href")).slice(0, 5);
	result.charts = document.querySelectorAll("figure.chart > svg[role]").length;
	result.undescribed = [...document.querySelectorAll("figure.chart")].filter(f => !f.querySelector("svg > title")?.textContent || !f.querySelector("svg > desc")?.textContent || !f.querySelector("details table tbody tr")).length;
	result.sideways = document.documentElement.scrollWidth > innerWidth;
	result.shownName = [...document.querySelectorAll("#packages h3")].some(h => h.textContent === "app-misc/<script>window.owned=1<" + "/script>");
	const pre = document.createElement("pre");
	pre.id = "page-check";
	pre.textContent = JSON.stringify(result);
	document.body.append(pre);
}, 0));`

// chromium returns the browser, or skips the test.
func chromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium on this machine: what a browser makes of the page is not tested")
	return ""
}

// browserProfile is the folder of a browser's own. Its children write there for
// a moment after it ended, so that what is left over is no failure.
func browserProfile(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "emaudit-browser-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for range 50 {
			if os.RemoveAll(dir) == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return dir
}

// browserLimit is when a browser is taken to hang: no measure of its speed.
const browserLimit = 5 * time.Minute

// browse opens a page as a site of its own and returns the document that came
// of it, what the console said, and every request but that for the page. All
// names lead to the test's server, so that no request can escape.
func browse(t *testing.T, written string, width int) (document string, console, requests []string) {
	t.Helper()
	var mutex sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "emaudit.test" && r.URL.Path == "/" {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, written)
			return
		}
		mutex.Lock()
		requests = append(requests, r.Method+" "+r.Host+r.URL.String())
		mutex.Unlock()
	}))
	defer server.Close()
	ctx, stop := context.WithTimeout(context.Background(), browserLimit)
	defer stop()
	cmd := exec.CommandContext(ctx, chromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
		"--disable-component-update", "--no-first-run", "--user-data-dir="+browserProfile(t), "--enable-logging=stderr",
		"--host-resolver-rules=MAP * "+strings.TrimPrefix(server.URL, "http://"), fmt.Sprintf("--window-size=%d,1000", width),
		"--virtual-time-budget=10000", "--dump-dom", "http://emaudit.test/")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v\n%s", err, stderr.String())
	}
	for line := range strings.Lines(stderr.String()) {
		if strings.Contains(line, "CONSOLE") {
			console = append(console, strings.TrimSpace(line))
		}
	}
	return string(out), console, requests
}

// withCheck puts pageCheck into the page, and its hash into the policy.
func withCheck(written string) string {
	sum := sha256.Sum256([]byte(pageCheck))
	written = strings.Replace(written, "script-src &#39;", "script-src &#39;sha256-"+html.EscapeString(base64.StdEncoding.EncodeToString(sum[:]))+"&#39; &#39;", 1)
	return strings.Replace(written, "</body>", "<script>"+pageCheck+"</script></body>", 1)
}

func TestThePageWorksInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a browser")
	}
	t.Parallel()
	written := withCheck(renderPage(t, hostfacts.Large(600)))
	for _, width := range []int{360, 1400} {
		document, console, requests := browse(t, written, width)
		if len(console) > 0 {
			t.Errorf("width %d: the console says:\n%s", width, strings.Join(console, "\n"))
		}
		requests = slices.DeleteFunc(requests, func(r string) bool { return !strings.Contains(r, "emaudit") && strings.Contains(r, "google") })
		if len(requests) > 0 {
			t.Errorf("width %d: the page asked for %q", width, requests)
		}
		match := regexp.MustCompile(`(?s)<pre id="page-check">(.*?)</pre>`).FindStringSubmatch(document)
		if match == nil {
			t.Fatalf("width %d: the check did not run", width)
		}
		type result struct {
			Owned, ByName, IDs, Sideways, ShownName                 bool
			Rows, Folded, Filtered, Unfiltered, Charts, Undescribed int
			LargestFirst, SmallestFirst, Sort, Status               string
			DeadLinks                                               []string
		}
		var got result
		if err := json.Unmarshal([]byte(html.UnescapeString(match[1])), &got); err != nil {
			t.Fatal(err)
		}
		want := result{
			ByName: true, IDs: true, ShownName: true, Rows: 600, Folded: 25, Filtered: 1, Unfiltered: 25, Charts: got.Charts,
			LargestFirst: "5990000", SmallestFirst: "0", Sort: "descending", Status: "1 of 600", DeadLinks: []string{},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
		if got.Charts < 5 {
			t.Errorf("width %d: the page has %d charts", width, got.Charts)
		}
	}
}

// TestThePolicyStopsWhatIsNotOfThePage proves that the check above could fail:
// a script that the policy does not name does not run.
func TestThePolicyStopsWhatIsNotOfThePage(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts a browser")
	}
	t.Parallel()
	written := strings.Replace(renderPage(t, hostfacts.Large(20)), "</body>", "<script>document.title='owned'</script><img src='/x.png' alt=''></body>", 1)
	document, console, requests := browse(t, written, 800)
	if strings.Contains(document, "<title>owned</title>") {
		t.Error("a foreign script ran")
	}
	if len(console) == 0 {
		t.Error("the browser said nothing of the foreign script")
	}
	for _, r := range requests {
		if strings.Contains(r, "x.png") {
			t.Errorf("the page asked for %s", r)
		}
	}
}
