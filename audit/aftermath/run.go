package aftermath

import (
	"slices"
	"strings"

	"emaudit/audit"
	"emaudit/audit/history"
)

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
		return m.Class == "error" && slices.ContainsFunc(out.Failures, func(f Failure) bool {
			return f.CPV == m.CPV && f.Log != nil && strings.HasPrefix(audit.FirstLine(m.Lines), "ERROR: "+m.CPV)
		})
	})
	slices.Reverse(out.Failures)
	slices.SortStableFunc(out.Messages, func(a, b Message) int { return history.CompareTimes(a.At, b.At, 0, 0) })
	return out, nil
}
