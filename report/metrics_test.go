package report_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"emaudit/audit/overview"
	"emaudit/audit/rollback"
	"emaudit/internal/hostfacts"
	"emaudit/report"
)

// sampleLine is a line of the text format: a name, labels whose values escape
// quotes, backslashes and line feeds, and a number.
var sampleLine = regexp.MustCompile(`^[a-z_]+\{[a-z_]+="(?:[^"\\\n]|\\[\\"n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\[\\"n])*")*\} -?[0-9]+$`)

func metricsOf(t *testing.T, hosts ...report.HostMetrics) string {
	t.Helper()
	var m report.Metrics
	for _, h := range hosts {
		m.Add(h, 1791138000)
	}
	var out bytes.Buffer
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestMetricsAreOfTheTextFormatWhateverNamesSay(t *testing.T) {
	t.Parallel()
	facts := hostfacts.Large(100)
	for _, h := range hostfacts.Hostile {
		facts.Overview.PkgDirs = append(facts.Overview.PkgDirs, overview.PkgDirSummary{Path: h + "\n\"\\"})
	}
	var hosts []report.HostMetrics
	for _, h := range hostfacts.Hostile {
		hosts = append(hosts, report.HostMetrics{Host: h, Facts: facts})
	}
	seen := map[string]bool{}
	family := ""
	for line := range strings.Lines(metricsOf(t, hosts...)) {
		line = strings.TrimSuffix(line, "\n")
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			family, _, _ = strings.Cut(rest, " ")
			if seen[family] {
				t.Errorf("%s is begun twice", family)
			}
			seen[family] = true
			continue
		}
		if strings.HasPrefix(line, "# HELP ") {
			continue
		}
		if !sampleLine.MatchString(line) || !strings.HasPrefix(line, family+"{") {
			t.Errorf("not a sample of %s: %s", family, line)
		}
	}
}

func TestWhatIsNotKnownHasNoMetric(t *testing.T) {
	t.Parallel()
	out := metricsOf(t, report.HostMetrics{Host: "new", Facts: overview.HostFacts{Version: "1"}})
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "emaudit_info") && !strings.Contains(line, "emaudit_generated_timestamp_seconds") {
			t.Errorf("of a host of which nothing is known: %s", line)
		}
	}
	unknown := overview.HostFacts{Rollbacks: []*rollback.Rollback{{Verdict: rollback.NotReady}}}
	out = metricsOf(t, report.HostMetrics{Host: "new", Facts: unknown})
	if strings.Contains(out, "emaudit_rollback_gaps") || !strings.Contains(out, `emaudit_rollback_ready{host="new"} 0`) {
		t.Errorf("a state that is not known is not ready, and its gaps are not 0:\n%s", out)
	}
}

// TestEveryMetricIsDocumented holds docs/metrics.md to the metrics that there
// are, in both directions.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(emaudit_[a-z_]+)").FindAllStringSubmatch(string(doc), -1) {
		documented[m[1]] = true
	}
	for _, m := range report.MetricNames() {
		if !documented[m[0]] {
			t.Errorf("docs/metrics.md does not have %s: %s", m[0], m[1])
		}
		delete(documented, m[0])
	}
	for name := range documented {
		t.Errorf("docs/metrics.md has %s, which is no metric", name)
	}
}
