package state

import (
	"fmt"

	"emaudit/audit"
	"emaudit/store/logs"
)

// findings returns a finding for each disagreement, with the line of the log.
func (t *timeline) findings() []audit.Finding {
	var all []audit.Finding
	// There may be one for every third merge, so they share what they have in common.
	remedy := audit.Do(audit.Emaudit("ingest")).When("change packages only with emerge, then record the state")
	for _, d := range t.disagreements {
		c := &t.Changes[d.change]
		f := audit.Finding{Code: audit.CodeStateDisagreement, Severity: audit.SeverityWarning, Subject: d.cpv}
		if c.kind != changeSnapshot {
			file, offset := logs.Place(t.segments, c.place)
			f.Evidence = []audit.Evidence{{Source: file, Offset: offset}}
		}
		switch {
		case d.found == d.cpv:
			f.Message = fmt.Sprintf("it was installed again without a line in emerge.log, %s", t.window(d))
		case d.found != "":
			f.Message = fmt.Sprintf("emerge.log says that it was installed, but later %s was installed: something replaced it without a line in the log, %s", d.found, t.window(d))
		default:
			f.Message = fmt.Sprintf("emerge.log says that it was installed, but later it was gone without a line in the log, %s", t.window(d))
		}
		switch {
		case d.settled:
			f.Severity = audit.SeverityInfo
			f.Message += "; COUNTER proves that no other merge is missing: only this package is unknown in the states between"
		case d.unloggedRemoval:
			f.Severity = audit.SeverityInfo
			f.Message += "; COUNTER proves that no merge is missing: only this package is unknown in the states between"
		default:
			f.Message += "; earlier states are unknown"
		}
		f.Remedy = remedy
		all = append(all, f)
	}
	all = append(all, t.ebuildMergeFindings()...)
	all = append(all, t.restoreFindings()...)
	all = append(all, t.clockFindings()...)
	for _, h := range t.unexplained {
		c := &t.Changes[h.until]
		file, offset := logs.Place(t.segments, c.place)
		all = append(all, audit.Finding{
			Code: "state-unlogged-merges", Severity: audit.SeverityWarning, Subject: c.merge.CPV, Evidence: []audit.Evidence{{Source: file, Offset: offset}},
			Message: fmt.Sprintf("COUNTER counts %d merges that emerge.log does not have, %s; earlier states are unknown", h.least, t.between(h.from, h.until)),
			Remedy:  searchRotatedLog,
		})
	}
	return all
}

// window returns a phrase for the time of an unlogged event.
func (t *timeline) window(d disagreement) string {
	return t.between(max(d.from-1, 0), min(d.until, len(t.Changes)))
}

// between returns a phrase for the days between two changes.
func (t *timeline) between(from, until int) string {
	since := audit.Day(t.Changes[from].at)
	if until >= len(t.Changes) {
		return "after " + since
	}
	if to := audit.Day(t.Changes[until].at); to != since {
		return fmt.Sprintf("between %s and %s", since, to)
	}
	return "on " + since
}
