// Package hostfacts makes up the facts of a host of any size, with names and texts
// that attack a terminal and a page.
package hostfacts

import (
	"fmt"

	"emaudit/audit"
	"emaudit/audit/acceptance"
	"emaudit/audit/aftermath"
	"emaudit/audit/binpkgs"
	"emaudit/audit/history"
	"emaudit/audit/overview"
	"emaudit/audit/rollback"
	"emaudit/audit/state"
	"emaudit/report/table"
)

// Hostile are texts that a package or a log may hold and that a page must show
// as they are.
var Hostile = []string{
	`<script>window.owned=1</script>`,
	`"><img src=x onerror=window.owned=1>`,
	`</title></style></script><script>window.owned=1</script>`,
	`javascript:window.owned=1`,
	`{{.Host}} ${x} <!-- -->`,
	"\x1b[31mred\x07 \u202egnp.exe",
	`]]> &lt;b&gt; | ` + "`code`" + ` [link](javascript:1)`,
}

// Large makes the facts of a host with n packages, ten years of history,
// and hostile names in every place where a name can stand.
func Large(n int) overview.HostFacts {
	unix := func(i int64) *int64 { return &i }
	facts := overview.HostFacts{
		Version: "1.0", Overview: &overview.Overview{Installed: n}, Coverage: &binpkgs.Coverage{Commands: []audit.Command{audit.Script(Hostile[0])}},
		Storage: &overview.Storage{}, Importance: binpkgs.Importance{}, Doctor: &overview.Doctor{Checks: 3, Passed: 1},
		Failures: &aftermath.Failures{}, Messages: &aftermath.Messages{}, Runs: []*history.Run{},
	}
	const first = 1451606400 // 2016
	verdicts := []binpkgs.CoverageVerdict{binpkgs.CoverageExact, binpkgs.CoverageExact, binpkgs.CoverageSameBuild, binpkgs.CoverageSameVersion, binpkgs.CoverageNone}
	for i := range n {
		cp := fmt.Sprintf("cat-%d/package_%04d", i%40, i)
		if i < len(Hostile) {
			cp = "app-misc/" + Hostile[i]
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
		run := &history.Run{ID: int64(i + 1), StartedAt: at, Seconds: unix(int64(i % 9000)), Args: "--update @world", Outcome: []string{"ok", "failed", "killed", "declined"}[i%4]}
		for j := range 8 {
			name := facts.Coverage.Rows[(i*8+j)%n].CPV
			run.Merges = append(run.Merges, history.MergeEvent{CPV: name, Kind: "source", Outcome: "merged", StartedAt: unix(at), EndedAt: unix(at + 60), Seconds: unix(int64(60 + i%50))})
		}
		if i < len(Hostile) {
			run.Args = Hostile[i]
		}
		facts.Runs = append(facts.Runs, run)
	}
	facts.Runs[4999].Args = Hostile[1]
	for i := range 120 {
		facts.Months = append(facts.Months, history.Interval{Name: fmt.Sprintf("month %d", i), Begin: int64(first + i*30*86400), Runs: 40, Succeeded: 30, Failed: i % 3, Source: 300, Binary: 30, Removed: 20, BuildSeconds: int64(i * 3600)})
	}
	for i := range 53 { // one failure among many successes
		facts.Weeks = append(facts.Weeks, history.Interval{Name: fmt.Sprintf("week %d", i), Begin: int64(first + i*7*86400), Runs: 400 + i/52, Succeeded: 390, Syncs: 7, Failed: i / 52})
	}
	for _, h := range Hostile {
		finding := audit.Finding{Code: "binpkg-damaged", Severity: audit.SeverityError, Subject: h, Message: h, Remedy: audit.Advise(h), Evidence: []audit.Evidence{{Source: h, Offset: 7}}}
		facts.Findings = append(facts.Findings, finding)
		facts.Doctor.Findings = append(facts.Doctor.Findings, finding)
		facts.Doctor.Settings = append(facts.Doctor.Settings, overview.SettingRow{Name: h, Value: h, Source: h})
		facts.Failures.Rows = append(facts.Failures.Rows, aftermath.Failure{CPV: h, At: first, Phase: h, Line: h, Resolution: "open"})
		facts.Messages.Rows = append(facts.Messages.Rows, aftermath.Message{CPV: h, At: first, Class: "error", Lines: []string{h, h}, Unread: true})
	}
	facts.Messages.Unread = len(Hostile)
	facts.Integrity = &binpkgs.Integrity{Findings: facts.Findings}
	facts.Integrity.Put(table.All([]binpkgs.IntegrityRow{{Path: Hostile[0], Integrity: "damaged"}, {Integrity: "unchecked"}}))
	for i := range 20 {
		h := Hostile[i%len(Hostile)]
		r := &rollback.Rollback{Verdict: rollback.ReadyWithWarnings, Target: state.Target{Run: unix(int64(i)), Time: first, Known: true, Args: h}, Findings: facts.Findings}
		r.Changes = []rollback.Change{{Change: state.Change{Action: state.ActionDowngrade, From: &h, To: &h}, Instance: &binpkgs.InstanceRef{Path: h}, Integrity: "whole", Usable: acceptance.UsableUnknown}}
		r.Gaps = []rollback.Gap{{CPV: h, Cause: rollback.Cause(h), Detail: h, Remedy: audit.Advise(h)}}
		r.Steps = []rollback.Step{{Title: h, Commands: []audit.Command{audit.Script(h), audit.Script(h)}}}
		facts.Rollbacks = append(facts.Rollbacks, r)
	}
	return facts
}
