package audit

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"emaudit/store"
	"emaudit/store/inventory"
	"emaudit/store/logs"
)

// sourceCodes are the finding codes for a missing source, with the consequence. A
// source without a code may be missing: Portage creates it when there is something
// to write.
var sourceCodes = map[store.SourceKind]struct {
	code     string
	severity Severity
	cost     string // the consequence of its absence
	unknown  string // what is unknown if it cannot be read, if that differs from cost
	remedy   Remedy
}{
	store.SourceVDB:       {CodeVDBMissing, SeverityError, "what is installed is not known", "", Advise("give the right root with --root DIR, or the database with --vdb DIR")},
	store.SourcePkgDir:    {CodePkgdirMissing, SeverityError, "there is no binary package at all", "which binary packages there are is not known", Do(AppendLine(`FEATURES="${FEATURES} buildpkg"`, "/etc/portage/make.conf")).When("name the folder with --pkgdir DIR, or have Portage make packages from now on")},
	store.SourceIndex:     {CodeIndexMissing, SeverityWarning, "Portage sees no binary package in it until it is indexed", "what Portage sees in it is not known", Do(FixIndex)},
	store.SourceEmergeLog: {CodeEmergeLogMissing, SeverityWarning, "there is no history: runs and earlier states are unknown", "runs and earlier states are not known", Do(Emaudit("--emerge-log", "FILE", "ingest")).When("look for a rotated log, and name it")},
	store.SourceBuildLog:  {"", SeverityWarning, "the causes of failed merges may not be known", "", Remedy{}},
	store.SourceElog:      {"", SeverityWarning, "messages of packages may not be known", "", Remedy{}},
}

// SourceFindings reports sources of the given kinds that could not be read. A missing
// answer must never look like a clean one.
func SourceFindings(db Database, kinds ...store.SourceKind) ([]Finding, error) {
	var findings []Finding
	for _, kind := range kinds {
		sources, err := db.Tx.Sources(db.Host, kind)
		if err != nil {
			return nil, err
		}
		texts, ok := sourceCodes[kind]
		if !ok {
			texts.cost = "what it holds is not known"
		}
		for _, s := range sources {
			if s.Condition == store.ConditionMissing && texts.code == "" {
				continue
			}
			f := Finding{Code: texts.code, Severity: texts.severity, Subject: s.Path, Evidence: []Evidence{{Source: s.Path}}, Remedy: texts.remedy}
			switch s.Condition {
			case store.ConditionMissing:
				f.Message = "not there: " + texts.cost
			case store.ConditionUnreadable:
				f.Code = CodeSourceUnreadable
				if kind != store.SourceBuildLog && kind != store.SourceElog {
					f.Severity = SeverityError
				}
				f.Message = fmt.Sprintf("could not be read (%s): %s", s.Problem, cmp.Or(texts.unknown, texts.cost))
				f.Remedy = unreadRemedy(s.Problem, s.Path)
				if strings.HasSuffix(s.Problem, inventory.UnmountedQuestion) {
					f.Code, f.Message = CodePkgdirUnmounted, s.Problem
				}
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
			if f.Remedy.IsZero() && strings.HasSuffix(d.Code, "-unread") {
				f.Remedy = unreadRemedy(d.Message, f.Subject)
			}
			findings = append(findings, f)
		}
	}
	return findings, nil
}

// diagnosticRemedies holds the remedies for damage that has one.
var diagnosticRemedies = map[string]Remedy{
	CodeVDBMergeLeftover:    Do(Run("emaint", "--check", "merges")),
	"preserved-libs-unread": Do(Run("emerge", "--pretend", "@preserved-rebuild")),
	CodeEmergeStopped:       Do(Run("emerge", "--info")).When("mend that line; whether Portage reads it is shown by"),
}

// unreadRemedy returns the remedy for a path that could not be read.
func unreadRemedy(problem, path string) Remedy {
	if strings.Contains(problem, "permission denied") {
		return RemedyPermissions
	}
	if strings.HasSuffix(problem, inventory.UnmountedQuestion) {
		// A path from the command line stays as it is.
		return Do(Emaudit("--pkgdir", path, "ingest")).When("mount it; only if its files are gone for good")
	}
	return Do(Files("ls", "-ld", path))
}

// RemedyPermissions is the remedy for a file that exists and cannot be read.
var RemedyPermissions = Advise("run emaudit as root, or as a member of the portage group")

// diagnosticSeverity returns the severity of damage in a source. A part of its
// content is unknown, which alone costs no rollback. Every system has folders in /etc
// that only root may list.
func diagnosticSeverity(code string) Severity {
	switch code {
	case "config-protect-unread":
		return SeverityInfo
	case CodeEmergeStopped: // until somebody mends it, emerge merges nothing
		return SeverityError
	}
	return SeverityWarning
}

// AuditSources reports every source of the host that could not be read, all known
// damage of the others, and a wrong clock.
func AuditSources(db Database) ([]Finding, error) {
	findings, err := SourceFindings(db, store.SourceSettings, store.SourceConfig, store.SourceVDB, store.SourcePkgDir, store.SourceIndex,
		store.SourceEmergeLog, store.SourceOldEmergeLog, store.SourceBuildLog, store.SourceElog, store.SourceCapture, store.SourceLeftovers)
	if err != nil {
		return nil, err
	}
	behind, err := AuditClock(db)
	if err != nil {
		return nil, err
	}
	findings = append(findings, behind...)
	return findings, db.Finish(findings)
}

// AuditUnread reports what exists and the current user could not read. A member of
// the group portage, or root, may be able to. It also reports what Portage itself
// cannot read.
func AuditUnread(db Database) ([]Finding, error) {
	all, err := SourceFindings(db, store.SourceSettings, store.SourceVDB, store.SourcePkgDir, store.SourceIndex, store.SourceEmergeLog, store.SourceBuildLog, store.SourceElog)
	var unread []Finding
	for _, f := range all {
		if f.Code == CodeSourceUnreadable || f.Code == CodePkgdirUnmounted || f.Code == CodeEmergeStopped {
			unread = append(unread, f)
		}
	}
	return unread, err
}

// LogSource describes the log that answers about the history rest on.
type LogSource struct {
	// Findings report a missing or unreadable log, and a wrong clock.
	Findings []Finding
	// Damage is all known damage of its files.
	Damage []store.Diagnostic

	lostUntil int64  // unix seconds: before it, events may be missing
	lost      string // why
}

// Lost returns why events after a time, in unix seconds, may be missing from what is
// known of the log. It returns "" if all of them are known.
func (s *LogSource) Lost(since int64) string {
	if since >= s.lostUntil {
		return ""
	}
	return s.lost
}

// findLost finds until when events may be missing.
func (s *LogSource) findLost(db Database) (err error) {
	if s.lostUntil, err = logs.ReadEmergeLog(db.Tx, db.Host).LostUntil(); err != nil {
		return err
	}
	s.lost = "a part of emerge.log could not be read"
	sources, err := db.Tx.Sources(db.Host, store.SourceEmergeLog)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		s.lostUntil, s.lost = math.MaxInt64, "emerge.log was not read"
	}
	for _, log := range sources {
		switch log.Condition {
		case store.ConditionMissing:
			s.lostUntil, s.lost = math.MaxInt64, "there is no emerge.log"
		case store.ConditionUnreadable:
			s.lostUntil, s.lost = math.MaxInt64, "emerge.log could not be read"
		}
	}
	return nil
}

// AuditLogSource reports the condition of a host's emerge.log. A missing history
// must not look like one in which nothing happened.
func AuditLogSource(db Database) (LogSource, error) {
	var source LogSource
	findings, err := SourceFindings(db, store.SourceEmergeLog)
	if err != nil {
		return source, err
	}
	for _, f := range findings {
		if f.Code == sourceCodes[store.SourceEmergeLog].code || f.Code == CodeSourceUnreadable {
			source.Findings = append(source.Findings, f)
		}
	}
	for _, kind := range []store.SourceKind{store.SourceOldEmergeLog, store.SourceEmergeLog} {
		damage, err := db.Tx.Diagnostics(db.Host, kind)
		if err != nil {
			return source, err
		}
		source.Damage = append(source.Damage, damage...)
	}
	if err := source.findLost(db); err != nil {
		return source, err
	}
	behind, err := AuditClock(db)
	if err != nil {
		return source, err
	}
	source.Findings = slices.Concat(source.Findings, behind)
	return source, db.Finish(source.Findings)
}
