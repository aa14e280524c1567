package aftermath

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/store"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// PostUpdate answers what the last update left to do.
type PostUpdate struct {
	// LastRun is the newest run that merged or removed something, null if emerge.log
	// has none.
	LastRun      *int64 `json:"last_run"`
	OpenFailures int    `json:"open_failures"`
	// Unread counts the unread messages of all packages, as [Messages] does.
	Unread          int `json:"unread"`
	RuntimeNotices  int `json:"runtime_notices"` // of installed builds
	ConfigUpdates   int `json:"config_updates"`
	PreservedLibs   int `json:"preserved_libs"`
	BetweenVersions int `json:"between_versions"` // interrupted merges
	// Lost is why something may be left that is not known of, "" if nothing is.
	Lost     string          `json:"-"`
	Findings []audit.Finding `json:"-"`
}

// AuditPostUpdate finds what an update left behind: failed merges without a retry,
// unread messages, builds with QA notices that mean they are broken at run time,
// configuration updates, preserved libraries, and a merge that was interrupted while
// it changed what is installed.
func AuditPostUpdate(db audit.Database) (*PostUpdate, error) {
	p := &PostUpdate{}
	failures, err := AuditFailures(db, 0)
	if err != nil {
		return nil, err
	}
	p.BetweenVersions = len(failures.Cut)
	p.OpenFailures = len(failures.Findings) - len(failures.Cut)
	p.Findings = append(p.Findings, failures.Findings...)
	switch source := &failures.Source; {
	case source.Log.Lost(db.Now) != "":
		p.Lost = source.Log.Lost(db.Now)
	case source.ElogLost != "":
		p.Lost = source.ElogLost
	case !source.Elog:
		p.Lost = "messages are not saved"
	}
	for _, step := range []func(audit.Database) error{p.findLastRun, p.unreadOfLastRun, p.runtimeNotices, p.leftovers} {
		if err := step(db); err != nil {
			return nil, err
		}
	}
	shared, err := SharedSlots(db)
	if err != nil {
		return nil, err
	}
	p.BetweenVersions += len(shared)
	unread, err := audit.SourceFindings(db, store.SourceEmergeLog, store.SourceBuildLog, store.SourceElog, store.SourceCapture, store.SourceLeftovers)
	if err != nil {
		return nil, err
	}
	behind, err := audit.AuditClock(db)
	if err != nil {
		return nil, err
	}
	p.Findings = slices.Concat(p.Findings, shared, unread, behind)
	return p, db.Finish(p.Findings)
}

// findLastRun finds the newest run that merged or removed something.
func (p *PostUpdate) findLastRun(db audit.Database) error {
	last, err := logs.ReadEmergeLog(db.Tx, db.Host).LastChange()
	if last != 0 {
		p.LastRun = &last
	}
	return err
}

// unreadOfLastRun reports the unread warnings and errors of the last run, with one
// finding for each package.
func (p *PostUpdate) unreadOfLastRun(db audit.Database) error {
	if p.LastRun == nil {
		return nil
	}
	last := *p.LastRun
	var from int64
	err := logs.ReadEmergeLog(db.Tx, db.Host).RunsNumbered([]int64{last}, func(r *logs.Run) error {
		from = r.Started
		return nil
	})
	if err != nil {
		return err
	}
	messages, err := AuditMessages(db, MessageFilter{})
	if err != nil {
		return err
	}
	p.Unread = messages.Unread
	byPackage := map[string]*audit.Finding{}
	var order []*audit.Finding
	for i := range messages.Rows {
		m := &messages.Rows[i]
		if !m.Unread || m.Class != ClassError && m.Class != ClassWarn || m.At < from || m.Run == nil || *m.Run != last {
			continue
		}
		f := byPackage[m.CPV]
		if f == nil {
			f = &audit.Finding{Code: audit.CodeMessagesUnread, Severity: audit.SeverityInfo, Subject: m.CPV, Remedy: audit.Do(audit.Emaudit("messages"))}
			byPackage[m.CPV] = f
			order = append(order, f)
			f.Message = audit.FirstLine(m.Lines)
		}
		if m.Class == ClassError {
			f.Severity, f.Message = audit.SeverityWarning, audit.FirstLine(m.Lines)
		}
		f.Evidence = append(f.Evidence, audit.Evidence{Source: m.Source, Offset: m.Offset})
	}
	for _, f := range order {
		p.Findings = append(p.Findings, *f)
	}
	return nil
}

// noticeFindings are the QA notices that matter for an installed build, by class.
// The others concern only the build itself.
var noticeFindings = map[string]struct {
	code     string
	severity audit.Severity
}{
	"unresolved-soname":      {audit.CodeQAUnresolvedSoname, audit.SeverityWarning},
	"missing-soname-symlink": {audit.CodeQAMissingSonameSymlink, audit.SeverityWarning},
	"text-relocations":       {"qa-text-relocations", audit.SeverityWarning},
	"world-writable":         {"qa-world-writable", audit.SeverityWarning},
	"setid-world-writable":   {"qa-setid-world-writable", audit.SeverityWarning},
	"executable-owner":       {"qa-executable-owner", audit.SeverityWarning},
	"missing-ldscript":       {"qa-missing-ldscript", audit.SeverityWarning},
	"executable-stack":       {"qa-executable-stack", audit.SeverityInfo},
	"insecure-runpath":       {"qa-insecure-runpath", audit.SeverityInfo},
	"severe-warnings":        {"qa-severe-warnings", audit.SeverityInfo},
	"dangling-symlink":       {"qa-dangling-symlink", audit.SeverityInfo},
}

// runtimeNotices reports notices of the installed builds. The log of a build is the
// last one that began before the build ended.
func (p *PostUpdate) runtimeNotices(db audit.Database) error {
	notices, err := logs.QANotices(db.Tx, db.Host, logs.BuildLogQuery{})
	if err != nil || len(notices) == 0 {
		return err
	}
	builds, err := logs.SourceBuilds(db.Tx, db.Host)
	if err != nil {
		return err
	}
	installed, err := binpkgs.TakeInstalled(db)
	if err != nil {
		return err
	}
	ofInstalled := LogsOfBuilds(builds, installed)
	seen := map[string]bool{}
	for i := range notices {
		n := &notices[i]
		reported, known := noticeFindings[n.Class]
		if !known || !ofInstalled[n.File] || seen[n.CPV+n.Class+n.Title] {
			continue
		}
		seen[n.CPV+n.Class+n.Title] = true
		p.RuntimeNotices++
		f := audit.Finding{
			Code: reported.code, Severity: reported.severity, Subject: n.CPV, Message: strings.TrimRight(n.Title, ":."),
			Evidence: []audit.Evidence{{Source: n.Path, Offset: n.Offset}}, Remedy: audit.Do(audit.Files("less", n.Path)),
		}
		if len(n.Details) > 0 {
			f.Message += ": " + tellingDetail(n.Details)
			if more := len(n.Details) - 1; more > 0 {
				f.Message += fmt.Sprintf(" and %d more", more)
			}
		}
		p.Findings = append(p.Findings, f)
	}
	return nil
}

// tellingDetail returns the first detail of a notice that names a file, otherwise
// the first detail. Some notices begin with a request to report them.
func tellingDetail(details []string) string {
	if i := slices.IndexFunc(details, func(d string) bool { return strings.HasPrefix(d, "/") }); i >= 0 {
		return details[i]
	}
	return details[0]
}

// LogsOfBuilds finds the logs of the installed builds: for each, the newest log of
// its cpv whose directory was prepared before BUILD_TIME. The oldest build comes
// first.
func LogsOfBuilds(builds []logs.BuildLogStamp, installed []inventory.Installed) map[int64]bool {
	byCPV := map[string]int64{} // BUILD_TIME
	for i := range installed {
		byCPV[installed[i].CPV] = installed[i].BuildTime
	}
	newest := map[string]int64{}
	for _, b := range builds {
		if built := byCPV[b.CPV]; built != 0 && b.PreparedAt <= built+history.LinkSlack {
			newest[b.CPV] = b.File
		}
	}
	files := map[int64]bool{}
	for _, file := range newest {
		files[file] = true
	}
	return files
}

// leftovers reports configuration updates, with one finding for each folder, and
// preserved libraries, with one finding for each package.
func (p *PostUpdate) leftovers(db audit.Database) error {
	all, err := inventory.Leftovers(db.Tx, db.Host)
	if err != nil {
		return err
	}
	type group struct {
		subject string
		paths   []string
	}
	var configs, libs []*group
	add := func(groups []*group, subject, path string) []*group {
		if n := len(groups); n > 0 && groups[n-1].subject == subject {
			groups[n-1].paths = append(groups[n-1].paths, path)
			return groups
		}
		return append(groups, &group{subject, []string{path}})
	}
	slices.SortStableFunc(all, func(a, b inventory.Leftover) int { return strings.Compare(a.Detail, b.Detail) })
	for _, l := range all {
		if l.Role == inventory.LeftoverConfig {
			p.ConfigUpdates++
			configs = add(configs, path.Dir(l.Path), l.Path)
		} else {
			p.PreservedLibs++
			libs = add(libs, l.Detail, l.Path)
		}
	}
	from, err := configOrigins(db)
	if err != nil {
		return err
	}
	for _, g := range configs {
		f := audit.Finding{
			Code: "config-update-pending", Severity: audit.SeverityWarning, Subject: g.subject, Evidence: evidenceOf(g.paths), Remedy: audit.Do(audit.Run("dispatch-conf")),
			Message: fmt.Sprintf("%s for a person to merge", audit.Counted(len(g.paths), "configuration file waits", "configuration files wait")),
		}
		var packages []string
		for _, path := range g.paths {
			if cpv := from[path]; cpv != "" && !slices.Contains(packages, cpv) {
				packages = append(packages, cpv)
			}
		}
		if len(packages) > 0 {
			f.Message += ", of " + strings.Join(packages, ", ")
		}
		p.Findings = append(p.Findings, f)
	}
	for _, g := range libs {
		p.Findings = append(p.Findings, audit.Finding{
			Code: "preserved-libs", Severity: audit.SeverityWarning, Subject: g.subject, Evidence: evidenceOf(g.paths), Remedy: audit.Do(audit.Run("emerge", "@preserved-rebuild")),
			Message: fmt.Sprintf("%s kept from an older version: something installed still needs the old version", audit.Counted(len(g.paths), "library is", "libraries are")),
		})
	}
	return nil
}

// configOrigins returns the package that left each configuration update, as far as
// logs of emerge --verbose name it.
func configOrigins(db audit.Database) (map[string]string, error) {
	named, err := logs.OutputPaths(db.Tx, db.Host, logs.BuildLogQuery{})
	from := map[string]string{}
	for _, p := range named {
		if p.Role == logs.PathConfigUpdate {
			from[p.Path] = p.CPV
		}
	}
	return from, err
}

func evidenceOf(paths []string) []audit.Evidence {
	evidence := make([]audit.Evidence, len(paths))
	for i, p := range paths {
		evidence[i].Source = p
	}
	return evidence
}
