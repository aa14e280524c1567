package audit

import (
	"slices"

	"emaudit/store"
)

// LogSource describes the log that answers about the history rest on.
type LogSource struct {
	// Findings report a missing or unreadable log, and a wrong clock.
	Findings []Finding
	// Damage is all known damage of its files.
	Damage []store.Diagnostic
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
		if f.Code == sourceCodes[store.SourceEmergeLog].code || f.Code == "source-unreadable" {
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
	behind, err := AuditClock(db)
	if err != nil {
		return source, err
	}
	source.Findings = slices.Concat(source.Findings, behind)
	return source, db.Finish(source.Findings)
}
