package audit

import (
	"fmt"
	"path"

	"emaudit/store"
)

// sourceCodes are the finding codes for a source that is not there, with what
// its absence costs.
var sourceCodes = map[store.SourceKind]struct {
	code     string
	severity Severity
	cost     string
	remedy   string
}{
	store.SourceVDB:       {"vdb-missing", SeverityError, "nothing is known of what is installed", "give the right root with --root DIR, or the database with --vdb DIR"},
	store.SourcePkgDir:    {"pkgdir-missing", SeverityError, "there is no binary package at all", "enable FEATURES=buildpkg in make.conf, or name the folder with --pkgdir DIR"},
	store.SourceIndex:     {"index-missing", SeverityWarning, "Portage sees no binary package in it until it is indexed", "emaint --fix binhost"},
	store.SourceEmergeLog: {"emerge-log-missing", SeverityWarning, "there is no history: runs and earlier states are unknown", "look for a rotated log, or name the file with --emerge-log FILE"},
	store.SourceBuildLog:  {"output-unread", SeverityWarning, "why merges failed may not be known", "run emaudit as root, or as a member of the portage group"},
	store.SourceElog:      {"output-unread", SeverityWarning, "what packages said may not be known", "run emaudit as root, or as a member of the portage group"},
	store.SourceCapture:   {"output-unread", SeverityWarning, "what it shows is not known", "check the file's permissions"},
}

// sourceFindings reports sources of the given kinds that could not be read:
// an empty answer must never look like a clean one.
func sourceFindings(db Database, kinds ...store.SourceKind) ([]Finding, error) {
	var findings []Finding
	for _, kind := range kinds {
		sources, err := db.Tx.Sources(db.Host, kind)
		if err != nil {
			return nil, err
		}
		texts := sourceCodes[kind]
		for _, s := range sources {
			f := Finding{Code: texts.code, Severity: texts.severity, Subject: s.Path, Evidence: []Evidence{{Source: s.Path}}, Remedy: texts.remedy}
			switch s.Condition {
			case store.ConditionMissing:
				f.Message = "not there: " + texts.cost
			case store.ConditionUnreadable:
				f.Code, f.Severity = "source-unreadable", SeverityError
				f.Message = fmt.Sprintf("could not be read (%s): %s", s.Problem, texts.cost)
				f.Remedy = "run emaudit as root, or as a member of the portage group"
			default:
				continue
			}
			findings = append(findings, f)
		}
		diags, err := db.Tx.Diagnostics(db.Host, kind)
		if err != nil {
			return nil, err
		}
		for _, d := range diags {
			f := Finding{
				Code: d.Code, Severity: diagnosticSeverity(d.Code), Subject: path.Join(d.Source, d.Subject), Message: d.Message,
				Evidence: []Evidence{{Source: path.Join(d.Source, d.Subject), Offset: d.Offset}}, Remedy: diagnosticRemedies[d.Code],
			}
			findings = append(findings, f)
		}
	}
	return findings, nil
}

// diagnosticRemedies says what mends damage that has a remedy.
var diagnosticRemedies = map[string]string{
	"vdb-merge-leftover": "emaint merges --check",
}

// diagnosticSeverity is how bad damage of a source is: some of what it held is
// not known, which costs no rollback by itself.
func diagnosticSeverity(string) Severity { return SeverityWarning }

// AuditSources reports every source of the host that could not be read, and
// all damage that is known of the others.
func AuditSources(db Database) ([]Finding, error) {
	findings, err := sourceFindings(db, store.SourceVDB, store.SourcePkgDir, store.SourceIndex, store.SourceEmergeLog)
	SortFindings(findings)
	return findings, err
}
