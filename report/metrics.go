package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"emaudit/audit/overview"

	"emaudit/audit"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/audit/rollback"
	"emaudit/report/screen"
)

// HostMetrics are the answers about one host from which its metrics are made.
type HostMetrics struct {
	Host string
	// KnownUntil is the last ingest of the host, in unix seconds; 0 is not known.
	KnownUntil int64
	Facts      overview.HostFacts
}

// Metrics are the metrics of hosts. docs/metrics.md lists them. What is not known has
// no sample, so that an alert can tell "none" from "not known" with absent().
type Metrics struct {
	families map[string]*metricFamily
}

// metricFamilies are all metrics there are, in the order in which they are
// written. All are gauges: each is a state, not a count since a start.
var metricFamilies = []struct{ name, help string }{
	{"emaudit_info", "Always 1; the label says which emaudit wrote this."},
	{"emaudit_generated_timestamp_seconds", "When these metrics were written, unix seconds."},
	{"emaudit_known_until_timestamp_seconds", "The last ingest of the host, unix seconds: these metrics tell of it as it was then."},
	{"emaudit_installed_packages", "Installed packages."},
	{"emaudit_coverage_packages", "Installed packages by how near their best binary package comes: exact, same-build, same-version, lossy, remote, unknown, none."},
	{"emaudit_coverage_bytes", "Installed size of these packages."},
	{"emaudit_rollback_ready", "1 where the last update that changed what is installed can be undone, with or without warnings; 0 where it cannot."},
	{"emaudit_rollback_verdict", "1 for the verdict about undoing the last update, 0 for the others: ready, ready-with-warnings, not-ready."},
	{"emaudit_rollback_gaps", "Packages that lack a usable binary package for undoing the last update."},
	{"emaudit_rollback_proven_timestamp_seconds", "When a drill proved that the last update can be undone, unix seconds."},
	{"emaudit_rollback_drill_failed", "1 if the last drill of undoing the last update failed."},
	{"emaudit_rollback_unknowns", "Conditions of undoing the last update that could not be decided."},
	{"emaudit_binpkgs", "Binary packages by what is known of their bytes: whole, damaged, empty, unread, unchecked (read, with nothing to check against), unknown."},
	{"emaudit_pkgdir_bytes", "Size of the binary packages in a folder."},
	{"emaudit_pkgdir_files", "Number of binary packages in a folder."},
	{"emaudit_filesystem_free_bytes", "Free room on the file system of a folder that Portage writes to."},
	{"emaudit_last_run_timestamp_seconds", "When the last run of emerge began, unix seconds."},
	{"emaudit_last_run_outcome", "Always 1; the label is the outcome of the last run of emerge."},
	{"emaudit_last_sync_timestamp_seconds", "When a repository was last synchronised with success, unix seconds."},
	{"emaudit_failures_open", "Packages, by slot, whose merge failed and of which no later merge or removal is known."},
	{"emaudit_merges_interrupted", "Merges that were interrupted while they changed what is installed, and that were not repaired since."},
	{"emaudit_messages_unread", "Unread elog messages by class."},
	{"emaudit_doctor_checks", "Checks of Portage's settings."},
	{"emaudit_doctor_checks_passed", "Those of them that passed."},
	{"emaudit_findings", "Findings about coverage, integrity, failures and settings, by severity."},
}

// metricFamily is one metric with its samples.
type metricFamily struct{ samples []metricSample }

type metricSample struct{ labels, value string }

// add takes one sample; labels are names and values in turn.
func (m *Metrics) add(name, host string, value int64, labels ...string) {
	var b strings.Builder
	b.WriteString(`{host="` + labelValue(host) + `"`)
	for i := 0; i+1 < len(labels); i += 2 {
		b.WriteString("," + labels[i] + `="` + labelValue(labels[i+1]) + `"`)
	}
	b.WriteByte('}')
	if m.families == nil {
		m.families = map[string]*metricFamily{}
	}
	f := m.families[name]
	if f == nil {
		f = &metricFamily{}
		m.families[name] = f
	}
	f.samples = append(f.samples, metricSample{b.String(), strconv.FormatInt(value, 10)})
}

// labelValue escapes what the format asks for, after making it harmless.
func labelValue(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(screen.Clean(s))
}

// Add adds the samples of one host.
func (m *Metrics) Add(h HostMetrics, generatedAt int64) {
	f := h.Facts
	m.add("emaudit_info", h.Host, 1, "version", f.Version)
	m.add("emaudit_generated_timestamp_seconds", h.Host, generatedAt)
	if h.KnownUntil > 0 {
		m.add("emaudit_known_until_timestamp_seconds", h.Host, h.KnownUntil)
	}
	if c := f.Coverage; c != nil && len(c.Rows) > 0 {
		m.add("emaudit_installed_packages", h.Host, int64(len(c.Rows)))
		sizes := map[binpkgs.CoverageVerdict]int64{}
		for _, r := range c.Rows {
			sizes[r.Verdict] += r.Size
		}
		for _, v := range binpkgs.CoverageVerdicts {
			m.add("emaudit_coverage_packages", h.Host, int64(c.Count(v)), "verdict", string(v))
			m.add("emaudit_coverage_bytes", h.Host, sizes[v], "verdict", string(v))
		}
	}
	m.rollback(h)
	if i := f.Integrity; i != nil {
		for _, integrity := range binpkgs.Integrities {
			m.add("emaudit_binpkgs", h.Host, int64(i.Count(integrity)), "integrity", string(integrity))
		}
	}
	if s := f.Overview; s != nil {
		for _, d := range s.PkgDirs {
			m.add("emaudit_pkgdir_bytes", h.Host, d.Bytes, "path", d.Path)
			m.add("emaudit_pkgdir_files", h.Host, int64(d.Binpkgs), "path", d.Path)
		}
	}
	m.history(h)
	if d := f.Doctor; d != nil {
		for _, p := range d.Space {
			m.add("emaudit_filesystem_free_bytes", h.Host, p.Free, "path", p.Path, "for", p.Role)
		}
		m.add("emaudit_doctor_checks", h.Host, int64(d.Checks))
		m.add("emaudit_doctor_checks_passed", h.Host, int64(d.Passed))
	}
	m.findings(h)
}

// rollback adds what is known of undoing the last update. One that brings back only a
// part is not ready; a state that is not known says nothing of gaps.
func (m *Metrics) rollback(h HostMetrics) {
	if len(h.Facts.Rollbacks) == 0 {
		return
	}
	last := h.Facts.Rollbacks[0]
	ready := int64(1)
	if last.Verdict == rollback.NotReady || last.Verdict == rollback.Partial {
		ready = 0
	}
	m.add("emaudit_rollback_ready", h.Host, ready)
	for _, v := range []rollback.Readiness{rollback.Ready, rollback.ReadyWithWarnings, rollback.Partial, rollback.NotReady} {
		is := int64(0)
		if last.Verdict == v {
			is = 1
		}
		m.add("emaudit_rollback_verdict", h.Host, is, "verdict", string(v))
	}
	if p := last.Proof; p != nil && p.Holds {
		failed := int64(0)
		if p.Verdict == rollback.DrillFailed {
			failed = 1
		} else {
			m.add("emaudit_rollback_proven_timestamp_seconds", h.Host, p.At)
		}
		m.add("emaudit_rollback_drill_failed", h.Host, failed)
	}
	if last.Target.Known {
		m.add("emaudit_rollback_gaps", h.Host, int64(len(last.Gaps)))
		m.add("emaudit_rollback_unknowns", h.Host, int64(len(last.Unknowns)))
	}
}

// history adds what emerge.log and elog say.
func (m *Metrics) history(h HostMetrics) {
	f := h.Facts
	if n := len(f.Runs); n > 0 {
		m.add("emaudit_last_run_timestamp_seconds", h.Host, f.Runs[n-1].StartedAt)
		m.add("emaudit_last_run_outcome", h.Host, 1, "outcome", f.Runs[n-1].Outcome)
	}
	synced := map[string]int64{}
	for _, r := range f.Runs {
		for _, s := range r.Syncs {
			if s.Outcome == history.OutcomeOK && s.EndedAt != nil {
				synced[s.Repo] = max(synced[s.Repo], *s.EndedAt)
			}
		}
	}
	for _, repo := range sortedKeys(synced) {
		m.add("emaudit_last_sync_timestamp_seconds", h.Host, synced[repo], "repo", repo)
	}
	if f.Failures != nil {
		open, _ := f.Failures.Open()
		m.add("emaudit_failures_open", h.Host, int64(open))
		m.add("emaudit_merges_interrupted", h.Host, int64(len(f.Failures.Cut)))
	}
	if f.Messages != nil {
		unread := map[string]int64{}
		for _, row := range f.Messages.Rows {
			if row.Unread {
				unread[row.Class]++
			}
		}
		for _, class := range aftermath.MessageClasses {
			if class != aftermath.ClassInfo {
				m.add("emaudit_messages_unread", h.Host, unread[class], "class", class)
			}
		}
	}
}

// findings counts those of all answers.
func (m *Metrics) findings(h HostMetrics) {
	counts := map[audit.Severity]int64{}
	count := func(findings []audit.Finding) {
		for _, f := range findings {
			counts[f.Severity]++
		}
	}
	f := h.Facts
	if f.Coverage == nil || f.Integrity == nil || f.Failures == nil || f.Doctor == nil {
		return
	}
	count(f.Coverage.Findings)
	count(f.Integrity.Findings)
	count(f.Failures.Findings)
	count(f.Doctor.Findings)
	for _, s := range []audit.Severity{audit.SeverityError, audit.SeverityWarning, audit.SeverityInfo} {
		m.add("emaudit_findings", h.Host, counts[s], "severity", string(s))
	}
}

// write writes the families that have samples.
// Write writes the metrics in the text format of Prometheus (exposition format 0.0.4),
// for the textfile collector of the node exporter.
func (m *Metrics) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, f := range metricFamilies {
		family := m.families[f.name]
		if family == nil {
			continue
		}
		fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s gauge\n", f.name, f.help, f.name)
		for _, s := range family.samples {
			fmt.Fprintf(out, "%s%s %s\n", f.name, s.labels, s.value)
		}
	}
	return out.Flush()
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
