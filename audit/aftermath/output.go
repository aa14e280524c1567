package aftermath

import (
	"slices"
	"strings"

	"emaudit/audit/history"

	"emaudit/audit"
	"emaudit/store"
)

// OutputSource describes the files that answers about the output of merges rest on.
type OutputSource struct {
	// Elog reports whether a folder of elog could be read. Without one it is unknown
	// whether there are messages.
	Elog bool
	// Log is the condition of emerge.log alone.
	Log audit.LogSource
	// ElogLost is why messages may be missing, "" if none are.
	ElogLost string
	// Findings report those that are missing or cannot be read.
	Findings []audit.Finding
	// Damage is all known damage of their files.
	Damage []store.Diagnostic
}

// auditOutputSource reports the condition of the files that merges wrote, and of
// emerge.log, which lists the merges.
func auditOutputSource(db audit.Database) (OutputSource, error) {
	var source OutputSource
	log, err := audit.AuditLogSource(db)
	if err != nil {
		return source, err
	}
	source.Log, source.Findings, source.Damage = log, log.Findings, log.Damage
	sources, err := db.Tx.Sources(db.Host, store.SourceElog)
	if err != nil {
		return source, err
	}
	for _, s := range sources {
		source.Elog = source.Elog || s.Condition == store.ConditionRead
		if s.Condition == store.ConditionUnreadable {
			source.ElogLost = s.Path + " could not be read"
		}
	}
	unreadable, err := audit.SourceFindings(db, store.SourceBuildLog, store.SourceElog, store.SourceCapture)
	if err != nil {
		return source, err
	}
	for _, f := range unreadable {
		if f.Code == audit.CodeSourceUnreadable {
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

// RunOutput is the output of the merges of one run: its failures with their causes,
// and the messages of elog that it saved.
type RunOutput struct {
	Failures []Failure `json:"failures"`
	Messages []Message `json:"messages"`
}

// AuditRunOutput collects the output of a run.
func AuditRunOutput(db audit.Database, run *history.Run) (*RunOutput, error) {
	since := max(run.StartedAt-history.LinkSlack, 1)
	failures, err := AuditFailures(db, since)
	if err != nil {
		return nil, err
	}
	messages, err := AuditMessages(db, MessageFilter{Since: since})
	if err != nil {
		return nil, err
	}
	other := func(id *int64) bool { return id == nil || *id != run.ID }
	out := &RunOutput{
		Failures: slices.DeleteFunc(failures.Rows, func(f Failure) bool { return other(f.Run) }),
		Messages: slices.DeleteFunc(messages.Rows, func(m Message) bool { return other(m.Run) }),
	}
	// A message of die repeats a failure that is listed with its log.
	out.Messages = slices.DeleteFunc(out.Messages, func(m Message) bool {
		return m.Class == ClassError && slices.ContainsFunc(out.Failures, func(f Failure) bool {
			return f.CPV == m.CPV && f.Log != nil && strings.HasPrefix(audit.FirstLine(m.Lines), "ERROR: "+m.CPV)
		})
	})
	slices.Reverse(out.Failures)
	slices.SortStableFunc(out.Messages, func(a, b Message) int { return history.CompareTimes(a.At, b.At, 0, 0) })
	return out, nil
}
