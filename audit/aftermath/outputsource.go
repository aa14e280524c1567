package aftermath

import (
	"slices"

	"emaudit/audit"
	"emaudit/store"
)

// OutputSource describes the files that answers about the output of merges rest on.
type OutputSource struct {
	// History, BuildLogs and Elog report whether emerge.log, a folder of build logs
	// or captured sessions, and a folder of elog could be read. Without them it is
	// unknown whether anything failed, and whether there are messages.
	History, BuildLogs, Elog bool
	// Findings report those that are missing or cannot be read.
	Findings []audit.Finding
	// Damage is all known damage of their files.
	Damage []store.Diagnostic
}

// AuditOutputSource reports the condition of the files that merges wrote, and of
// emerge.log, which lists the merges.
func AuditOutputSource(db audit.Database) (OutputSource, error) {
	var source OutputSource
	log, err := audit.AuditLogSource(db)
	if err != nil {
		return source, err
	}
	source.Findings, source.Damage = log.Findings, log.Damage
	sources, err := db.Tx.Sources(db.Host, "")
	if err != nil {
		return source, err
	}
	for _, s := range sources {
		read := s.Condition == store.ConditionRead
		switch s.Kind {
		case store.SourceEmergeLog, store.SourceOldEmergeLog:
			source.History = source.History || read
		case store.SourceBuildLog, store.SourceCapture:
			source.BuildLogs = source.BuildLogs || read
		case store.SourceElog:
			source.Elog = source.Elog || read
		}
	}
	unreadable, err := audit.SourceFindings(db, store.SourceBuildLog, store.SourceElog, store.SourceCapture)
	if err != nil {
		return source, err
	}
	for _, f := range unreadable {
		if f.Code == "source-unreadable" {
			source.Findings = append(source.Findings, f)
		}
	}
	for _, kind := range []store.SourceKind{store.SourceBuildLog, store.SourceElog, store.SourceCapture} {
		damage, err := db.Tx.Diagnostics(db.Host, kind)
		if err != nil {
			return source, err
		}
		source.Damage = append(source.Damage, damage...)
	}
	source.Findings = slices.Clip(source.Findings)
	return source, nil
}
