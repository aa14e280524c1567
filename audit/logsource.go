package audit

import (
	"slices"

	"emaudit/store"
)

// LogSource says what answers about the history rest on.
type LogSource struct {
	// Findings say that the log is missing or cannot be read, or that the clock is
	// wrong by which it is asked.
	Findings []Finding
	// Damage is all damage known of its files.
	Damage []store.Diagnostic
}

// AuditLogSource reports the condition of a host's emerge.log: an empty history
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
